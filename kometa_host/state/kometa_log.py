"""Kometa's runs, as its logs tell them: what ran when, and how it went. Pure.

The exit status of Kometa's container is 0 whatever happened, so its log is the only judge: a run is good when it has
its Starting and its Finished line and nothing critical in between. `Finished Run` alone is no success: it also follows
a configuration that could not be read. Python 3.9 runs this on hosts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from itertools import islice
from zoneinfo import ZoneInfo

from kometa_host.state import kometa_errors

LINE = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+\] (\[[^\]]*\]) +\[([A-Z]+)\] +(.*)", re.ASCII)
MARKER = re.compile(r"\| +(Starting|Finished) (?:(\d\d:\d\d|Test|Collections|Libraries) )?Run +\|", re.ASCII)
# The rows of a message after its first one have blanks in place of time, caller and level; those of a traceback have no
# frame, and only the last of them tells why.
CONTINUATION = re.compile(r" {65}\| ?(.*)|([A-Za-z_][\w.]*: .*)", re.ASCII)
TELLING_LEVELS = ("WARNING", "ERROR", "CRITICAL")
VALIDATION = "Validation Report"
LIBRARY_FAILED = re.compile(r"(.+) Library Connection Failed")
VERSION = re.compile(r"Version: (\d[\w.-]*)", re.ASCII)
# | Title | added | unchanged | removed | run time | status |
COLLECTION = re.compile(r".*\S +\| +(\d+) \| +\d+ \| +(\d+) \| +\d+:\d\d:\d\d \| (\S.*)", re.ASCII)
CHANGED = ("Created", "Modified", "Updated", "Deleted")
BROKEN = ("Failure", "Error")


class Outcome(Enum):
    """How a run went."""

    GOOD = "good"
    WITH_ERRORS = "with errors"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    HUNG = "hung"
    MISSED = "missed"
    IN_PROGRESS = "in progress"


@dataclass(frozen=True)
class LogLine:
    """One message of meta.log: local time, who wrote it, level, text without the frame, its rows one after another."""

    time: datetime
    caller: str
    level: str
    text: str


@dataclass(frozen=True)
class Collections:
    """What the table at the end of a run says: how many collections, how many of them changed or failed, and items."""

    listed: int = 0
    changed: int = 0
    failed: int = 0
    added: int = 0
    removed: int = 0


@dataclass(frozen=True)
class Run:
    """One run. kind: "06:00" for a scheduled one, "Test", "Collections", "Libraries" or "". Times are aware.

    first_line: when its log begins; failed_libraries: those that Kometa could not work on; version: Kometa's.
    """

    kind: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    errors: tuple[str, ...] = ()
    criticals: tuple[str, ...] = ()
    warnings: int = 0
    has_start: bool = True
    first_line: datetime | None = None
    failed_libraries: tuple[str, ...] = ()
    version: str = ""
    collections: Collections | None = None

    @property
    def duration(self) -> timedelta | None:
        """How long the run took, None if it has not finished."""
        return elapsed(self.started, self.finished) if self.started and self.finished else None

    @property
    def messages(self) -> list[str]:
        """What went wrong, each once: first what explains the rest."""
        return kometa_errors.in_order(self.criticals, self.errors)

    def outcome(self, in_progress: bool = False) -> Outcome:
        """Return how the run went; in_progress says that its process still lives."""
        if in_progress and not self.finished:
            return Outcome.IN_PROGRESS
        if self.criticals or self.failed_libraries or not self.has_start:
            return Outcome.FAILED
        if not self.finished:
            return Outcome.INTERRUPTED
        return Outcome.WITH_ERRORS if self.errors else Outcome.GOOD


@dataclass(frozen=True)
class RunLog:
    """The lines of one run, as they stand in the log."""

    lines: tuple[str, ...] = field(repr=False)


def elapsed(begin: datetime, end: datetime) -> timedelta:
    """Return the time between two moments; a difference within one zone would not know that its clocks were changed."""
    return timedelta(seconds=end.timestamp() - begin.timestamp())


def parse_line(line: str) -> LogLine | None:
    """Given a line of meta.log, return its parts, None if it is not of that form."""
    found = LINE.match(line)
    with suppress(ValueError):  # of a time that no clock shows
        return LogLine(datetime.fromisoformat(found[1]), found[2], found[3], _unframed(found[4])) if found else None
    return None


def _unframed(text: str) -> str:
    text = text.rstrip()
    if text.endswith("|") and len(text) > 1:
        text = text[text.startswith("|") : -1].strip()
    # A log is not ours: what moves a terminal's cursor, or turns text around, is not shown to anybody.
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)


def parse_messages(lines: Iterable[str]) -> list[LogLine]:
    """Given lines of meta.log, return its messages; what is not of Kometa's form is left out."""
    found: list[tuple[LogLine, list[str]]] = []
    for line in lines:
        if known := parse_line(line):
            found.append((known, [known.text]))
        elif found and (row := CONTINUATION.match(line)):
            found[-1][1].append(_unframed(row[1] or row[2]))
    return [replace(first, text=" ".join(filter(None, rows))) for first, rows in found]


