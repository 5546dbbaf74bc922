"""The calendar expressions of systemd timers (systemd.time(7)), parsed as systemd's own parser does."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

SHORTHANDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    **dict.fromkeys(("yearly", "annually", "anually"), "*-01-01 00:00:00"),
    "quarterly": "*-01,04,07,10-01 00:00:00",
    **dict.fromkeys(("semiannually", "semi-annually", "biannually", "bi-annually"), "*-01,07-01 00:00:00"),
}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MICROSECONDS = 1_000_000
LAST_YEAR = 2199  # of systemd
CALENDAR_CYCLE = 40  # years after which any weekday has met any date, 29 February across 2100 too


class CalendarError(ValueError):
    """Text that is no calendar expression; the message says what is wrong with it."""


class Component(NamedTuple):
    """One element of a list: start, start/step, start..stop or start..stop/step. step 0 means start alone."""

    start: int
    stop: int | None = None
    step: int = 0

    def holds(self, number: int) -> bool:
        """Say whether a number is one that this element names."""
        if self.step == 0 and self.stop is None:
            return number == self.start
        within = number >= self.start and (self.stop is None or number <= self.stop)
        return within and (number - self.start) % (self.step or 1) == 0


Chain = tuple[Component, ...] | None  # None stands for *


class CalendarExpression(NamedTuple):
    """A parsed expression. Weekdays are 0 (Monday) to 6, none named means any; seconds are in microseconds."""

    weekdays: frozenset[int]
    year: Chain
    month: Chain
    day: Chain
    day_from_month_end: bool  # day 1 is then the last of the month
    hour: Chain
    minute: Chain
    second: Chain


class _Date(NamedTuple):
    year: Chain = None
    month: Chain = None
    day: Chain = None
    from_month_end: bool = False


class _Reader:
    """Text with a position: what is left to read, piece by piece."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    @property
    def rest(self) -> str:
        return self.text[self.position :]

    def take(self, pattern: str) -> str | None:
        """Read what matches the pattern here; None, and nothing read, where it does not."""
        match = re.compile(pattern, re.IGNORECASE | re.ASCII).match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match.group()

    def at_end_of(self, part_ends: str) -> bool:
        """Say whether the text or, by the character that follows, its present part ends here."""
        return not self.rest or self.rest[0] in part_ends

    def fail(self, reason: str) -> CalendarError:
        return CalendarError(f"{reason} at {self.rest[:20]!r}" if self.rest else f"{reason} at the end")


def parse_calendar(text: str) -> CalendarExpression:
    """Given an expression without a time zone, return its parts. Raise CalendarError if systemd would refuse it."""
    reader = _Reader(SHORTHANDS.get(text.lower(), text))
    if not text:
        raise CalendarError("it is empty")
    weekdays = _read_weekdays(reader)
    day = _read_date(reader)
    hour, minute, second = _read_time(reader)
    return CalendarExpression(
        weekdays,
        _checked(_full_years(day.year), "year", 1970, LAST_YEAR),
        _checked(day.month, "month", 1, 12),
        _checked_from_end(day.day) if day.from_month_end else _checked(day.day, "day", 1, 31),
        day.from_month_end,
        _checked(hour, "hour", 0, 23),
        _checked(minute, "minute", 0, 59),
        _checked(second, "second", 0, 60 * MICROSECONDS - 1),
    )


def _read_weekdays(reader: _Reader) -> frozenset[int]:
    found: set[int] = set()
    range_start: int | None = None
    while (name := reader.take("|".join(f"{day}|{day[:3]}" for day in WEEKDAYS))) is not None:
        number = [day[:3] for day in WEEKDAYS].index(name[:3].lower())
        if not reader.at_end_of("-., "):
            raise reader.fail("unknown weekday")
        if range_start is not None and range_start > number:
            raise reader.fail("a range of weekdays runs from the earlier to the later one, Monday first")
        found.update(range(number if range_start is None else range_start, number + 1))
        if reader.at_end_of(" "):
            reader.take(" *")
            return frozenset(found)
        range_start = _read_weekday_separator(reader, number, range_start)
        if reader.at_end_of(" ") and range_start is None:
            reader.take(" *")
            return frozenset(found)
    if found:
        raise reader.fail("a weekday is missing")
    return frozenset()


def _read_weekday_separator(reader: _Reader, number: int, range_start: int | None) -> int | None:
    """Read what stands between two weekdays; return the first one where it opens a range."""
    if reader.take(","):
        return None
    if range_start is None and reader.take(r"\.\.|-"):
        return number
    raise reader.fail("weekdays are separated by , or ..")


def _read_date(reader: _Reader) -> _Date:
    """Read year-month-day or month-day; nothing is read where a time or the end follows, which means every day."""
    begin = reader.position
    if not reader.rest:
        return _Date()
    first = _read_chain(reader, "date or time")
    if reader.at_end_of(":"):
        reader.position = begin
        return _Date()
    from_end = _read_date_separator(reader)
    second = _read_chain(reader, "month or day")
    if reader.at_end_of(" "):
        reader.take(" *")
        return _Date(None, first, second, from_end)
    if from_end:
        raise reader.fail("~ stands before the day only")
    from_end = _read_date_separator(reader)
    third = _read_chain(reader, "day")
    if not reader.at_end_of(" "):
        raise reader.fail("the date does not end")
    reader.take(" *")
    return _Date(first, second, third, from_end)


def _read_date_separator(reader: _Reader) -> bool:
    """Read - or ~; return whether it was ~."""
    separator = reader.take("[-~]")
    if separator is None:
        raise reader.fail("year, month and day are separated by -")
    return separator == "~"


