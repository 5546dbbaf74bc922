"""What differs between distributions: package names, and those whose Podman is too old for Quadlet. Pure."""

import re
from collections.abc import Mapping
from typing import TypeGuard

from kometa_host.errors import UserError
from kometa_host.settings import restic
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import Observed

OLDEST_PODMAN = (4, 7)  # the first whose Quadlet knows all that ours say: Secret=, Tmpfs=, NetworkName=

# Programs that show whether what Kometa's host needs is there; see programs/lib/host_facts.sh.
NEEDED = (
    *("podman", "newuidmap", "netavark", "aardvark-dns", "dbus-user-session", "zstd", "tar", "flock", "python3"),
    "pgrep",  # without it a run in progress would not be seen
)
SLIRP = "slirp4netns"  # rootless Podman's way to the network before version 5, which has pasta

_COMMON = ("podman", "passt", "netavark", "aardvark-dns", "crun", "fuse-overlayfs", "nftables", "zstd", "tar")
_DNF = (*_COMMON, "shadow-utils-subid", "dbus-daemon", "util-linux-core", "python3", "tzdata", "procps-ng")
# By family of distributions: not all that have one package manager have the same names or packages. Python and its time
# zones are for the watcher of runs.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "debian": (*_COMMON, "uidmap", "dbus-user-session", "util-linux", "python3", "tzdata", "procps"),
    "fedora": _DNF,
    "rhel": _DNF,
    "suse": (*_COMMON, "shadow", "dbus-1", "util-linux", "python3", "timezone", "procps"),
    "arch": (*_COMMON, "shadow", "dbus", "util-linux", "python", "tzdata", "procps-ng"),
}
MANAGERS: Mapping[str, str] = {
    "debian": "apt-get",
    "fedora": "dnf",
    "rhel": "dnf",
    "suse": "zypper",
    "arch": "pacman",
}
# What only some hosts need, for pings, messages or to follow a repository: programs, and by family what brings them.
Extra = tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]
_PINGS: Extra = (("curl",), dict.fromkeys(PACKAGES, ("curl",)))
_MESSAGES: Extra = (("apprise",), {**dict.fromkeys(PACKAGES, ("apprise",)), "suse": ("python3-apprise",)})
_BACKUPS: Extra = (("age",), dict.fromkeys(PACKAGES, ("age",)))
_BEFORE_PASTA: Extra = ((SLIRP,), dict.fromkeys(PACKAGES, (SLIRP,)))
_OF_DNF = ("git-core", "openssh-clients", "python3-pip")
_PULL: Extra = (
    ("git", "ssh-keygen", "python3-venv"),
    {
        "debian": ("git", "openssh-client", "python3-venv"),
        "fedora": _OF_DNF,
        "rhel": _OF_DNF,
        "suse": _OF_DNF,
        "arch": ("git", "openssh", "python"),
    },
)
# Whose python3 is older than what pull mode needs, by the first number of the version.
_NEWER_PYTHON = {("rhel", "8"): "python3.11", ("rhel", "9"): "python3.11", ("suse", "15"): "python311"}
_RESTIC: Extra = (("restic",), dict.fromkeys(PACKAGES, ("restic",)))
_RCLONE: Extra = (("rclone",), dict.fromkeys(PACKAGES, ("rclone",)))
_SSH: Extra = (
    ("ssh",),
    {**dict.fromkeys(PACKAGES, ("openssh-clients",)), "debian": ("openssh-client",), "arch": ("openssh",)},
)
_FROM_EPEL = ("age", "apprise", "restic", "rclone")  # which Red Hat's own repositories do not have
_PODMAN_4 = {("ubuntu", "24.04"): True}
_TOO_OLD = {("debian", "11"): "3.0", ("debian", "12"): "4.3", ("ubuntu", "20.04"): "none", ("ubuntu", "22.04"): "3.4"}
WHY_NEWER = f"Kometa's service is a Quadlet, which needs Podman {'.'.join(map(str, OLDEST_PODMAN))} or newer"
UPGRADE = (
    "Upgrade the distribution (Debian 13, Ubuntu 24.04, Fedora 40, RHEL 9.4 and openSUSE Leap 15.6 or newer have it) "
    "or install a newer Podman yourself, then deploy again."
)


