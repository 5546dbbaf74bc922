"""Which archives may go, as tests ask programs/installed/retention.awk, the one place where it is decided."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from kometa_host.archive.names import Archive
from kometa_host.controller.kept_archives import decided


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
    return [by_name[line] for line in decided([*marks, *by_name], keep._asdict(), now, awk)]
