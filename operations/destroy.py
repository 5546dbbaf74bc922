"""Takes a Kometa host apart: what deploy.py made, in the opposite order."""

import os
import sys
from collections.abc import Iterable

from pyinfra import host

from kometa_host.errors import UserError
from kometa_host.plans import destroy as destroy_plan
from kometa_host.plans.destroy import CONFIRM, DATA, Remains
from kometa_host.state.desired import network_quadlet
from kometa_host.state.filesets import Changes, FileSet
from kometa_host.state.observed import Observed
from operations.engine.files import files_change, show_diff
from operations.engine.operation import (
    Change,
    Commands,
    account_change,
    ask,
    confirm,
    host_operation,
    look_again,
    root_change,
    settings,
    told,
)
from operations.engine.run_state import run_state


def remains() -> Remains:
    """Return what is left of Kometa on the host, read once in each stage. Raise UserError if it cannot be read."""
    known, stage = run_state(host), host.state.current_stage
    # Once the lock was waited for, what was seen before counts no longer.
    if known.remains is None or known.observed != (stage, known.remains.found):
        known.remains = _look_again()
        known.observed = (stage, known.remains.found)
    return known.remains


def _look_again() -> Remains:
    known = settings()
    found = look_again(destroy_plan.empty_sets(known))
    if not found.host.account(known.mms_user) or not found.host.has_command("podman"):
        return Remains(known, found, Observed({}))
    looked = ask(
        "destroy_look",
        quadlet_dir=known.quadlet_dir,
        library_dir=known.library_dir,
        network=known.mms_network,
        config_dir=known.kometa_config_dir,
        backup_dir=known.kometa_backup_dir,
    )
    return Remains(known, found, told(looked))


def _with_data() -> bool:
    return destroy_plan.wants_data(host.data.get(DATA))


def _part(what: str, part: str, data: bytes = b"", **variables: object) -> Change:
    return account_change(what, "destroy", call=part, data=data, **variables)


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


@host_operation
def agreed() -> Commands:
    """Refuse, before anything changes, what cannot or must not be destroyed: a run in progress, data not agreed upon.

    What destroy_data=true deletes is listed. It has to be confirmed with the host's name, typed in a terminal or given
    as destroy_confirm (several hosts: with commas between their names).

        destroy.agreed(name="Agreement")
    """
    left = remains()
    destroy_plan.refuse_unreachable_manager(left)
    destroy_plan.refuse_during_run(left)
    if _with_data():
        _agree_to_lose(destroy_plan.data_of(left, destroy_plan.why_account_stays(left) is None))
    host.noop("removal is safe")
    yield from ()


def _agree_to_lose(data: list[str]) -> None:
    if not data:
        return
    _list_once(data)
    # A preview lists, and asks nothing.
    if not host.state.is_executing or destroy_plan.is_confirmed(host.data.get(CONFIRM), host.name) or _is_typed():
        return
    raise UserError(
        f"nothing was changed: deleting data has to be confirmed. Add --data {CONFIRM}={host.name}, "
        "or run the command in a terminal and type the name there."
    )


def _list_once(data: list[str]) -> None:
    if not run_state(host).says_first("data"):
        return
    host.log(f"{DATA}: these go for good:")
    for line in data:
        host.log(f"  {line}")


def _is_typed() -> bool:
    if not sys.stdin.isatty() or host.data.get(CONFIRM):
        return False
    print(
        f"{host.print_prefix}type the host's name ({host.name}) to delete them: ", end="", file=sys.stderr, flush=True
    )
    return sys.stdin.readline().strip() == host.name


@host_operation
def files(of: str) -> Commands:
    """Make sure that nothing of a set of our files is left; units of it are stopped and disabled first.

    + of: `units`, `library` or `quadlets`; the network's Quadlet stays while others use the network

        destroy.files(name="Timers and units", of="units")
    """
    left = remains()
    wanted, changes = _reduced(left, of)
    if not changes:
        host.noop(f"no {of} of ours are left")
        return
    show_diff(wanted, changes)
    if of == "units":
        yield _part("stopping timers and units", "stop_units", data=_lines(changes.remove))
    then = "" if of == "library" else "reload_units"
    yield files_change(wanted, changes, then=then)
    _, after = _reduced(_look_again(), of)
    confirm(not after, f"{', '.join(after.files)} are still there.")


