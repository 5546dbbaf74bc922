"""A directory in memory for a text that must not reach a disk, gone whatever happens to its maker.

It is removed at the end, on signals, by a helper process when the maker is killed, and, should that be killed too, by
the next one who makes such a directory; a restart of the machine empties the memory anyhow.
"""

import fcntl
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from kometa_host.errors import UserError

PREFIX = "kometa-host-secrets-"
IN_MEMORY = ("tmpfs", "ramfs")
ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
WATCH = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


class EndedError(UserError):
    """A signal ended the work; what was being written is gone."""


@contextmanager
def private_directory() -> Iterator[Path]:
    """Make a directory in memory that nobody else can read, and remove it with all that is in it."""
    base = memory_directory()
    remove_leftovers(base)
    with ended_by_signals(), _locked_directory(base) as directory:
        watcher = subprocess.Popen(
            [sys.executable, "-c", WATCH, directory], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            watcher.communicate()


def memory_directory(environment: Mapping[str, str] | None = None, mounts: str | None = None) -> Path:
    """Return a directory of a file system that is in memory. Raise UserError if there is none.

    + mounts: what Linux says in /proc/self/mountinfo, and others by mount(8)
    """
    known = os.environ if environment is None else environment
    is_linux = sys.platform == "linux"
    table = _mounts(is_linux) if mounts is None else mounts
    type_of = file_system_of if is_linux else mounted_file_system
    candidates = [known.get("XDG_RUNTIME_DIR", ""), "/dev/shm"]  # noqa: S108
    for candidate in filter(None, candidates):
        if os.access(candidate, os.W_OK | os.X_OK) and type_of(Path(candidate), table) in IN_MEMORY:
            return Path(candidate)
    raise UserError(
        "there is no directory in memory to edit secrets in: neither XDG_RUNTIME_DIR nor /dev/shm is a tmpfs that you "
        "can write to. On a disk a decrypted copy could be left behind. Edit on a Linux machine, or mount a tmpfs and "
        "set XDG_RUNTIME_DIR to it (macOS: mkdir ~/ram && sudo mount_tmpfs ~/ram && export XDG_RUNTIME_DIR=~/ram)."
    )


def _mounts(is_linux: bool) -> str:
    if is_linux:
        return Path("/proc/self/mountinfo").read_text()
    return subprocess.run(["mount"], capture_output=True, text=True, check=True).stdout


def mounted_file_system(path: Path, mounts: str) -> str:
    """Given a directory and what mount(8) of macOS and BSD prints, return the type of its file system."""
    found = [(Path(line[1]), line[2]) for line in re.finditer(r"^.* on (.*) \(([^,)]+)", mounts, re.M)]
    here = [(len(mount.parts), kind) for mount, kind in found if path.resolve().is_relative_to(mount)]
    return max(here, default=(0, ""))[1]


def file_system_of(path: Path, mountinfo: str) -> str:
    """Given a directory and the text of /proc/self/mountinfo, see proc(5), return the type of its file system."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in mountinfo.splitlines():
        fields, _, rest = line.partition(" - ")
        if fields.split()[2] == wanted:
            return rest.split()[0]
    return ""


def remove_leftovers(base: Path) -> None:
    """Remove directories of this user whose makers have ended: nobody holds their locks."""
    for directory in base.glob(f"{PREFIX}*"):
        with suppress(OSError):
            found = directory.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not _is_locked(directory):
                shutil.rmtree(directory, ignore_errors=True)


def _is_locked(directory: Path) -> bool:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _locked_directory(base: Path) -> Iterator[Path]:
    # It gets its name when it is locked, so that nobody takes it for a leftover.
    unlocked = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=base))
    descriptor = os.open(unlocked, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield unlocked.rename(base / unlocked.name.removeprefix("."))
    finally:
        os.close(descriptor)


@contextmanager
def ended_by_signals(signals: Iterable[signal.Signals] = ENDINGS) -> Iterator[None]:
    def end(number: int, _frame: FrameType | None) -> None:
        raise EndedError(f"ended by {signal.Signals(number).name}; nothing was changed")

    previous = {number: signal.signal(number, end) for number in signals}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