def _read_time(reader: _Reader) -> tuple[Chain, Chain, Chain]:
    """Read hour:minute or hour:minute:second; the end instead means midnight."""
    zero: Chain = (Component(0),)
    if not reader.rest:
        return zero, zero, zero
    hour = _read_chain(reader, "hour")
    if not reader.take(":"):
        raise reader.fail("a time is HH:MM or HH:MM:SS")
    minute = _read_chain(reader, "minute")
    if not reader.rest:
        return hour, minute, zero
    if not reader.take(":"):
        raise reader.fail("a time is HH:MM or HH:MM:SS")
    second = _read_chain(reader, "second", MICROSECONDS)
    if reader.rest:
        raise reader.fail("nothing can follow the time")
    return hour, minute, second or (Component(0, None, MICROSECONDS),)


def _read_chain(reader: _Reader, what: str, scale: int = 1) -> Chain:
    """Read * or a list of elements. scale is 1, or the microseconds of a second, which may then have a fraction."""
    if reader.take(r"\*"):
        return None
    chain = [_read_component(reader, what, scale)]
    while reader.take(","):
        chain.append(_read_component(reader, what, scale))
    return tuple(chain)


def _read_component(reader: _Reader, what: str, scale: int) -> Component:
    start = _read_number(reader, what, scale)
    stop = _read_number(reader, what, scale) if reader.take(r"\.\.") else None
    step = 0 if stop is None else scale
    if reader.take("/"):
        step = _read_number(reader, what, scale)
        if step == 0:
            raise reader.fail(f"the step of the {what} is 0")
    elif scale > 1 and stop is not None and start + scale > stop:
        raise reader.fail("a range of seconds is at least one second long")
    if not reader.at_end_of(" ,-~:"):
        raise reader.fail(f"unexpected text in the {what}")
    return _simplified(Component(start, stop, step))


def _read_number(reader: _Reader, what: str, scale: int) -> int:
    digits = reader.take(r"[0-9]{1,9}(\.[0-9]+)?" if scale > 1 else r"[0-9]{1,9}")
    if digits is None:
        raise reader.fail(f"the {what} is missing or no number")
    return round(float(digits) * scale)


def _simplified(component: Component) -> Component:
    """Return the element as systemd normalizes it: a range ends at its last step, without any it is its start alone."""
    start, stop, step = component
    if stop is None or stop < start:
        return component
    stop -= (stop - start) % step
    return Component(start) if stop == start else Component(start, stop, step)


def _checked(chain: Chain, what: str, low: int, high: int) -> Chain:
    """Return the chain if all of it lies from low to high and every step is taken at least once."""
    for start, stop, step in chain or ():
        last = start if stop is None else stop
        unit = MICROSECONDS if what == "second" else 1
        if not (low <= start <= high and low <= last <= high):
            raise CalendarError(f"the {what} must be from {low} to {high // unit}")
        if stop is not None and start > stop:
            raise CalendarError(f"the range of the {what} runs backwards")
        if start + step > high:
            raise CalendarError(f"the step of the {what} leads beyond {high // unit}")
    return chain


def _checked_from_end(chain: Chain) -> Chain:
    """Return days counted from the month's end if every month has them and every step, which goes down, is taken."""
    ordered = sorted(set(chain or ()), key=lambda part: (part.start, part.stop or -1, part.step))
    for index, (start, stop, step) in enumerate(ordered):
        if stop is None and step and start - step < 1:
            raise CalendarError("the step of the day leads beyond the month's end")
        # systemd allows three days less for each further element (chain_valid in calendarspec.c).
        _checked((Component(start, stop),), "day counted from the month's end", 1, 28 - 3 * index)
    return chain


def _full_years(chain: Chain) -> Chain:
    """Return years with two digits as systemd reads them: 70 to 99 are 19xx, 0 to 69 are 20xx."""
    if chain is None:
        return None
    return tuple(
        _simplified(Component(_full_year(start), None if stop is None else _full_year(stop), step))
        for start, stop, step in chain
    )


def _full_year(year: int) -> int:
    if year >= 100:
        return year
    return year + (1900 if year >= 70 else 2000)


def elapses_from(expression: CalendarExpression, today: date) -> bool:
    """Say whether any day from today on is one that the expression names; 30 February and past years are not."""
    if expression.year is None and expression.month is None and expression.day is None:
        return True
    return any(_names_day(expression, day) for day in _days_from(expression, today))


def _days_from(expression: CalendarExpression, today: date) -> Iterator[date]:
    """Give the days of the months that the expression names, as far as its calendar repeats itself."""
    last_year = LAST_YEAR if expression.year else today.year + CALENDAR_CYCLE
    for year in range(today.year, last_year + 1):
        if not _in_chain(expression.year, year):
            continue
        for month in range(1, 13):
            if _in_chain(expression.month, month):
                days = (date(year, month, day) for day in range(1, monthrange(year, month)[1] + 1))
                yield from (day for day in days if day >= today)


def _names_day(expression: CalendarExpression, day: date) -> bool:
    if expression.weekdays and day.weekday() not in expression.weekdays:
        return False
    if not expression.day_from_month_end:
        return _in_chain(expression.day, day.day)
    left = monthrange(day.year, day.month)[1] - day.day + 1
    return any(_holds_from_end(component, left) for component in expression.day or ()) or expression.day is None


def _holds_from_end(component: Component, left: int) -> bool:
    """Say whether the day with that many left in its month, itself counted, is named; a step counts down to the end."""
    if component.step and component.stop is None:
        return left <= component.start and (component.start - left) % component.step == 0
    return component.holds(left)


def _in_chain(chain: Chain, number: int) -> bool:
    return chain is None or any(component.holds(number) for component in chain)