def split(lines: Iterable[str]) -> Iterator[RunLog]:
    """Given the lines of a log, yield those of each run: from its Starting line up to the next one.

    What comes before the first Starting line belongs to the first run.
    """
    current: list[str] = []
    has_start = False
    for line in lines:
        marker = MARKER.search(line)
        if marker and marker[1] == "Starting":
            if has_start:
                yield RunLog(tuple(current))
                current = []
            has_start = True
        current.append(line)
    if current:
        yield RunLog(tuple(current))


def parse(lines: Iterable[str], timezone: str) -> list[Run]:
    """Given the lines of a log, or only those with markers, warnings and errors, return its runs, oldest first.

    A log that belongs to a validation has none.
    """
    return [run for log in split(lines) if (run := _run_of(log, timezone))]


def latest(lines: Iterable[str], timezone: str, count: int) -> list[tuple[Run, RunLog]]:
    """Given the lines of a log, return its last runs, so many at most, oldest first, each with its own lines."""
    told = ((run, log) for log in reversed(list(split(lines))) if (run := _run_of(log, timezone)))
    return list(islice(told, count))[::-1]


def _run_of(log: RunLog, timezone: str) -> Run | None:
    if any(VALIDATION in line for line in log.lines):
        return None
    run = _run(log.lines, ZoneInfo(timezone))
    return run if run.has_start or run.criticals else None


def _run(lines: Sequence[str], zone: ZoneInfo) -> Run:
    parsed = parse_messages(lines)
    run = Run(has_start=False, first_line=parsed[0].time.replace(tzinfo=zone) if parsed else None)
    for line in parsed:
        run = _with_marker(run, line, zone)
    messages = [(line.level, line.text) for line in parsed if line.level in TELLING_LEVELS and line.text]
    return replace(
        run,
        errors=tuple(text for level, text in messages if level == "ERROR"),
        criticals=tuple(text for level, text in messages if level == "CRITICAL"),
        warnings=sum(level == "WARNING" for level, _ in messages),
        failed_libraries=tuple(found[1] for line in parsed if (found := LIBRARY_FAILED.fullmatch(line.text))),
        version=next((found[1] for line in parsed if (found := VERSION.match(line.text))), ""),
        collections=_collections(line.text for line in parsed),
    )


def _collections(texts: Iterable[str]) -> Collections | None:
    rows = [found for text in texts if (found := COLLECTION.fullmatch(text))]
    statuses = [row[3].rstrip() for row in rows]
    return None if not rows else Collections(
        listed=len(rows),
        changed=sum(status.startswith(CHANGED) for status in statuses),
        failed=sum(status.endswith(BROKEN) for status in statuses),
        added=sum(int(row[1]) for row in rows),
        removed=sum(int(row[2]) for row in rows),
    )  # fmt: skip


def _with_marker(run: Run, line: LogLine, zone: ZoneInfo) -> Run:
    marker = MARKER.search(f"| {line.text} |")
    if not marker:
        return run
    time = line.time.replace(tzinfo=zone)
    if marker[1] == "Starting":
        return replace(run, kind=marker[2] or "", started=time, has_start=True)
    return replace(run, finished=time)


def summary(run: Run, in_progress: bool = False) -> str:
    """Return one sentence: when the run took place and how it went."""
    outcome = run.outcome(in_progress)
    counts = counts_text(len(run.errors) + len(run.criticals), run.warnings)
    if run.failed_libraries:
        counts = f"no work on {', '.join(run.failed_libraries)}; {counts}"
    if not run.started:
        return f"given up before it started: {counts}"
    begin = f"{run.started:%Y-%m-%d %H:%M:%S}"
    if run.finished:
        return f"{begin} to {run.finished:%H:%M:%S} ({run.duration}), {outcome.value}: {counts}"
    return f"{begin}, {outcome.value}: {counts}"


def counts_text(errors: int, warnings: int) -> str:
    """Return how many errors and warnings there were, in words."""
    return f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"


def counted(count: int, what: str) -> str:
    """Return how many of something there are, in words."""
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def shown(line: str) -> str:
    """Return a line of meta.log as it is shown to a person: time of day, level where it matters, text."""
    known = parse_line(line)
    if not known:
        row = CONTINUATION.match(line)
        return f"{'':8} {_unframed(row[1])}".rstrip() if row and row[1] else line.rstrip()
    level = "" if known.level == "INFO" else f"{known.level} "
    return f"{known.time:%H:%M:%S} {level}{known.text}".rstrip()
