"""Which archives may go: a wrapper of programs/installed/retention.awk, the one place where it is decided.

The host has no Python, so its backup script runs that program; tests run the same one.
"""

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from kometa_host.archive.names import Archive
from kometa_host.errors import UserError

PROGRAM = Path(__file__).parents[3] / "programs" / "installed" / "retention.awk"


class Keep(NamedTuple):
    """For how many days, weeks, ... that have archives the newest one of each is kept (kometa_backup_keep)."""

    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    hourly: int = 0
    yearly: int = 0
    last: int = 0


def archive_name(time: datetime) -> str:
    """Return the name of the backup that begins at an aware time."""
    return f"kometa-{time.astimezone(UTC):%Y-%m-%dT%H%M%SZ}.tar.zst.age"


def to_delete(
    archives: Sequence[Archive],
    keep: Keep,
    now: datetime,
    awk: Sequence[str] = ("awk",),
    marks: Sequence[str] = (),
) -> list[Archive]:
    """Given the archives of a directory and an aware time, return those that may go, oldest first.

    The newest one never does, nor does one later than now. awk: the command that runs the program, in its words;
    marks: lines as `pinned NAME`. Raise UserError if awk is missing or fails.
    """
    by_name = {f"./{archive.name}": archive for archive in archives}
    variables = {**keep._asdict(), "now": f"{now.astimezone(UTC):%Y-%m-%dT%H%M%SZ}"}
    settings = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    lines = _run([*awk, *settings, "-f", str(PROGRAM)], "".join(f"{line}\n" for line in (*marks, *by_name)))
    return [by_name[line] for line in lines]


def _run(command: list[str], text: str) -> list[str]:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        result = subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)
    except FileNotFoundError:
        raise UserError(
            f"{command[0]} is not on this machine; install it (mawk or gawk) to preview retention"
        ) from None
    if result.returncode:
        raise UserError(f"{command[0]} could not decide about retention: {result.stderr.strip()}")
    return result.stdout.split("\n")[:-1]
