"""What is told, in words: one message for one event, with host, what, since when, why and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kometa_host.config_tree.secret_patterns import masked
from kometa_host.state import kometa_errors
from kometa_host.state.kometa_log import Outcome, counts_text
from kometa_host.state.run_history import RecordedRun
from kometa_host.watcher.decide import RunEvent, What
from kometa_host.watcher.jobs import JobEvent, UpdateEvent

MAX_TITLE = 120
MAX_BODY = 1500  # characters: some services take 2000, title included
RUN_AGAIN = "pyinfra inventory.py operations.kometa.run_once"
LOG = "pyinfra inventory.py operations.kometa.logs runs=1"
STOPPED = "Kometa or the host was stopped in the middle of it, or the kernel ended it for lack of memory"
NAMES = {
    "": "a run",
    "Test": "a test run",
    "Collections": "a run of some collections",
    "Libraries": "a run of some libraries",
}


@dataclass(frozen=True)
class Message:
    """Something to tell. kind: failure, success, warning or info, as Apprise takes it; topics: which of the values of
    kometa_notify_on ask for it, None if it is told in any case; ping: what is appended to kometa_notify_url, None for
    no ping.
    """

    title: str
    body: str
    kind: str
    topics: tuple[str, ...] | None = None
    ping: str | None = None


def _message(host: str, what: str, lines: Iterable[str], **more: object) -> Message:
    body = "\n".join(line for line in lines if line)
    return Message(f"{host}: {what}"[:MAX_TITLE], masked(body)[:MAX_BODY], **more)  # type: ignore[arg-type]


def trial(host: str) -> Message:
    """Return a message that only shows that messages arrive."""
    lines = ["This is how Kometa's runs, backups and updates on this host are told. Nothing happened."]
    return _message(host, "a trial message", lines, kind="info", ping="/log")


def of_run(host: str, event: RunEvent, limit: int) -> Message:
    """Return the message for something that happened to a run; limit: kometa_run_limit."""
    if event.what is What.BEGUN:
        return _message(host, f"{_name(event.runs[0])} began", [], kind="info", topics=(), ping="/start")
    if event.what is What.HANGS:
        return _hangs(host, event.runs[0], limit)
    if event.what is What.MISSED:
        return _missed(host, event)
    return _ended(host, event)


def _name(run: RecordedRun) -> str:
    return NAMES.get(run.kind, f"the run of {run.kind}")


def _hangs(host: str, run: RecordedRun, limit: int) -> Message:
    lines = [
        f"Since {_clock(run.started)}, which is more than {limit} h (kometa_run_limit).",
        "To do: see what it does (pyinfra inventory.py operations.kometa.logs); to end it, as the account: "
        "systemctl --user restart kometa",
    ]
    return _message(host, f"{_name(run)} hangs", lines, kind="failure", topics=("failure",), ping="/fail")


def _missed(host: str, event: RunEvent) -> Message:
    runs, reason = event.runs, event.reason
    what = f"{_name(runs[0])} was missed" if len(runs) == 1 else f"{len(runs)} runs were missed"
    lines = [
        f"Due at {', '.join(_clock(run.started) for run in runs[-5:])}.",
        f"Why: {reason.cause}." if reason else "",
        f"To do: {reason.remedy}" if reason else "",
    ]
    return _message(host, what, lines, kind="failure", topics=("failure",), ping="/fail")


def _ended(host: str, event: RunEvent) -> Message:
    run = event.runs[0]
    if event.is_failure:
        lines = [*_times(run), *_why(run), f"Log: {LOG}"]
        return _message(host, f"{_name(run)} {_fate(run)}", lines, kind="failure", topics=("failure",), ping="/fail")
    lines = [*_times(run), *_changes(run), *(_why(run) if run.errors else [])]
    what = f"{_name(run)} was {run.outcome.value}"
    if not event.is_over or not event.trouble:
        return _message(host, what, lines, kind="success", topics=("success",), ping="")
    lines.insert(0, f"Over: the one before was {_told(event.trouble)}.")
    return _message(host, f"Kometa runs again: {what}", lines, kind="success", topics=("failure", "success"), ping="")


def _told(trouble: Outcome) -> str:
    return {Outcome.FAILED: "a failure", Outcome.HUNG: "one that hung"}.get(trouble, trouble.value)


def _fate(run: RecordedRun) -> str:
    words = {Outcome.INTERRUPTED: "was interrupted", Outcome.HUNG: "hung, and was ended"}
    if run.failed_libraries and run.finished:
        return f"failed for {', '.join(run.failed_libraries)}"
    return words.get(run.outcome, "failed")


def _times(run: RecordedRun) -> list[str]:
    counts = counts_text(run.errors, run.warnings)
    if not run.finished:
        return [f"It began at {_clock(run.started)} and never finished; {counts}."]
    return [f"From {_clock(run.started)} to {run.finished:%H:%M} ({timedelta(seconds=run.seconds or 0)}); {counts}."]


def _changes(run: RecordedRun) -> list[str]:
    table = run.collections
    if table is None:
        return []
    return [f"{table.changed} of {table.listed} collections changed; {table.added} items came, {table.removed} went."]


def _why(run: RecordedRun) -> list[str]:
    if run.outcome in (Outcome.INTERRUPTED, Outcome.HUNG):
        return [f"Why: {STOPPED}.", f"To do: {RUN_AGAIN}", *(f"Before: {text}" for text in run.first_errors[:2])]
    if not run.first_errors:
        return []
    first, *others = run.first_errors
    known = kometa_errors.explain(first)
    lines = [f"Why: {first}", *([f"That is: {known.cause}.", f"To do: {known.remedy}."] if known else [])]
    return [*lines, *(f"Also: {text}" for text in others[:2])]


def of_job(host: str, event: JobEvent, what: str, said: Sequence[str]) -> Message:
    """Return the message for the end of a job, such as `the backup`; said: the last lines of its journal."""
    job = event.job
    if job.is_failure:
        lines = [
            f"At {job.ended} ({job.result}).",
            *(f"| {line}" for line in said),
            f"To do: journalctl --user -u {job.unit}   (as the account)",
        ]
        return _message(host, f"{what} failed", lines, kind="failure", topics=("failure",))
    lines = [f"At {job.ended}.", *(f"| {line}" for line in said[-1:])]
    if event.was_failure:
        return _message(host, f"{what} is well again", lines, kind="success", topics=("failure", "success"))
    return _message(host, f"{what} was made", lines, kind="success", topics=("success",))


def of_update(host: str, event: UpdateEvent) -> Message:
    """Return the message for an update that was done, undone or failed."""
    name = "the host's repository" if event.container == "git" else event.container
    lines = [f"At {event.time}: {event.why}."]
    if event.event == "rolled-back":
        return _message(host, f"an update of {name} was undone", lines, kind="failure", topics=("failure", "update"))
    if event.is_failure:
        lines.append(
            "To do: journalctl --user -t mms-autodeploy; again: pyinfra inventory.py operations.autodeploy.run"
        )
        return _message(host, f"an update of {name} failed", lines, kind="failure", topics=("failure", "update"))
    if event.is_drift:
        return _message(host, "the host differed from its repository", lines, kind="warning", topics=("drift",))
    return _message(host, f"{name} was updated", lines, kind="success", topics=("update",))


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
