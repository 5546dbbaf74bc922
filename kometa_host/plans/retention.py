"""Whether a schedule and what is kept of its backups agree. Pure."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from itertools import islice, pairwise

from kometa_host.settings import calendars
from kometa_host.settings.variables import CLASSES, Settings

# What each class of kometa_backup_keep counts, and what tells one from another.
PERIODS: Mapping[str, tuple[str, Callable[[datetime], Hashable]]] = {
    "last": ("moment", lambda time: time),
    "hourly": ("hour", lambda time: (time.date(), time.hour)),
    "daily": ("day", lambda time: time.date()),
    "weekly": ("week", lambda time: time.isocalendar()[:2]),
    "monthly": ("month", lambda time: (time.year, time.month)),
    "yearly": ("year", lambda time: time.year),
}
ENOUGH = 400  # moments: of a daily schedule more than a year


def schedule_warning(settings: Settings) -> str | None:
    """Return what is odd about a schedule that makes more backups than retention keeps, None if nothing is."""
    finest = next(name for name in CLASSES if name in settings.kometa_backup_keep)
    schedule = settings.kometa_backup_schedule
    if not settings.backups_enabled or not _repeats(calendars.elapses(schedule), finest):
        return None
    fitting = next(name for name in CLASSES[::-1] if not _repeats(calendars.elapses(schedule), name))
    return (
        f"kometa_backup_schedule is {schedule}, finer than {finest}, the finest class of kometa_backup_keep: only the "
        f"newest backup of each {PERIODS[finest][0]} stays. Keep {fitting} ones as well, such as "
        f'{{"{fitting}": 24}}, or write a schedule with fewer of them.'
    )


def _repeats(elapses: Iterable[datetime], finest: str) -> bool:
    """Return whether several moments are of one hour, day, ..."""
    period = PERIODS[finest][1]
    return any(period(moment) == period(following) for moment, following in pairwise(islice(elapses, ENOUGH)))
