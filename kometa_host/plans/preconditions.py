"""What a host must allow before anything on it is changed; all that it does not allow is said at once. Pure."""

from collections.abc import Callable

from kometa_host.errors import UserError
from kometa_host.plans import account as account_plan
from kometa_host.plans import backup as backup_plan
from kometa_host.plans import network as network_plan
from kometa_host.plans import packages as packages_plan
from kometa_host.plans import places, plex, rootless, schedules, takeover
from kometa_host.plans.account import WantedAccount
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import Observed


def refuse_unmet(settings: Settings, found: Observed) -> None:
    """Given the settings of a host and its state, raise one UserError with all that stands in the way of a deploy."""
    account = WantedAccount(settings.mms_user, settings.mms_uid, settings.mms_gid, settings.home)
    checks: list[Callable[[], object]] = [
        lambda: account_plan.account_plan(account, found),
        lambda: packages_plan.refuse_old_podman(found),
        lambda: packages_plan.refuse_unavailable(settings, found),
        lambda: rootless.refuse_impossible(settings, found.host),
        lambda: schedules.refuse_unusable(settings, found),
        lambda: places.refuse_unwritable(settings, found),
        lambda: places.refuse_network_file_system(settings, found),
        lambda: backup_plan.refuse_without_password(settings),
        lambda: refuse_mountpoint(settings, found),
        lambda: refuse_used_network(settings, found),
        lambda: refuse_missing_volumes(found),
        lambda: refuse_unlimited_memory(settings, found),
        lambda: plex.refuse_unreachable(settings, found),
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


def refuse_missing_volumes(found: Observed) -> None:
    """Raise UserError if something that is to be mounted is not there: the container could not be made."""
    if missing := found.text("missing-volumes").splitlines():
        raise UserError(
            f"kometa_volumes names {', '.join(missing)}, which the account does not find on the host. "
            "Create or mount it, or give the account access to it."
        )


def refuse_unlimited_memory(settings: Settings, found: Observed) -> None:
    """Raise UserError if memory is to be limited and the host lets its accounts limit none: nothing would start."""
    told = "cgroup-controllers" in found.values
    if settings.kometa_memory and told and "memory" not in found.text("cgroup-controllers").split():
        raise UserError(
            "kometa_memory is set, and the host does not let the account limit memory: its user manager has no memory "
            "controller. Enable it (on a Raspberry Pi: cgroup_enable=memory in cmdline.txt), or leave the variable out."
        )


def refuse_used_network(settings: Settings, found: Observed) -> None:
    """Raise UserError if the network has to be recreated while containers of others use it."""
    if fault := network_plan.fault(found.network):
        network_plan.refuse_if_used(settings.mms_network, fault, found)
