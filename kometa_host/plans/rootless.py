"""Whether the host lets an account that is not root have containers at all. Pure."""

from collections.abc import Iterator

from kometa_host.errors import UserError
from kometa_host.plans.account import SUBORDINATE_COUNT
from kometa_host.plans.packages import podman_version
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import HostFacts

FIRST_SUBORDINATE = 100_000  # where useradd begins, SUB_UID_MIN of shadow's login.defs
IDS = FIRST_SUBORDINATE + SUBORDINATE_COUNT
PROXMOX = (
    f"In Proxmox, on the node: give root {IDS} ids in /etc/subuid and /etc/subgid (root:100000:{IDS}), and the "
    f"container `lxc.idmap: u 0 100000 {IDS}`, `lxc.idmap: g 0 100000 {IDS}`, `lxc.cgroup2.devices.allow: c 10:200 "
    "rwm` and `lxc.mount.entry: /dev/net/tun dev/net/tun none bind,create=file`, with the features nesting=1,keyctl=1. "
    "A virtual machine needs none of this."
)

NO_SYSTEMD = (
    "This host does not run systemd (Unraid, Alpine and others): Kometa's service, its updates and backups are units "
    "of it. Make a virtual machine on it, with Debian 13 for one, and deploy to that."
)


def refuse_impossible(settings: Settings, found: HostFacts) -> None:
    """Raise UserError with all that keeps rootless Podman from working here, before anything is made for it."""
    if found.text("has-systemd") == "no":
        raise UserError(NO_SYSTEMD)
    problems = [*_ids(settings, found), *_devices(found), *_kernel(found), *_newuidmap(found)]
    if not problems:
        return
    if found.text("container-manager") == "lxc" or _mapped(found):
        problems.append(PROXMOX)
    raise UserError("Podman cannot run containers for an account here: " + "\n".join(problems))


def _mapped(found: HostFacts) -> list[tuple[int, int]]:
    """Return the first id and the number of ids of each line of the map, none where all ids of a machine are there."""
    lines = [line.split() for line in found.text("uid-map").splitlines()]
    ranges = [(int(line[0]), int(line[2])) for line in lines if len(line) == 3 and all(map(str.isdecimal, line))]
    return [] if any(count >= 2**32 - 1 for _, count in ranges) else ranges


def _ids(settings: Settings, found: HostFacts) -> Iterator[str]:
    ranges = _mapped(found)
    account = found.account(settings.mms_user)
    names = {settings.mms_user} | ({str(account.uid)} if account else set())
    own = [entry for entry in found.subordinate("subuid") if entry.owner in names]
    wanted = [(entry.start, entry.count) for entry in own] or [(FIRST_SUBORDINATE, SUBORDINATE_COUNT)]
    for start, count in wanted:
        if ranges and not any(first <= start and start + count <= first + size for first, size in ranges):
            yield (
                f"this host is a container with {sum(size for _, size in ranges)} ids of its own, and the subordinate "
                f"ids {start} to {start + count - 1} are not among them."
            )


def _devices(found: HostFacts) -> Iterator[str]:
    if found.text("has-tun") == "no":
        yield "/dev/net/tun is missing, without which a container has no network (in a machine: modprobe tun)."


def _kernel(found: HostFacts) -> Iterator[str]:
    groups = found.text("cgroup-type")
    if groups and groups != "cgroup2fs":
        yield (
            "the host has control groups of version 1, with which Quadlet does not work. "
            "Boot without systemd.unified_cgroup_hierarchy=0."
        )
    for name, least in (("user.max_user_namespaces", 1), ("kernel.unprivileged_userns_clone", 1)):
        value = _sysctl(name, found)
        if value.isdecimal() and int(value) < least:
            remedy = "15000" if name.startswith("user") else "1"
            yield (
                f"user namespaces are forbidden ({name} is {value}): "
                f"set {name}={remedy} in /etc/sysctl.d and run sysctl --system."
            )
    restricted = _sysctl("kernel.apparmor_restrict_unprivileged_userns", found) == "1"
    if restricted and podman_version(found.text("podman-version")) and found.text("podman-apparmor") == "no":
        yield (
            "AppArmor forbids user namespaces to programs without a profile, and Podman has none. Install the "
            "distribution's podman and apparmor packages, or set kernel.apparmor_restrict_unprivileged_userns=0."
        )


def _sysctl(name: str, found: HostFacts) -> str:
    return found.text(f"sysctl.{name.replace('_', '-')}")


def _newuidmap(found: HostFacts) -> Iterator[str]:
    if podman_version(found.text("podman-version")) and found.text("newuidmap-rights") == "no":
        yield "newuidmap has lost its rights (a copied system?): chmod u+s $(command -v newuidmap newgidmap)."