def _reduced(left: Remains, name: str) -> tuple[FileSet, Changes]:
    known = left.settings
    keep = [network_quadlet(known)] if name == "quadlets" and left.network_users else []
    return destroy_plan.without(left.found.files(name), name, destroy_plan.root_of(known, name), keep)


@host_operation
def kometa() -> Commands:
    """Make sure that Kometa's service is stopped and that its container is gone. A container of others stays.

    destroy.kometa(name="Service kometa")
    """
    if not remains().service_left:
        host.noop("it does not run")
        return
    yield _part("stopping kometa.service", "remove_service")
    confirm(not _look_again().service_left, "kometa.service or its container is still there.")


@host_operation
def network() -> Commands:
    """Make sure that the network which the deploy has made is gone, unless others use it.

    destroy.network(name="Network mms")
    """
    left = remains()
    if left.found.network is None or not left.network_is_ours:
        host.noop("there is none of ours")
        return
    if left.network_users:
        host.log(f"the network {left.settings.mms_network} stays: {', '.join(left.network_users)} use it")
        host.noop("others use it")
        return
    name = left.settings.mms_network
    yield _part(f"removing the network {name}", "remove_network", network=name)
    confirm(_look_again().found.network is None, f"the network {name} is still there.")


@host_operation
def images() -> Commands:
    """Make sure that no image of Kometa's repository is left, previous ones included; those that others use stay.

    destroy.images(name="Images")
    """
    ids = remains().images
    if not ids:
        host.noop("there are none")
        return
    yield _part("removing images", "remove_images", data=_lines(ids))


@host_operation
def data() -> Commands:
    """With destroy_data=true, delete the config tree, the backups and the Podman secrets; agreed() has listed them.

    destroy.data(name="Data")
    """
    left = remains()
    if not _with_data():
        host.noop("config tree, backups and secrets stay")
        return
    paths = [*(tree.path for tree in left.trees), *(path for path, _ in left.archives)]
    if paths:
        names = b"".join(os.fsencode(path) + b"\0" for path in paths)
        yield _part("deleting data", "remove_data", data=names, backup_dir=left.settings.kometa_backup_dir)
    if left.secrets:
        names = _lines(f"kometa-{name}" for name in left.secrets)
        yield _part("removing secrets", "remove_secrets", data=names)
    if not paths and not left.secrets:
        host.noop("there are none")


@host_operation
def state() -> Commands:
    """Make sure that what the deploys noted for themselves is gone.

    Which files of the config tree are ours, and copies of files that were replaced, are kept as long as the tree is.

        destroy.state(name="Records of previous deploys")
    """
    left = remains()
    whole = _with_data()
    noted = left.lines("whole-state" if whole else "state")
    keep = [] if whole or not left.network_users else ["!", "-name", "quadlets"]
    if keep:
        noted = tuple(path for path in noted if not path.endswith("/files/quadlets"))
    if not noted:
        host.noop("there are none")
        return
    library = left.settings.library_dir
    yield _part("removing notes", "remove_state", whole=whole, keep=keep, library_dir=library)


@host_operation
def account() -> Commands:
    """With destroy_data=true, remove the account and its home, if a deploy has made it and nobody else lives there.

    destroy.account(name="Account mms")
    """
    left = remains()
    user = left.settings.mms_user
    if not _with_data() or not left.found.host.account(user):
        host.noop("it stays, and it still lingers" if not _with_data() else "there is none")
        return
    why = destroy_plan.why_account_stays(left)
    if why:
        host.log(f"the account {user} stays: {why}")
        host.noop("it stays")
        return
    yield root_change(f"removing the account {user}", "destroy_account", user=user)
