"""kometa-watch: the rest of the watcher is started only where something has changed, or is due."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kometa_host.state import programs


class Host:
    """A host of files and of programs that stand in for Podman, systemd and the watcher in Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "config" / "logs"
        for directory in (
            self.logs,
            folder / "lib" / "watcher",
            folder / ".local/state/kometa-host" / "runs",
            folder / "bin",
        ):
            directory.mkdir(parents=True)
        (folder / "lib" / "watch.json").write_text("{}")
        (self.logs / "meta.log").write_text("a run\n")
        self.program("podman", 'shift; exec "$@"')
        self.program("systemctl", f"cat {folder}/units 2>/dev/null; true")
        self.program("python3", f'echo "$*" >>{folder}/started; [ ! -e {folder}/fails ]')
        self.quiet_until(2_000_000_000)

    def program(self, name: str, text: str) -> None:
        """Put a program in the first place."""
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def quiet_until(self, moment: int) -> None:
        """Let nothing be due before a moment."""
        (self.folder / ".local/state/kometa-host" / "runs" / "quiet-until").write_text(f"{moment}\n")

    def start(self, path: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Start it with this search path."""
        text = programs.installed(
            "watch", library_dir=self.folder / "lib", config_dir=self.folder / "config",
            units=["kometa-backup.service"],
        )  # fmt: skip
        (self.folder / "kometa-watch").write_text(text)
        command = ["/bin/bash", str(self.folder / "kometa-watch"), *arguments]
        environment = {**os.environ, "HOME": str(self.folder), "PATH": path}
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)

    def look(self, *arguments: str, status: int = 0) -> list[str]:
        """Start it; return how the watcher was started."""
        (self.folder / "started").unlink(missing_ok=True)
        done = self.start(f"{self.folder}/bin:/usr/bin:/bin", *arguments)
        assert (done.returncode, done.stderr) == (status, "")
        path = self.folder / "started"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_where_nothing_has_changed_nothing_is_started(host: Host) -> None:
    assert host.look() == [f"{host.folder}/lib/watcher/kometa_watch.py"]
    assert host.look() == []


def test_whatever_changes_starts_it_once(host: Host) -> None:
    host.look()
    changes: list[Callable[[], object]] = [
        lambda: (host.logs / "meta.log").write_text("a run\nand more\n"),
        lambda: (host.logs / "meta.log").rename(host.logs / "meta-1.log"),
        lambda: (host.folder / "units").write_text("ActiveState=failed\n"),
        lambda: (host.folder / "lib" / "watch.json").write_text('{"more": 1}'),
        lambda: (host.folder / ".local/state/kometa-host" / "messages").mkdir(),
    ]
    for change in changes:
        change()
        assert len(host.look()) == 1
        assert host.look() == []


def test_what_is_due_starts_it(host: Host) -> None:
    host.look()
    host.quiet_until(1)
    assert len(host.look()) == 1
    (host.folder / ".local/state/kometa-host" / "runs" / "quiet-until").unlink()
    assert len(host.look()) == 1


def test_after_a_failure_it_is_started_again(host: Host) -> None:
    (host.folder / "fails").touch()
    host.look(status=1)
    host.look(status=1)
    (host.folder / "fails").unlink()
    assert len(host.look()) == 1
    assert host.look() == []


def test_without_python_it_says_so(host: Host) -> None:
    done = host.start("/nowhere")
    assert done.returncode == 1
    assert done.stderr == "kometa-watch: python3 is not on this host, so runs are not watched; deploy again\n"


def test_with_arguments_it_is_always_started(host: Host) -> None:
    host.look()
    assert host.look("trial") == [f"{host.folder}/lib/watcher/kometa_watch.py trial"]


def test_a_log_that_is_a_fifo_is_not_opened(host: Host) -> None:
    (host.logs / "meta.log").unlink()
    os.mkfifo(host.logs / "meta.log")
    assert len(host.look()) == 1
    assert host.look() == []
