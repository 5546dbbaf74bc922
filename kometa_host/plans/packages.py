"""What differs between distributions: package names, and those whose Podman is too old for Quadlet. Pure."""

import re
from collections.abc import Mapping

from kometa_host.errors import UserError
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import Observed

OLDEST_PODMAN = (4, 4)  # the first with Quadlet

# Programs that show whether what Kometa's host needs is there; see programs/read/observe.sh.
NEEDED = ("podman", "newuidmap", "netavark", "aardvark-dns", "dbus-user-session", "age", "zstd", "tar", "flock")

_COMMON = ("podman", "passt", "netavark", "aardvark-dns", "crun", "fuse-overlayfs", "nftables", "age", "zstd", "tar")
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "apt-get": (*_COMMON, "uidmap", "dbus-user-session", "util-linux"),
    "dnf": (*_COMMON, "shadow-utils-subid", "dbus-daemon", "util-linux-core"),
    "zypper": (*_COMMON, "shadow", "dbus-1", "util-linux"),
    "pacman": (*_COMMON, "shadow", "dbus", "util-linux"),
}
# What only some hosts need, for pings or to follow a repository: programs, and by package manager what brings them.
Extra = tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]
_PINGS: Extra = (("curl",), dict.fromkeys(PACKAGES, ("curl",)))
_PULL: Extra = (
    ("git", "ssh-keygen", "python3-venv"),
    {
        "apt-get": ("git", "openssh-client", "python3-venv"),
        "dnf": ("git-core", "openssh-clients", "python3-pip"),
        "zypper": ("git-core", "openssh-clients", "python3-pip"),
        "pacman": ("git", "openssh", "python"),
    },
)
_TOO_OLD = {("debian", "11"): "3.0", ("debian", "12"): "4.3", ("ubuntu", "20.04"): "none", ("ubuntu", "22.04"): "3.4"}
_WAY_OUT = (
    "Kometa's service is a Quadlet, which needs Podman 4.4 or newer. Upgrade the distribution (Debian 13, Ubuntu "
    "24.04, Fedora 38 and RHEL 9.2 or newer have it) or install a newer Podman yourself, then deploy again."
)


def podman_version(text: str) -> tuple[int, ...] | None:
    """Given the output of `podman --version`, return the version's numbers, None if there are none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups(default="0")) if found else None


def _extras(settings: Settings) -> list[Extra]:
    wanted = [(settings.kometa_notify_url, _PINGS), (settings.follows_git, _PULL)]
    return [extra for is_wanted, extra in wanted if is_wanted]


def needed(settings: Settings) -> tuple[str, ...]:
    """Return the programs that a host with these settings has to have."""
    return (*NEEDED, *(name for programs, _ in _extras(settings) for name in programs))


def missing_commands(settings: Settings, found: Observed) -> list[str]:
    """Return the programs that the host lacks."""
    return [name for name in needed(settings) if not found.has_command(name)]


def refuse_old_podman(found: Observed) -> None:
    """Raise UserError if the host's Podman, or the one that its distribution would bring, has no Quadlet."""
    name = found.os_release.get("PRETTY_NAME", "this distribution")
    installed = podman_version(found.text("podman-version"))
    if installed and installed[:2] < OLDEST_PODMAN:
        raise UserError(f"{name} has Podman {'.'.join(map(str, installed))}. {_WAY_OUT}")
    offered = _TOO_OLD.get((found.os_release.get("ID", ""), found.os_release.get("VERSION_ID", "")))
    if not installed and offered:
        raise UserError(f"{name} offers Podman {offered}. {_WAY_OUT}")


def packages_of(settings: Settings, found: Observed) -> tuple[str, tuple[str, ...]]:
    """Return the host's package manager and the packages to install. Raise UserError if it has none that is known."""
    manager = found.text("package-manager")
    if manager not in PACKAGES:
        missing = ", ".join(missing_commands(settings, found))
        raise UserError(
            f"{found.os_release.get('PRETTY_NAME', 'this host')} has none of the package managers "
            f"{', '.join(PACKAGES)}. Install these yourself, then deploy again: {missing}."
        )
    return manager, (*PACKAGES[manager], *(name for _, packages in _extras(settings) for name in packages[manager]))
