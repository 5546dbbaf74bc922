"""What a host must allow before anything on it is changed; all that it does not allow is said at once. Pure."""

import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from kometa_host.errors import UserError
from kometa_host.plans import account as account_plan
from kometa_host.plans import network as network_plan
from kometa_host.plans import packages as packages_plan
from kometa_host.plans import schedules, takeover
from kometa_host.plans.account import WantedAccount
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import Container, Observed

# Plex Media Server's images: plexinc's, LinuxServer's, and whatever others call theirs
PLEX_IMAGE = re.compile(r"/(pms-docker|plex)(:|@|$)")


def refuse_unmet(settings: Settings, found: Observed) -> None:
    """Given the settings of a host and its state, raise one UserError with all that stands in the way of a deploy."""
    account = WantedAccount(settings.mms_user, settings.mms_uid, settings.mms_gid, settings.home)
    checks: list[Callable[[], object]] = [
        lambda: account_plan.account_plan(account, found),
        lambda: packages_plan.refuse_old_podman(found),
        lambda: schedules.refuse_unusable(settings, found),
        lambda: refuse_mountpoint(settings, found),
        lambda: refuse_used_network(settings, found),
        lambda: refuse_roundabout_plex(settings, found.containers.values()),
        lambda: takeover.refuse_unclear(settings, found),
    ]
    problems = [str(error) for check in checks if (error := _error_of(check))]
    if problems:
        raise UserError("\n".join(problems))


def _error_of(check: Callable[[], object]) -> UserError | None:
    try:
        check()
    except UserError as error:
        return error
    return None


def refuse_mountpoint(settings: Settings, found: Observed) -> None:
    """Raise UserError if the config tree is a file system of its own: nothing beside it could be put in its place."""
    if found.files("config").is_mountpoint:
        path = settings.kometa_config_dir
        raise UserError(
            f"{path} is a mount point itself, so files cannot be prepared beside it and put in place at once. "
            f"Set kometa_config_dir to a directory inside it, such as {path}/kometa."
        )


def refuse_used_network(settings: Settings, found: Observed) -> None:
    """Raise UserError if the network has to be made anew while containers of others use it."""
    if fault := network_plan.fault(found.network):
        network_plan.refuse_if_used(settings.mms_network, fault, found)


def refuse_roundabout_plex(settings: Settings, containers: Iterable[Container]) -> None:
    """Raise UserError if Plex runs on the same network and is not called by its container's name."""
    names = [
        container.name
        for container in containers
        if container.state == "running"
        and PLEX_IMAGE.search(container.image)
        and settings.mms_network in container.networks
    ]
    # a URL's host is in small letters, and Podman's name server takes them for the same
    if names and settings.plex_host not in [name.lower() for name in names]:
        port = urlsplit(settings.kometa_plex_url).port or 32400
        raise UserError(
            f"kometa_plex_url is {settings.kometa_plex_url}, but Plex runs on this host as the container {names[0]} "
            f"in the network {settings.mms_network}, where Kometa reaches it directly. Set kometa_plex_url to "
            f"http://{names[0]}:{port}, here and in Kometa's config.yml."
        )
