"""Backups and updates: how the last of each went, as systemd and the history of updates tell it. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FAILED = ("failed", "rolled-back")
TOLD = ("updated", *FAILED)
PUT_RIGHT = "put right what differed"  # as pull.sh says it


@dataclass(frozen=True)
class Job:
    """The last job of a unit. ended: when, as systemd shows it, empty where there was none or one is going on.

    began: when, likewise; invocation, identifier: by what the journal knows it, a unit's identifier for all its jobs.
    """

    unit: str
    ended: str
    result: str
    invocation: str = ""
    began: str = ""
    identifier: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether it failed."""
        return self.result != "success"


@dataclass(frozen=True)
class JobEvent:
    """A job that ended. was_failure: whether the one before it failed, and this says that it is over."""

    job: Job
    was_failure: bool


@dataclass(frozen=True)
class UpdateEvent:
    """An update that was done, undone, or failed; see facts.autodeploy.History for the fields."""

    time: str
    container: str
    event: str
    why: str

    @property
    def is_failure(self) -> bool:
        """Whether somebody should look at it."""
        return self.event in FAILED

    @property
    def is_drift(self) -> bool:
        """Whether the host differed from its repository, and was put right."""
        return self.container == "git" and self.why.startswith(PUT_RIGHT)


def parse_units(text: str) -> list[Job]:
    """Given what `systemctl show` printed of some units, return the last job of each that systemd knows."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    return [_job(block) for block in blocks if block.get("LoadState") == "loaded"]


def _job(block: Mapping[str, str]) -> Job:
    is_over = block.get("ActiveState") in ("inactive", "failed")
    return Job(
        unit=block.get("Id", ""),
        ended=block.get("ExecMainExitTimestamp", "") if is_over else "",
        result=block.get("Result", ""),
        invocation=block.get("InvocationID", ""),
        began=block.get("ExecMainStartTimestamp", ""),
        identifier=block.get("SyslogIdentifier", ""),
    )


def after_units(known: Mapping[str, str] | None, jobs: Iterable[Job]) -> tuple[dict[str, str], list[JobEvent]]:
    """Given what was told before, None at the first look, return what is known now and which jobs ended since."""
    told = dict(known or {})
    events = []
    for job in jobs:
        before = told.get(job.unit, "")
        if not job.ended or before.startswith(f"{job.ended};"):
            continue
        told[job.unit] = f"{job.ended};{job.result}"
        if known is not None:
            events.append(JobEvent(job, bool(before) and not before.endswith(";success")))
    return told, events


def after_updates(known: str, lines: Sequence[str], is_first: bool) -> tuple[str, list[UpdateEvent]]:
    """Given the time of the last update that was told and the lines of the history of updates, return what is new."""
    found = [event for line in lines if (event := _update(line))]
    newest = max([known, *(event.time for event in found)])
    fresh = [] if is_first else [event for event in found if event.time > known and event.event in TOLD]
    return newest, fresh


def without_doubles(
    jobs: Sequence[JobEvent], updates: Sequence[UpdateEvent], updating: Collection[str]
) -> list[JobEvent]:
    """Return the jobs to tell of; of the units that update, what the history of updates tells is not repeated."""
    failed = any(update.is_failure for update in updates)
    return [
        event
        for event in jobs
        if event.job.unit not in updating or (event.job.is_failure and not failed) or event.was_failure
    ]


def _update(line: str) -> UpdateEvent | None:
    try:
        found: Mapping[str, Any] = json.loads(line)
        return UpdateEvent(*(str(found[name]) for name in ("time", "container", "event", "why")))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
