"""The history of a host's runs: a file of JSON, one finished run a line, which its watcher writes and reports read.

It lies in the account's state directory, so it outlives Kometa's ten logs, restores, updates and reboots. Its fields,
version 1, are those of RecordedRun; a reader takes lines of its own version or older and leaves out the rest, such as a
line that a power failure cut off. A field that is added does not make a new version. Python 3.9 runs this on hosts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from kometa_host.config_tree.secret_patterns import masked
from kometa_host.state.kometa_log import Collections, Outcome, Run, counts_text, elapsed

FILE = "runs/history.jsonl"  # in the state directory
VERSION = 1
MAX_RUNS = 2000  # so many the file holds: years of a daily run
MAX_MESSAGES = 5
MAX_LIBRARIES = 20
MAX_TEXT = 300  # characters of a message or a name


@dataclass(frozen=True)
class RecordedRun:
    """One run as the history has it; text comes from Kometa's log, what looks like a secret masked.

    kind: "06:00" for a scheduled run, else "Test", "Collections", "Libraries" or "" for one that somebody started.
    started: when it began, aware; of a run that was given up before, when its log began; of a missed one, when it was
    due. finished: None where it never finished. outcome: good, with errors, failed (a library that Kometa could not
    work on counts), interrupted, hung (longer than kometa_run_limit, and it never finished) or missed. errors counts
    critical messages too. first_errors: the first few, what explains the others first; of a missed run why it was
    missed. failed_libraries: names. collections: None where the log has no table of them. kometa: its version.
    """

    kind: str
    started: datetime
    finished: datetime | None
    outcome: Outcome
    errors: int = 0
    warnings: int = 0
    first_errors: tuple[str, ...] = ()
    failed_libraries: tuple[str, ...] = ()
    collections: Collections | None = None
    kometa: str = ""

    @property
    def seconds(self) -> int | None:
        """How long it took, None where it never finished."""
        return int(elapsed(self.started, self.finished).total_seconds()) if self.finished else None

    @property
    def has_begun(self) -> bool:
        """Whether it took place at all."""
        return self.outcome is not Outcome.MISSED

    @property
    def is_failure(self) -> bool:
        """Whether somebody should look at it."""
        return self.outcome not in (Outcome.GOOD, Outcome.WITH_ERRORS)

    def to_json(self) -> dict[str, Any]:
        """Return the line's object."""
        return {
            "version": VERSION,
            **asdict(self),
            "started": self.started.isoformat(),
            "finished": self.finished.isoformat() if self.finished else None,
            "seconds": self.seconds,
            "outcome": self.outcome.value,
        }


def recorded(run: Run, outcome: Outcome) -> RecordedRun | None:
    """Return a run of a log as the history has it, None for one without any time."""
    started = run.started or run.first_line
    if started is None:
        return None
    messages = run.messages
    return RecordedRun(
        kind=run.kind,
        started=started,
        finished=run.finished,
        outcome=outcome,
        errors=len(run.errors) + len(run.criticals),
        warnings=run.warnings,
        first_errors=tuple(masked(text)[:MAX_TEXT] for text in messages[:MAX_MESSAGES]),
        failed_libraries=tuple(name[:MAX_TEXT] for name in run.failed_libraries[:MAX_LIBRARIES]),
        collections=run.collections,
        kometa=run.version[:MAX_TEXT],
    )


def line(run: RecordedRun) -> str:
    """Return a run as a line of the file, with its line break."""
    return json.dumps(run.to_json(), ensure_ascii=False) + "\n"


def summary(run: RecordedRun) -> str:
    """Return one sentence: when a run took place and how it went, with its first error."""
    begin = f"{run.started:%Y-%m-%d %H:%M:%S}"
    took = f" to {run.finished:%H:%M:%S} ({timedelta(seconds=run.seconds or 0)})" if run.finished else ""
    counts = f": {counts_text(run.errors, run.warnings)}" if run.has_begun else ""
    first = f"; {run.first_errors[0]}" if run.first_errors else ""
    return f"{begin}{took}, {run.outcome.value}{counts}{first}"


def parse(lines: Iterable[str]) -> list[RecordedRun]:
    """Given the lines of the file, return its runs, newest first; what cannot be read is left out."""
    found = [run for text in lines if (run := _run(text)) is not None]
    return sorted(found, key=lambda run: run.started, reverse=True)


def _run(text: str) -> RecordedRun | None:
    try:
        found = json.loads(text)
        return _from_json(found) if found["version"] <= VERSION else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _from_json(found: Mapping[str, Any]) -> RecordedRun:
    table, finished = found["collections"], found["finished"]
    started = datetime.fromisoformat(found["started"])
    if started.tzinfo is None:
        raise ValueError("a time without its zone")
    return RecordedRun(
        kind=str(found["kind"]),
        started=started,
        finished=datetime.fromisoformat(finished).astimezone(started.tzinfo) if finished else None,
        outcome=Outcome(found["outcome"]),
        errors=int(found["errors"]),
        warnings=int(found["warnings"]),
        first_errors=tuple(map(str, found["first_errors"])),
        failed_libraries=tuple(map(str, found["failed_libraries"])),
        collections=Collections(**{name: int(table[name]) for name in asdict(Collections())}) if table else None,
        kometa=str(found["kometa"]),
    )
