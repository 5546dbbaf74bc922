"""Replacements in a text that leave every other byte of it as it is. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

ANCHOR: Final = re.compile(r"&[^\s\[\]{},]+[ \t]*")


@dataclass(frozen=True, order=True)
class Edit:
    """One piece of a text, from one index to another, and what stands there instead."""

    start: int
    end: int
    text: str


def applied(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with all edits made; they must not overlap."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def behind_anchor(text: str, place: tuple[int, int]) -> tuple[int, int]:
    """Return where a scalar stands without its anchor, which stays: `*name` elsewhere repeats by it."""
    anchor = ANCHOR.match(text, *place)
    return anchor.end() if anchor else place[0], place[1]


def value_edit(text: str, place: tuple[int, int], new: str) -> Edit:
    """Return the edit that puts a new value in the place of a scalar, which can be blank or end in blanks."""
    start, end = behind_anchor(text, place)
    end -= len(text[start:end]) - len(text[start:end].rstrip())
    if start >= end and not text[start - 1 : start].isspace():
        return Edit(start, start, f" {new}" if new else "")
    return Edit(start, max(start, end), new)


def line_span(text: str, number: int) -> tuple[int, int]:
    """Return where the line of this number, from 1, begins and ends, its line break not included."""
    lines = text.splitlines(keepends=True)
    start = sum(len(line) for line in lines[: number - 1])
    return start, start + len(lines[number - 1].rstrip("\r\n"))
