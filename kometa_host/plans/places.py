"""Whether the account may write where its files belong, and whether they can live there. Pure.

Data are often copied to a new host first, by root; what they lie in is then root's.
"""

from dataclasses import dataclass
from shlex import quote

from kometa_host.errors import UserError
from kometa_host.plans.ownership import while_nothing_runs
from kometa_host.settings.paths import contains
from kometa_host.settings.variables import Settings
from kometa_host.state.answers import sensible
from kometa_host.state.observed import HostFacts, Observed

NETWORK_FILE_SYSTEMS = {"nfs": "NFS", "cifs": "CIFS (SMB)", "smb": "CIFS (SMB)", "smb2": "CIFS (SMB)"}  # as stat says
ON_THE_NETWORK = (
    "Kometa's cache is an SQLite database, which breaks there, and the server lets nobody give files to the ids of a "
    "rootless container, as the image's start does."
)
ON_A_DISK = "Set kometa_config_dir to a directory on a disk of the host (backups can go to the server)"


@dataclass(frozen=True)
class Place:
    """A directory that is there, with its owners and its mode as the host has them.

    has_acl: an access control list says more than the mode; what it says is not known here.
    """

    path: str
    uid: int
    gid: int
    mode: int
    has_acl: bool = False


def refuse_unwritable(settings: Settings, found: Observed) -> None:
    """Raise UserError if the home, or the directory in which the config tree lies or will, is not the account's."""
    is_in_home = contains(settings.home, settings.kometa_config_dir)
    for place, comes_with_account in zip(_places(found), (True, is_in_home), strict=False):
        is_above_home = contains(place.path, settings.home) and place.path != settings.home
        if not (comes_with_account and is_above_home) and not _is_writable(place, settings, found.host):
            raise UserError(_remedy(place, settings, found.host))


def refuse_network_file_system(settings: Settings, found: Observed) -> None:
    """Raise UserError if a config tree that is not there yet would lie on a file system of another machine."""
    kind = network_file_system(found)
    if kind and not found.files("config").digest:
        raise UserError(f"{settings.kometa_config_dir} is on {kind}. {ON_THE_NETWORK} {ON_A_DISK}; then deploy again.")


def network_file_system(found: Observed) -> str:
    """Return the name of the network file system on which the config tree lies or will, empty if it is on none."""
    kind = found.text("own-config-file-system") or found.host.text("config-file-system")
    return NETWORK_FILE_SYSTEMS.get(kind.strip(), "")


@sensible("its directories")
def _places(found: Observed) -> list[Place]:
    """Return the directories that the account has to write to, or the nearest above them that is there.

    The account tells of them once it is there, root before.
    """
    told = found.text("own-places") or found.host.text("places")
    fields = [line.split(" ", 3) for line in told.splitlines()]
    return [
        Place(path, int(uid), int(gid), int(mode.rstrip("+"), 8), mode.endswith("+")) for uid, gid, mode, path in fields
    ]


def _ids(settings: Settings, found: HostFacts) -> tuple[int, int]:
    account = found.account(settings.mms_user)
    return (account.uid, account.gid) if account else (settings.mms_uid, settings.mms_gid)


def _is_writable(place: Place, settings: Settings, found: HostFacts) -> bool:
    uid, gid = _ids(settings, found)
    own = [entry for entry in found.subordinate("subuid") if entry.owner in (settings.mms_user, str(uid))]
    # Files are put in place inside the account's user namespace, where its subordinate ids' are its own.
    is_own = place.uid == uid or any(entry.start <= place.uid < entry.start + entry.count for entry in own)
    return (
        (is_own and bool(place.mode & 0o200))
        or (place.gid == gid and bool(place.mode & 0o020))
        or bool(place.mode & 0o002)
        or place.has_acl
    )


def _remedy(place: Place, settings: Settings, found: HostFacts) -> str:
    uid, gid = _ids(settings, found)
    target, command = place.path, f"chown -h {uid}:{gid}"
    if not contains(settings.home, place.path):
        target, command = settings.kometa_config_dir.rpartition("/")[0], f"install -d -o {uid} -g {gid}"
    todo = f"{command} {quote(target)}"
    if found.accounts:  # it could have put a link there by now
        todo = while_nothing_runs(todo, target, settings.mms_user)
    return (
        f"{place.path} is there and belongs to uid {place.uid}, so {settings.mms_user} cannot write there, where "
        f"{settings.kometa_config_dir} belongs. As root: {todo}; then deploy again."
    )
