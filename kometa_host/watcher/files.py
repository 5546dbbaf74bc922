"""Files of the state directory: read up to a bound, replaced in one step, appended to for good."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_CONFIG = 1 << 20  # bytes of what a deploy writes


def read_bounded(path: Path, limit: int) -> str:
    """Return the text of a regular file. Raise OSError if it is none, ValueError if it is longer than the limit."""
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(f"{path} is no regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{path} is longer than {limit} bytes")
    return content.decode("utf-8", "replace")


def replace_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file, a private one if no mode is given, in one step, on the disk before it has its name."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    new.replace(path)


def append(path: Path, text: str) -> None:
    """Append whole lines to a private file; a last line that a power failure cut off is ended first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "rb+") as file:
        size = os.fstat(number).st_size
        is_cut = size > 0 and os.pread(number, 1, size - 1) != b"\n"
        file.write((b"\n" if is_cut else b"") + text.encode())
        file.flush()
        os.fsync(number)
