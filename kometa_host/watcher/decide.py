"""What a look at the logs means: runs for the history, and events to tell of. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from kometa_host.state.kometa_log import Outcome
from kometa_host.state.run_history import RecordedRun
from kometa_host.watcher.logs import Look
from kometa_host.watcher.memory import Memory, Open
from kometa_host.watcher.schedule import Due
from kometa_host.watcher.why_missed import Reason


class What(Enum):
    """What happened to a run."""

    BEGUN = "begun"
    ENDED = "ended"
    HANGS = "hangs"
    MISSED = "missed"


@dataclass(frozen=True)
class RunEvent:
    """Something to tell of a run. runs: the run, or those that were missed, oldest first; reason: why they were.

    trouble: how the run before it went, if that was told.
    """

    what: What
    runs: tuple[RecordedRun, ...]
    trouble: Outcome | None = None
    reason: Reason | None = None

    @property
    def is_failure(self) -> bool:
        """Whether somebody should look at it."""
        return self.what in (What.HANGS, What.MISSED) or (self.what is What.ENDED and self.runs[0].is_failure)

    @property
    def is_over(self) -> bool:
        """Whether it says that what was told before is over."""
        return self.what is What.ENDED and self.trouble is not None and not self.is_failure


@dataclass(frozen=True)
class Step:
    """What a look leads to: what to remember, runs for the history, oldest first, and what to tell."""

    memory: Memory
    new_runs: tuple[RecordedRun, ...] = ()
    events: tuple[RunEvent, ...] = ()


Key = tuple[str, datetime]


def key(run: RecordedRun) -> Key:
    """Return what tells a run from all others."""
    return run.kind, run.started


def after_look(memory: Memory, look: Look, known: Collection[Key], limit: timedelta, now: datetime) -> Step:
    """Given a look and the runs that the history has, return what follows from the runs in it.

    A run that ended before watching began is recorded and not told.
    """
    over = tuple(_with_fate(run, memory.open) for run in look.runs if key(run) not in known)
    step = Step(replace(memory, done=look.done, open=_open(memory.open, look)), over)
    since = memory.since.replace(microsecond=0)  # a log's times are whole seconds
    for run in over:
        if _was_open(run, memory.open) or (run.finished or run.started) >= since:
            step = _with_ended(step, run)
    return _with_progress(step, memory.open, look, limit, now)


def _was_open(run: RecordedRun, was: Open | None) -> bool:
    return was is not None and was.started == run.started


def _with_fate(run: RecordedRun, was: Open | None) -> RecordedRun:
    if was and was.hangs and _was_open(run, was) and run.outcome is Outcome.INTERRUPTED:
        return replace(run, outcome=Outcome.HUNG)
    return run


def _open(was: Open | None, look: Look) -> Open | None:
    if look.progress is None:
        return None
    return was if was and was.started == look.progress.started else Open(look.progress.started)


def _with_ended(step: Step, run: RecordedRun) -> Step:
    event = RunEvent(What.ENDED, (run,), step.memory.trouble)
    trouble = run.outcome if run.is_failure else None
    return replace(step, memory=replace(step.memory, trouble=trouble), events=(*step.events, event))


def _with_progress(step: Step, was: Open | None, look: Look, limit: timedelta, now: datetime) -> Step:
    progress, current = look.progress, step.memory.open
    if progress is None or current is None:
        return step
    run = RecordedRun(progress.kind, progress.started, None, Outcome.IN_PROGRESS)
    if was is None or was.started != current.started:
        step = replace(step, events=(*step.events, RunEvent(What.BEGUN, (run,))))
    if now - progress.started <= limit or current.hangs:
        return step
    event = RunEvent(What.HANGS, (run,), step.memory.trouble)
    memory = replace(step.memory, open=replace(current, hangs=True), trouble=Outcome.HUNG)
    return replace(step, memory=memory, events=(*step.events, event))


def with_missed(step: Step, missed: Mapping[Due, Reason], until: datetime) -> Step:
    """Return the step with the times up to a moment at which no run began, oldest first, and why."""
    memory = replace(step.memory, checked=max(until, step.memory.checked))
    if not missed:
        return replace(step, memory=memory)
    runs = tuple(
        RecordedRun(due.kind, due.time, None, Outcome.MISSED, first_errors=(reason.cause,))
        for due, reason in missed.items()
    )
    event = RunEvent(What.MISSED, runs, memory.trouble, list(missed.values())[-1])
    return Step(replace(memory, trouble=Outcome.MISSED), (*step.new_runs, *runs), (*step.events, event))
