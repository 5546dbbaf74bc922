"""Running programs of this machine, and telling the user what takes time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from kometa_host import whole_file

SOON = 0.05  # seconds, between looks that cost nothing


class SandboxError(Exception):
    """A sandbox host, or a command on it, did not do what was asked; the text says what happened."""


def say(text: str) -> None:
    """Print one line of progress on standard error."""
    sys.stderr.write(f"sandbox: {text}\n")
    sys.stderr.flush()


def run(
    command: Sequence[str | Path], *, check: bool = True, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run `command` and return its standard output; raise SandboxError with all output when it fails (if `check`)."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(env or {})}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment, cwd=cwd, check=False
    )
    if check and done.returncode:
        shown = " ".join(str(part) for part in command)
        raise SandboxError(f"{shown}: exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path` (made when missing) against every other process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` so that another process reads the previous content or the new one, never a part."""
    whole_file.replace(path, text.encode(), 0o644, on_disk=False)


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 120, step: float = 0.3) -> None:
    """Wait until `condition` holds; raise SandboxError that names `what` after `timeout` seconds.

    It is asked anew after `step` seconds: a question to a host takes from the processor that the host itself wants.
    """
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise SandboxError(f"{what}: not within {timeout:.0f} s")
        time.sleep(step)


def process_start(pid: int) -> str | None:
    """Return the start time of process `pid` in clock ticks since boot, or None when it is gone or only a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]  # see proc_pid_stat(5): state is field 3, starttime field 22


def start_daemon(command: Sequence[str | Path], log: Path, pid_file: Path) -> None:
    """Start `command` detached from this process and its terminal; record its process id and start time."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/",
        )  # fmt: skip
    write_whole(pid_file, f"{process.pid} {process_start(process.pid)}")


def daemon_pid(pid_file: Path) -> int | None:
    """Return the process id in `pid_file` when that very process still runs."""
    try:
        pid, start = pid_file.read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if process_start(int(pid)) == start else None


def stop_daemon(pid_file: Path) -> None:
    """Kill the process that `pid_file` names, if it still runs, and forget it."""
    pid = daemon_pid(pid_file)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: process_start(pid) is None, f"end of process {pid}", 10, SOON)
    pid_file.unlink(missing_ok=True)
