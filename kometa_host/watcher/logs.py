"""Reads Kometa's logs inside the account's user namespace, to which they belong. They are the container's: nothing in
them is believed, and each is opened without following links, without waiting, and read up to a bound.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from zoneinfo import ZoneInfo

from kometa_host.state.kometa_log import MARKER, parse, parse_line
from kometa_host.state.run_history import RecordedRun, recorded

NAMES = ("meta.log", *(f"meta-{number}.log" for number in range(1, 10)))
MAX_BYTES = 512 << 20  # of a log
MAX_LINE = 16 << 10
MAX_LINES = 200_000  # that tell anything
EDGE = 64 << 10  # bytes at the beginning and the end in which the markers of a run stand
CONTINUATION = re.compile(rb" {65}\||[A-Za-z_][\w.]*: ")
TROUBLE = re.compile(rb"\[(?:WARNING|ERROR|CRITICAL)\]")
TELLING = re.compile(
    rb"\| +(?:Starting|Finished) |\[(?:WARNING|ERROR|CRITICAL)\]|Validation Report| Library Connection Failed"
    rb"|\| +Version: |\| +\d+ \| +\d+ \| +\d+ \|"
)


@dataclass(frozen=True)
class Progress:
    """A run in progress: kind as in RecordedRun, start, aware."""

    kind: str
    started: datetime


@dataclass(frozen=True)
class Look:
    """What a look at the logs told: runs that are over, the one in progress, and the logs that need no second look."""

    runs: tuple[RecordedRun, ...] = ()
    progress: Progress | None = None
    done: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Log:
    file: BufferedReader
    inode: tuple[int, int]
    identity: str

    def edge(self, begin: int) -> str:
        self.file.seek(max(0, begin))
        return self.file.read(EDGE).decode("utf-8", "replace")

    @property
    def size(self) -> int:
        return os.fstat(self.file.fileno()).st_size

    @property
    def has_end(self) -> bool:
        return any(found[1] == "Finished" for found in MARKER.finditer(self.edge(self.size - EDGE)))

    def start(self, timezone: str) -> Progress | None:
        for line in self.edge(0).splitlines():
            found, known = MARKER.search(line), parse_line(line)
            if found and known and found[1] == "Starting":
                return Progress(found[2] or "", known.time.replace(tzinfo=ZoneInfo(timezone)))
        return None

    def telling_lines(self) -> list[str]:
        self.file.seek(0)
        found: list[str] = []
        in_trouble = False
        while len(found) < MAX_LINES and self.file.tell() < MAX_BYTES and (line := self.file.readline(MAX_LINE)):
            if CONTINUATION.match(line):
                is_told = in_trouble
            else:
                is_told, in_trouble = bool(TELLING.search(line)), bool(TROUBLE.search(line))
            if is_told:
                found.append(line.decode("utf-8", "replace"))
        return found


def look(config_dir: Path, timezone: str, done: Collection[str] = ()) -> Look:
    """Return what the logs of a config tree tell, those of an earlier look's `done` left out."""
    runs: list[RecordedRun] = []
    progress, over = None, []
    for log in _logs(config_dir):
        with log.file:
            if log.identity in done:
                over.append(log.identity)
            elif not log.has_end and _is_being_written(log.inode):
                progress = progress or log.start(timezone)
            else:
                runs += _runs(log, timezone)
                over.append(log.identity)
    return Look(tuple(sorted(runs, key=lambda run: run.started)), progress, tuple(over))


def _runs(log: _Log, timezone: str) -> Iterator[RecordedRun]:
    for run in parse(log.telling_lines(), timezone):
        if known := recorded(run, run.outcome()):
            yield known


def _logs(config_dir: Path) -> Iterator[_Log]:
    with suppress(OSError):
        directory = os.open(config_dir / "logs", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for name in NAMES:
                if log := _opened(name, directory):
                    yield log
        finally:
            os.close(directory)


def _opened(name: str, directory: int) -> _Log | None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        number = os.open(name, flags, dir_fd=directory)
    except OSError:  # not there, a link, or not for us
        return None
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode):
        os.close(number)
        return None
    identity = f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"
    return _Log(os.fdopen(number, "rb"), (found.st_dev, found.st_ino), identity)


def _is_being_written(inode: tuple[int, int]) -> bool:
    """Return whether a process has the log open for writing: a run has, from beginning to end."""
    return any(_has_open(process, inode) for process in Path("/proc").glob("[0-9]*"))


def _has_open(process: Path, inode: tuple[int, int]) -> bool:
    try:
        descriptors = list((process / "fd").iterdir())
    except PermissionError:
        return _is_kometa(process)  # cannot be known
    except OSError:
        return False
    return inode in _inodes(descriptors)


def _inodes(descriptors: Iterable[Path]) -> Iterator[tuple[int, int]]:
    for descriptor in descriptors:
        with suppress(OSError):
            # whoever only reads, as we and a backup do, has a link without the right to write
            if descriptor.readlink().name.startswith("meta") and descriptor.lstat().st_mode & stat.S_IWUSR:
                found = descriptor.stat()
                yield found.st_dev, found.st_ino


def _is_kometa(process: Path) -> bool:
    with suppress(OSError):
        return bool(re.match(rb"python3\0[^\0]*kometa/kometa\.py\0", (process / "cmdline").read_bytes()[:4096]))
    return False
