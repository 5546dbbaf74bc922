"""When systemd's calendar expressions elapse, as far as that can be said without a host; see systemd.time(7).

Whether an expression is one at all is judged by the host's own systemd (plans/schedules.py).
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import product

SHORTHANDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "annually": "*-01-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
}
_NUMBERS = r"(?:\*|\d+(?:\.\.\d+)?)(?:/\d+)?(?:,(?:\*|\d+(?:\.\.\d+)?)(?:/\d+)?)*"
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*"
EXPRESSION = re.compile(
    rf"(?:(?P<weekdays>{_DAY}(?:(?:,|\.\.|-){_DAY})*),?(?: |$))?"
    rf"(?:(?:(?P<year>{_NUMBERS})-)?(?P<month>{_NUMBERS})(?P<sign>[-~])(?P<day>{_NUMBERS})(?: |$))?"
    rf"(?:(?P<hour>{_NUMBERS}):(?P<minute>{_NUMBERS})(?::(?P<second>{_NUMBERS}))?)?"
)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST, DAYS = date(2024, 1, 1), 1096  # three years from a Monday on, one of them a leap year
FIRST_YEAR = 1970  # from which systemd counts the steps of years


def elapses(expression: str) -> Iterator[datetime]:
    """Yield when an expression elapses in three years, by its own clock, in order; nothing if it cannot be read here.

    Only how these moments lie to each other means anything: the years are no real ones.
    """
    text = " ".join(expression.lower().split())
    read = EXPRESSION.fullmatch(SHORTHANDS.get(text, text).lower())
    if read is None or not text:
        return
    parts = {name: part for name, part in read.groupdict().items() if part}
    times = list(_times(parts))
    for day in (FIRST + timedelta(number) for number in range(DAYS)):
        if _is_day(day, parts):
            yield from (datetime.combine(day, moment) for moment in times)


def _times(parts: dict[str, str]) -> Iterator[time]:
    ranges = (("hour", 24), ("minute", 60), ("second", 60))
    values = [[value for value in range(end) if _holds(parts.get(name, "0"), value, 0)] for name, end in ranges]
    return (time(hour, minute, second) for hour, minute, second in product(*values))


def _is_day(day: date, parts: dict[str, str]) -> bool:
    last = monthrange(day.year, day.month)[1]
    # Days behind a ~ are counted from the month's end: ~01 is its last.
    number, sign = (day.day, 1) if parts.get("sign") != "~" else (day.day - last - 1, -1)
    return (
        _holds(parts.get("year", "*"), day.year, FIRST_YEAR)
        and _holds(parts.get("month", "*"), day.month, 1)
        and _holds(parts.get("day", "*"), number, sign, sign)
        and _is_weekday(parts.get("weekdays"), day.weekday())
    )


def _holds(numbers: str, value: int, lowest: int, sign: int = 1) -> bool:
    """Return whether a list such as `1,3..5,*/2` has a value; sign: -1 where its numbers are counted from the end."""
    return any(_is_one_of(part, value, lowest, sign) for part in numbers.split(","))


def _is_one_of(part: str, value: int, lowest: int, sign: int) -> bool:
    span, _, step = part.partition("/")
    first, _, last = span.partition("..")
    if first == "*" and not step:
        return True
    begin = lowest if first == "*" else sign * int(first)
    end = sign * int(last) if last else value if step else begin
    return begin <= value <= end and (value - begin) % max(int(step or 1), 1) == 0


def _is_weekday(weekdays: str | None, day: int) -> bool:
    if weekdays is None:
        return True
    for part in weekdays.split(","):
        first, *more = (WEEKDAYS.index(name[:3]) for name in re.split(r"\.\.|-", part))
        if first <= day <= (more[-1] if more else first):
            return True
    return False
