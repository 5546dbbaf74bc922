"""Schedules as Kometa reads them: what is wrong with one, and the nearest right one. Pure.

Kometa logs a schedule that it does not know, and what has it then never runs; a few end the whole run.
Source: Kometa 2.4.4, modules/util.py (schedule_check).
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from kometa_host.config_tree.vocabulary import DAYS
from kometa_host.config_tree.yaml12 import Value

EXAMPLES: Final = {
    "hourly": "hourly(17)", "weekly": "weekly(sunday)", "monthly": "monthly(1)", "yearly": "yearly(01/30)",
    "range": "range(12/01-12/31)", "date": "date(12/25/2026)", "all": "all[weekly(sunday), hourly(17)]",
}  # fmt: skip
PLAIN: Final = ("day", "daily", "never", "non_existing")
DATE: Final = r"(?:1[0-2]|0?[1-9])/(?:3[01]|[12][0-9]|0?[1-9])"
PARAMETERS: Final = {
    "hourly": r"(?:[01]?\d|2[0-3])(?:-(?:[01]?\d|2[0-3]))?",
    "monthly": r"last|0?[1-9]|[12][0-9]|3[01]",
    "yearly": DATE,
    "date": rf"{DATE}/\d{{4}}",
    "range": rf"{DATE}-{DATE}(?:\|{DATE}-{DATE})*",
}


def problems(value: Value) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a schedule, which can be a text or a list of texts, each with what to write."""
    if value is None or (isinstance(value, str) and "<<" in value):
        return
    for part in value if isinstance(value, list) else _parts(str(value)):
        if problem := _problem(str(part).strip()):
            yield problem


def _parts(text: str) -> list[str]:
    """Return the schedules of a text; one that needs all of several is alone on its line."""
    return [text] if text.lower().startswith("all") else text.split(",")


def _problem(text: str) -> tuple[str, str] | None:
    lowered = text.lower()
    word = re.split(r"[(\[]", lowered)[0].strip()
    if lowered in PLAIN or "<<" in text:
        return None
    if word == "all":
        inner = re.fullmatch(r"all\s*\[([^\]]+)\]", lowered)
        return next(filter(None, map(_problem, inner[1].split(","))), None) if inner else _unlike(text, "all")
    name = _name(word)
    if name is None:
        near = get_close_matches(word, [*EXAMPLES, *PLAIN], n=1)
        remedy = (
            f"did you mean {EXAMPLES.get(near[0], near[0])}?" if near else f"write one such as {EXAMPLES['weekly']}"
        )
        return f"{text!r} is no schedule of Kometa", remedy
    parameter = re.search(r"\(([^)]+)\)", lowered)
    return None if parameter and _fits(name, parameter[1].strip()) else _unlike(text, name)


def _name(word: str) -> str | None:
    """Return the schedule that a word stands for: Kometa takes week, hour, ... as well."""
    return next((name for name in EXAMPLES if word in (name, name.removesuffix("ly"))), None)


def _fits(name: str, parameter: str) -> bool:
    if name == "weekly":
        return all(day.strip() in DAYS for day in parameter.split("|"))
    return bool(re.fullmatch(PARAMETERS[name], parameter))


def _unlike(text: str, name: str) -> tuple[str, str]:
    return f"{text!r} is no schedule of Kometa", f"write it like {EXAMPLES[name]}"
