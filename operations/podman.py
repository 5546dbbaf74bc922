"""Podman's objects of the account: image, network, and ownership inside its user namespace."""

from pyinfra import host, logger

from kometa_host.errors import UserError
from kometa_host.plans import network as network_plan
from kometa_host.plans.ownership import left_to_administrator
from kometa_host.settings.paths import checked_directory
from kometa_host.settings.refusals import RefusalError
from kometa_host.state.observed import ForeignOwned, parse_foreign_owned
from operations.engine.operation import (
    Commands,
    account_change,
    ask,
    confirm,
    host_operation,
    look_again,
    observe,
    settings,
)
from operations.engine.run_state import run_state


@host_operation
def image(image: str) -> Commands:
    """Make sure that the image is on the host. A newer one in the registry is the business of autodeploy.

    + image: full reference, with registry and tag or digest

        podman.image(name="Image", image="lscr.io/linuxserver/kometa:latest")
    """
    if observe().image_id:
        host.noop(f"image {image} is there")
        return
    yield account_change(f"pulling {image}", "image", image=image)
    confirm(look_again().image_id is not None, f"the image {image} is not there after it was pulled.")


@host_operation
def network(network: str) -> Commands:
    """Make sure that the network exists and resolves container names; one that does not is recreated.

    + network: name as `podman network ls` shows it

        podman.network(name="Network mms", network="mms")
    """
    found = observe()
    fault = network_plan.fault(found.network)
    if not fault:
        host.noop(f"network {network} is there")
        return
    network_plan.refuse_if_used(network, fault, found)
    if found.run_started and settings().kometa_restart == "when-idle":
        host.log(
            f"postponed: {fault}, but a run is in progress. Deploy again later, or with --data kometa_restart=now."
        )
        return
    yield account_change(f"making the network {network}", "network", network=network)
    fault = network_plan.fault(look_again().network)
    confirm(not fault, f"the network {network} is still not as it has to be: {fault}.")


@host_operation
def unshare_chown(path: str | None = None, uid: int | None = None, gid: int | None = None) -> Commands:
    """Give everything below a path to an owner, as seen inside the account's user namespace.

    + path: absolute path of a file or directory on the host; symbolic links are given away themselves, not followed
    + uid, gid: ids inside the namespace; 0 is the account itself

    What belongs to nobody in there, and cannot be replaced by a copy, is named and left to an administrator.

        podman.unshare_chown(name="Owners", path="/home/mms/config/kometa", uid=3000, gid=3000)
    """
    if path is None or not isinstance(uid, int) or not isinstance(gid, int):
        raise UserError(
            "operations.podman.unshare_chown needs path=, uid= and gid=, "
            "for example: path=/home/mms/config/kometa uid=3000 gid=3000"
        )
    path = _checked_path(path)
    found = _ownership(path, uid, gid)
    if not found.count:
        host.noop(f"{path} belongs to {uid}:{gid}")
        return
    host.log(f"{found.count} of the entries in {path} belong to others, the first: {', '.join(found.first)}")
    _name_out_of_reach(path, found)
    if found.count == found.out_of_reach:
        return
    yield account_change(f"giving {path} to {uid}:{gid}", "ownership", path=path, uid=uid, gid=gid)
    still = _ownership(path, uid, gid, again=True)
    left = still.count - still.out_of_reach
    confirm(not left, f"{left} entries of {path} still belong to others: {', '.join(still.first)}")


def _name_out_of_reach(path: str, found: ForeignOwned) -> None:
    if found.out_of_reach and run_state(host).says_first(f"out of reach in {path}"):
        host.log(left_to_administrator(path, settings().mms_user, found), logger.warning)


def _checked_path(path: str) -> str:
    try:
        return checked_directory(path, settings().kometa_config_dir)
    except RefusalError as refusal:
        raise UserError(f"path: {refusal}") from None


def _ownership(path: str, uid: int, gid: int, again: bool = False) -> ForeignOwned:
    """Return what below the path belongs to others; from the composite read where that has looked there."""
    known = settings()
    if (path, uid, gid) == (known.kometa_config_dir, known.kometa_puid, known.kometa_pgid):
        return (look_again() if again else observe()).foreign_owned
    completed = ask("foreign_owned", path=path, uid=uid, gid=gid)
    if completed.status:
        raise UserError(f"{path} cannot be looked through: {completed.stderr.strip() or 'is it there?'}")
    return parse_foreign_owned(completed.stdout.decode("utf-8", "replace"))
