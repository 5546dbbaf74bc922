"""When runs are due, and which of those times passed without one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from kometa_host.state.run_history import RecordedRun
from kometa_host.watcher.logs import Progress

EARLY = timedelta(minutes=1)  # clocks of minutes: a run may begin with the minute, not the second
GAP = timedelta(hours=1)  # when clocks go forward, a time that does not exist is made up for within this
MAX_DAYS = 14  # of a host that was off for longer


@dataclass(frozen=True)
class Due:
    """A time at which a run was due, "06:00", and the moment that was."""

    kind: str
    time: datetime


def due_times(times: Iterable[str], zone: str, after: datetime, until: datetime) -> list[Due]:
    """Given daily times as HH:MM, return those that were due after a moment and up to another, in their order."""
    local = ZoneInfo(zone)
    first = max(after, until - timedelta(days=MAX_DAYS))
    day, last = first.astimezone(local).date(), until.astimezone(local).date()
    found = []
    while day <= last:
        for kind in times:
            moment = datetime(day.year, day.month, day.day, int(kind[:2]), int(kind[3:]), tzinfo=local)
            if first < moment <= until:
                found.append(Due(kind, moment))
        day += timedelta(days=1)
    return sorted(found, key=lambda due: due.time)


def next_due(times: Iterable[str], zone: str, now: datetime) -> datetime:
    """Return the first moment after another at which a run is due."""
    return due_times(times, zone, now, now + timedelta(days=2))[0].time


def missed(due: Sequence[Due], runs: Sequence[RecordedRun], progress: Progress | None, grace: timedelta) -> list[Due]:
    """Return those of the times at which no run began within the grace, and none was in progress."""
    return [entry for entry in due if not _is_covered(entry.time, runs, progress, grace)]


def _is_covered(due: datetime, runs: Iterable[RecordedRun], progress: Progress | None, grace: timedelta) -> bool:
    early = EARLY if _exists(due) else GAP + EARLY
    if progress and progress.started <= due + grace:
        return True
    return any(
        due - early <= run.started <= due + grace or (run.finished and run.started <= due <= run.finished)
        for run in runs
        if run.has_begun
    )


def _exists(local: datetime) -> bool:
    back = local.astimezone(timezone.utc).astimezone(local.tzinfo)
    return back.replace(tzinfo=None) == local.replace(tzinfo=None)
