"""Saying no to a value: what was found and what to do, for one value or for several at once."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Control characters, ends of lines, surrogates, and noncharacters: systemd takes a line that holds one for no line.
NO_TEXT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)
MAX_QUOTE = 80  # characters of a value that a message repeats


class Complaint(NamedTuple):
    """What was found in a value and what to do about it."""

    found: str
    remedy: str


class RefusalError(ValueError):
    """A value that cannot work, with at least one complaint."""

    def __init__(self, found: str, remedy: str, *more: Complaint) -> None:
        self.complaints = (Complaint(found, remedy), *more)
        super().__init__("; ".join(f"{complaint.found}: {complaint.remedy}" for complaint in self.complaints))


def every(check: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Given a check and items, return its results. Raise one RefusalError with the complaints about all bad items."""
    results: list[Result] = []
    complaints: list[Complaint] = []
    for item in items:
        try:
            results.append(check(item))
        except RefusalError as refusal:
            complaints.extend(refusal.complaints)
    if complaints:
        first, *more = complaints
        raise RefusalError(first.found, first.remedy, *more)
    return results


def quoted(value: object) -> str:
    """Return a value, not a secret one, as a message shows it: on one line, not long, with its type if no text."""
    text = repr(value)
    short = text if len(text) <= MAX_QUOTE else f"{text[: MAX_QUOTE - 3]}..."
    return short if isinstance(value, str) else f"{short} ({kind(value)})"


def kind(value: object) -> str:
    """Return what a value is in words that a user of the command line knows; it never shows the value."""
    if value is None:
        return "no value"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return names.get(type(value), f"a {type(value).__name__}")


def text_of(value: object, remedy: str) -> str:
    """Return a value that must be text of at least one character, without control characters."""
    if not isinstance(value, str):
        raise RefusalError(quoted(value), remedy)
    if not value.strip():
        raise RefusalError("an empty text", remedy)
    if NO_TEXT.search(value):
        raise RefusalError(f"a line break or another control character in {quoted(value)}", remedy)
    return value


def whole_number(value: object, low: int, high: int | None, remedy: str) -> int:
    """Return a whole number from low to high; digits in a text are one, true and false are none."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        raise RefusalError(quoted(value), remedy)
    return value


def listed(value: object) -> list[object]:
    """Return a list as it is and a single text as a list of one, since --data gives that for one element."""
    if isinstance(value, list | tuple):
        return list(value)
    return [value]
