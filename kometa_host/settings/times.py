"""Checks of times: daily runs, time zones and schedules. Each returns the value or raises RefusalError."""

import re
from collections import Counter
from difflib import get_close_matches
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError, available_timezones

from kometa_host.settings.refusals import RefusalError, every, listed, quoted, text_of

SCHEDULE_EXAMPLES = "write a systemd calendar expression such as *-*-* 03:00:00, daily or Sun 04:30"
TIMES_EXAMPLE = '["06:00"]'


def checked_times(value: object) -> tuple[str, ...]:
    """Given HH:MM texts, or one text with commas or, as Kometa knows it too, bars between them, return them.

    Kometa crashes in a loop on any other.
    """
    times = value.split("|" if "|" in value else ",") if isinstance(value, str) else listed(value)
    if not times:
        raise RefusalError("an empty list", f"name at least one daily run, such as {TIMES_EXAMPLE}")
    checked = every(_checked_time, times)
    repeated = [time for time, count in Counter(checked).items() if count > 1]
    if repeated:
        raise RefusalError(f"{', '.join(repeated)} more than once", "name each daily run once")
    return tuple(checked)


def _checked_time(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text, re.ASCII):
        return text
    remedy = (
        "write a daily run as HH:MM between 00:00 and 23:59; with anything else Kometa ends and starts again for ever"
    )
    parts = re.fullmatch(r"([0-9]{1,2}):([0-9]{1,2})(:00)?", text, re.ASCII)
    if parts and int(parts[1]) < 24 and int(parts[2]) < 60:
        remedy = f"write {int(parts[1]):02}:{int(parts[2]):02}; a daily run is HH:MM with two digits each"
    raise RefusalError(quoted(value), remedy)


def checked_timezone(value: object) -> str:
    """Given the name of a time zone of the IANA database, return it."""
    remedy = "write a time zone as Area/City, such as America/New_York or Europe/Berlin, or Etc/UTC"
    name = text_of(value, remedy)
    if is_timezone(name):
        return name
    zones = {zone.lower(): zone for zone in available_timezones()}
    wanted = name.strip().lower().replace(" ", "_")
    cities = [zone for zone in zones if zone.rsplit("/")[-1] == wanted]
    near = [wanted] if wanted in zones else cities or get_close_matches(wanted, zones, n=3, cutoff=0.75)
    if near:
        remedy = f"did you mean {' or '.join(zones[zone] for zone in near)}?"
    raise RefusalError(f"{quoted(value)}, which is no time zone", remedy)


def is_timezone(name: str) -> bool:
    """Say whether a time zone exists; without a time zone database on this machine, whether it is shaped like one."""
    # These are other forms of the database and the machine's own zone: the container does not have them.
    if name in ("localtime", "posixrules", "Factory") or name.startswith(("posix/", "right/")):
        return False
    try:
        ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return not _has_timezones() and re.fullmatch(r"UTC|[A-Z][A-Za-z]+(/[A-Za-z0-9_+-]+){1,2}", name) is not None
    except (ValueError, OSError):
        return False
    return True


def modern_name(zone: str) -> str | None:
    """Given a time zone, return the name under which every host knows it; None if it is that, or not known here.

    Names such as US/Eastern are links that distributions leave out (Debian: tzdata-legacy).
    """
    for folder in map(Path, TZPATH):
        path, table = folder / zone, folder / "zone1970.tab"
        if path.is_file() and table.is_file():
            rows = [
                row.split("\t") for row in table.read_text(encoding="utf-8").splitlines() if not row.startswith("#")
            ]
            names = [row[2] for row in rows if len(row) > 2]
            same = (name for name in names if _content(folder / name) == path.read_bytes())
            return None if zone in names else next(same, None)
    return None


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _has_timezones() -> bool:
    return any(Path(folder, "Etc", "UTC").exists() for folder in TZPATH)


def checked_schedule(value: object, timezone: str | None) -> str:
    """Given a calendar expression, return it without a time zone; timezone is the one that the timer adds to it.

    None for timezone says that the zone is not known, and then any is taken. The expression itself is judged by the
    host's own systemd, before anything changes there.
    """
    text = text_of(value, SCHEDULE_EXAMPLES).strip()
    if text.startswith("@"):
        raise RefusalError(f"{quoted(text)}, a single moment", SCHEDULE_EXAMPLES)
    expression, zone = _without_timezone(text)
    if zone and timezone and zone.upper() != timezone.upper():
        raise RefusalError(
            f"the time zone {zone} in {quoted(text)}, while mms_timezone is {timezone}",
            f"write {expression!r}: the timers run in mms_timezone, which is added to the expression",
        )
    if not expression or not expression.isprintable():
        raise RefusalError(quoted(text), SCHEDULE_EXAMPLES)
    return expression


def _without_timezone(text: str) -> tuple[str, str | None]:
    """Split an expression as systemd does: its last word is a time zone if it is the name of one."""
    head, _, last = text.rpartition(" ")
    if head and (last.upper() == "UTC" or (re.match(r"[A-Za-z]", last) and is_timezone(last))):
        return head.rstrip(), last
    return text, None
