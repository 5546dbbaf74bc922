"""What the host's own systemd makes of the calendar expressions of our timers. Pure.

Nobody else can say it: what a systemd accepts depends on its version and on the time zones that the host knows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kometa_host.errors import UserError
from kometa_host.settings.times import modern_name
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import Observed

ELAPSE = re.compile(r"^ *(?:Next elapse|Iter\S* #\d+): [A-Z][a-z]{2} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC$", re.M)
NEVER = re.compile(r"^ *Next elapse: never$", re.M)
EXAMPLES = "write a systemd calendar expression such as *-*-* 03:00:00, daily or Sun 04:30 (see systemd.time(7))"


@dataclass(frozen=True)
class Calendar:
    """When an expression elapses next, as `systemd-analyze calendar` says: some times in order, aware, in UTC."""

    elapses: tuple[datetime, ...]
    never: bool = False

    @property
    def longest_gap(self) -> timedelta | None:
        """The longest time between two of them that follow each other, None if it elapses once only."""
        gaps = [later - earlier for earlier, later in zip(self.elapses, self.elapses[1:], strict=False)]
        return max(gaps, default=None)


def calendars(settings: Settings) -> Mapping[str, str]:
    """Return the expressions of a host's timers: `backup`, where backups are enabled, and `autodeploy`."""
    backup = {"backup": settings.backup_calendar} if settings.backups_enabled else {}
    return {**backup, "autodeploy": settings.autodeploy_calendar}


def calendar(found: Observed, name: str) -> Calendar | None:
    """Return what the host's systemd makes of a timer's expression, None if it refuses it or was not asked."""
    said = found.host.text(f"calendar.{name}")
    elapses = tuple(datetime.fromisoformat(time).replace(tzinfo=UTC) for time in ELAPSE.findall(said))
    never = NEVER.search(said) is not None
    return Calendar(elapses, never) if elapses or never else None


def refuse_unusable(settings: Settings, found: Observed) -> None:
    """Raise UserError if a timer would not be loaded, or would never elapse. A host without systemd is not asked."""
    problems = []
    for name, expression in calendars(settings).items():
        said, read, variable = found.host.text(f"calendar.{name}"), calendar(found, name), f"kometa_{name}_schedule"
        if said and read is None:
            problems.append(
                f"{variable}: systemd on the host does not understand {expression!r}: {_why(said, settings)}{EXAMPLES}."
            )
        elif read and read.never:
            problems.append(
                f"{variable}: {expression!r} never comes. Name days that exist and are not over; {EXAMPLES}."
            )
    if problems:
        raise UserError("\n".join(problems))


def _why(said: str, settings: Settings) -> str:
    last = said.strip().splitlines()[-1].rpartition(":")[2].strip()[:100]
    zone, name = settings.mms_timezone, modern_name(settings.mms_timezone)
    hint = "Check the time zone too (mms_timezone), which the host has to know"
    if name:
        hint = f"mms_timezone = {zone!r} is an old name that many hosts do not know: write {name!r}, the same zone"
    return f"{last}. {hint}; " if last else ""
