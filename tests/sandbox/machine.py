"""The booted machine of a test host: processes in a control group of their own, started and killed from outside."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from tests.sandbox import disk
from tests.sandbox.cache import SOURCES
from tests.sandbox.shell import SOON, SandboxError, start_daemon, wait_until

WANTED_INSTANCES = 1024  # each booted systemd takes several; the kernel's default is 128 for all hosts together


def control_groups() -> Path | None:
    """Return where this machine has its cgroup2 hierarchy mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind = line.split()[:3]
        if kind == "cgroup2":
            return Path(target)
    return None


def raise_inotify_limit() -> None:
    """Let this machine's kernel serve many systemds."""
    setting = Path("/proc/sys/fs/inotify/max_user_instances")
    if int(setting.read_text()) < WANTED_INSTANCES:
        setting.write_text(str(WANTED_INSTANCES))


class Machine:
    """One machine: `label` names its control group and its network namespace; `tree` is its root file system."""

    def __init__(self, label: str, name: str, tree: Path, folder: Path, options: Sequence[str]) -> None:
        """Describe the machine; `folder` takes its console's text and process id, systemd-nspawn the options."""
        root = control_groups()
        if root is None:
            raise SandboxError("this machine has no cgroup2 hierarchy")
        self.label = label
        self.name = name
        self.tree = tree
        self.folder = folder
        self.options = options
        self.groups = root
        self.group = root / f"sandbox-{label}"

    def start(self) -> None:
        """Boot: return at once, while the machine is still starting."""
        raise_inotify_limit()
        command: list[str | Path] = [
            SOURCES / "boot.sh", self.label, self.name, self.tree, self.label, self.groups, self.group.name,
            *self.options,
        ]  # fmt: skip
        start_daemon(command, self.folder / "console.log", self.folder / "machine.pid")

    def is_running(self) -> bool:
        """Tell whether any process of the machine is left."""
        try:
            return "populated 1" in (self.group / "cgroup.events").read_text()
        except OSError:
            return False

    def slow_disk(self, bytes_per_second: int) -> None:
        """Let the machine write that many bytes a second to its disk; 0 ends that."""
        disk.slow(self.group, self.tree, bytes_per_second)

    def kill(self) -> None:
        """End every process of the machine at once, as a power cut does, and wait until they are gone."""
        with contextlib.suppress(OSError):
            (self.group / "cgroup.kill").write_text("1")
        self.wait_for_end(30)

    def wait_for_end(self, timeout: float) -> None:
        """Wait until no process is left, then remove the control groups."""
        wait_until(lambda: not self.is_running(), f"end of the processes of {self.name}", timeout, SOON)
        for group in sorted(self.group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
            with contextlib.suppress(OSError):
                group.rmdir()
        with contextlib.suppress(OSError):
            self.group.rmdir()
        disk.release(self.group)

    def console(self) -> str:
        """Return the end of what the machine printed on its console."""
        path = self.folder / "console.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""
