"""A slow disk for a test host: the kernel's own brake on what a control group writes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tests.sandbox.shell import SandboxError


def slow(group: Path, tree: Path, bytes_per_second: int) -> None:
    """Let the processes of a cgroup2 group write this much a second to the disk of `tree`; 0 ends that."""
    disk = _whole_disk(tree)
    limits = group / "io.max"
    if limits.exists():
        limits.write_text(f"{disk} wbps={bytes_per_second or 'max'}")
        return
    root = _version_1()
    if root is None:
        raise SandboxError("this machine cannot slow a disk: its control groups have no io controller")
    brake = root / group.name
    if not bytes_per_second:
        _let_go(brake, root)
        return
    brake.mkdir(exist_ok=True)
    (brake / "blkio.throttle.write_bps_device").write_text(f"{disk} {bytes_per_second}")
    while processes := _processes(group) - _processes(brake):
        _move(processes, brake)


def _let_go(brake: Path, root: Path) -> None:
    """Take all processes out of the brake: Podman makes no container for one that is in a group of that kind."""
    while processes := _processes(brake):
        _move(processes, root)


def _move(processes: Iterable[str], group: Path) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # it has ended
            (group / "cgroup.procs").write_text(process)


def release(group: Path) -> None:
    """Remove what `slow` made for the group, once all of its processes have ended."""
    brake = _version_1()
    if brake and (brake / group.name).is_dir():
        (brake / group.name).rmdir()


def _processes(group: Path) -> set[str]:
    """Return the processes of a control group and of those below it, some of which end meanwhile."""
    found: set[str] = set()
    for folder, _, _ in os.walk(group):
        with suppress(OSError):
            found.update(Path(folder, "cgroup.procs").read_text().split())
    return found


def _whole_disk(tree: Path) -> str:
    """Return the numbers of the disk that a file system is on: the kernel brakes no partition."""
    device = os.stat(tree).st_dev  # noqa: PTH116
    node = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not node.exists():
        raise SandboxError(f"{tree} is on no disk whose speed can be limited")
    whole = node.resolve().parent if (node / "partition").exists() else node
    return (whole / "dev").read_text().strip()


def _version_1() -> Path | None:
    """Return where the io controller of the previous version of control groups is mounted, None where it is not."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, options = line.split()[:4]
        if kind == "cgroup" and "blkio" in options.split(","):
            return Path(target)
    return None
