"""The names of archives in the backup directory: ours, and those that the previous stack left there.

    kometa-2025-01-31T080000Z.tar.zst.age     ours: the moment at which the backup began, in UTC; always encrypted
    kometa-2025-01-31.tar.zst[.age]           the previous stack's: the host's date

Everything else is foreign: never listed, restored by `latest` or deleted. programs/installed/retention.awk reads
the same names on the host. Python 3.9 runs this on hosts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

OURS = re.compile(r"kometa-([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z\.tar\.zst\.age", re.ASCII)
PREVIOUS = re.compile(r"kometa-([0-9]{4})-([0-9]{2})-([0-9]{2})\.tar\.zst(?:\.age)?", re.ASCII)
PARTIAL = ".partial"


@dataclass(frozen=True)
class Archive:
    """An archive by its name. time: aware, in UTC; encrypted: what the name says, the content decides."""

    name: str
    time: datetime
    encrypted: bool
    previous: bool


def parse(name: str) -> Archive | None:
    """Given a file's name without its directory, return the archive it stands for, None if it is foreign or partial.

    The previous stack's names have no time of day. They count as the first moment of their day in UTC: so one of ours
    of the same day is newer, and none lies in the future for longer than the time zone makes it.
    """
    match = OURS.fullmatch(name) or PREVIOUS.fullmatch(name)
    if not match:
        return None
    try:
        time = datetime(*map(int, match.groups()), tzinfo=timezone.utc)  # type: ignore[misc, arg-type]
    except ValueError:  # the 31st of February
        return None
    return Archive(name, time, name.endswith(".age"), match.re is PREVIOUS)


def is_partial(name: str) -> bool:
    """Whether a file of this name is a backup that is being written, or the rest of one that was killed."""
    return name.endswith(PARTIAL) and parse(name.removesuffix(PARTIAL)) is not None