def podman_version(text: str) -> tuple[int, ...] | None:
    """Given the output of `podman --version`, return the version's numbers, None if there are none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups(default="0")) if found else None


def _extras(settings: Settings, found: Observed | None) -> list[Extra]:
    scheme = restic.scheme_of(settings.kometa_backup_repository)
    wanted = [
        (settings.archives_enabled, _BACKUPS),
        (scheme, _RESTIC),
        (scheme == "sftp", _SSH),
        (scheme == "rclone", _RCLONE),
        (settings.kometa_notify_url, _PINGS),
        (settings.kometa_notify, _MESSAGES),
        (settings.follows_git, _PULL),
        (found is None or needs_slirp(found), _BEFORE_PASTA),
    ]
    return [extra for is_wanted, extra in wanted if is_wanted]


def needs_slirp(found: Observed) -> bool:
    """Return whether the host's Podman reaches the network by slirp4netns: before version 5, or where it is told to."""
    told, version = found.host.text("rootless-network"), podman_version(found.host.text("podman-version"))
    offered = _PODMAN_4.get((found.host.os_release.get("ID", ""), found.host.os_release.get("VERSION_ID", "")), False)
    return told == SLIRP or (not told and (version < (5,) if version else offered))


def needed(settings: Settings, found: Observed | None = None) -> tuple[str, ...]:
    """Return the programs that a host with these settings has to have; all that may be, where it is not known yet."""
    return (*NEEDED, *(name for programs, _ in _extras(settings, found) for name in programs))


def missing_commands(settings: Settings, found: Observed) -> list[str]:
    """Return the programs that the host lacks."""
    return [name for name in needed(settings, found) if not found.host.has_command(name)]


def family(found: Observed) -> str | None:
    """Return the family of the host's distribution, by which packages are named; None where it is not known."""
    names = f"{found.host.os_release.get('ID', '')} {found.host.os_release.get('ID_LIKE', '')}".split()
    families = {"rhel": ("rhel", "centos"), "fedora": ("fedora",), "debian": ("debian", "ubuntu"), "arch": ("arch",)}
    by_name = next((known for known, of in families.items() if not set(of).isdisjoint(names)), None)
    suse = "suse" if any("suse" in name for name in names) else None
    by_manager = next(
        (known for known, manager in MANAGERS.items() if manager == found.host.text("package-manager")), None
    )
    return by_name or suse or by_manager


def is_too_old(installed: tuple[int, ...] | None) -> TypeGuard[tuple[int, ...]]:
    """Return whether a version of Podman is there that makes no service of our Quadlet."""
    return installed is not None and installed[:2] < OLDEST_PODMAN


def refuse_old_podman(found: Observed) -> None:
    """Raise UserError if the host's Podman, or the one that its distribution would bring, has no Quadlet."""
    name = found.host.os_release.get("PRETTY_NAME", "this distribution")
    installed = podman_version(found.host.text("podman-version"))
    if is_too_old(installed):
        raise UserError(f"{name} has Podman {'.'.join(map(str, installed))}. {WHY_NEWER}. {UPGRADE}")
    offered = _TOO_OLD.get((found.host.os_release.get("ID", ""), found.host.os_release.get("VERSION_ID", "")))
    if not installed and offered:
        raise UserError(f"{name} offers Podman {offered}. {WHY_NEWER}. {UPGRADE}")


def refuse_unavailable(settings: Settings, found: Observed) -> None:
    """Raise UserError if something is missing that this host's package manager cannot bring."""
    missing = missing_commands(settings, found)
    if not missing:
        return
    of, names = packages_of(settings, found)
    if found.host.text("is-ostree"):
        raise UserError(
            f"{', '.join(missing)}: missing, and this system is an image that a deploy cannot add packages to. "
            f"As root: rpm-ostree install --idempotent {' '.join(names)}; systemctl reboot. Then deploy again."
        )
    lacking = [name for name in missing if name in _FROM_EPEL]
    if of == "rhel" and lacking and not found.host.text("has-epel"):
        raise UserError(
            f"{', '.join(lacking)}: missing, and {found.host.os_release.get('PRETTY_NAME', 'this distribution')} has "
            "it in EPEL alone, which is not enabled. As root: dnf install epel-release (RHEL itself: see "
            "docs.fedoraproject.org/en-US/epel), then deploy again. age is for backups, apprise for kometa_notify."
        )


def packages_of(settings: Settings, found: Observed) -> tuple[str, tuple[str, ...]]:
    """Return the family of the host's distribution and what to install. Raise UserError for one that is not known."""
    of = family(found)
    if of is None:
        missing = ", ".join(missing_commands(settings, found))
        raise UserError(
            f"{found.host.os_release.get('PRETTY_NAME', 'this host')} has none of the package managers "
            f"{', '.join(dict.fromkeys(MANAGERS.values()))}. Install these yourself, then deploy again: {missing}."
        )
    extras = [name for _, packages in _extras(settings, found) for name in packages[of]]
    newer = _NEWER_PYTHON.get((of, found.host.os_release.get("VERSION_ID", "").partition(".")[0]))
    return of, (*PACKAGES[of], *extras, *([newer] if newer and settings.follows_git else []))
