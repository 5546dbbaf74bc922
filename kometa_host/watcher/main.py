"""kometa-watch: what its timer starts on a host, and what a deploy and people start.

kometa-watch           look at the runs, the backups and the updates, and tell what happened
kometa-watch trial     send a message that shows whether messages arrive
kometa-watch look      part of the first one, inside the account's user namespace
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kometa_host.state import run_history, watch_config
from kometa_host.state.run_history import RecordedRun
from kometa_host.state.watch_config import WatchConfig
from kometa_host.watcher import jobs, logs, machine, memory, metrics, outbox, schedule, send, why_missed, words
from kometa_host.watcher.decide import Step, after_look, key, with_missed
from kometa_host.watcher.files import MAX_CONFIG, append, read_bounded, replace_file
from kometa_host.watcher.logs import Look, Progress
from kometa_host.watcher.memory import Memory
from kometa_host.watcher.words import Message

MAX_HISTORY = 64 << 20  # bytes
QUIET_UNTIL = "runs/quiet-until"  # in the state directory: seconds since the epoch, for programs/installed/watch.sh
JOURNAL_LINES = 5  # of a job that ended, in a message
SENDING = timedelta(minutes=4)  # of one look; the rest waits for the next
UPDATES = "autodeploy/history.jsonl"  # in the state directory
MEASURED = "runs/metrics-dir"  # there: where the metrics were written last


def main(program: Path, arguments: Sequence[str]) -> int:
    """Do what the arguments say, return the exit status. program: the path of kometa_watch.py, beside the modules."""
    os.umask(0o077)
    commands = {(): watch, ("trial",): trial, ("waiting",): waiting, ("look",): look}
    command = commands.get(tuple(arguments))
    if command is None:
        print("usage: kometa-watch [trial | waiting | look]", file=sys.stderr)
        return 2
    try:
        config = _config(program.parent.parent)
        # What apprise keeps lies with our own records, which a destroy removes.
        os.environ["APPRISE_STORAGE_PATH"] = f"{config.state_dir}/apprise"
        return command(program, config)
    except (OSError, ValueError, machine.NamespaceError) as error:
        print(f"kometa-watch: {error}", file=sys.stderr)
        return 1


def _config(library: Path) -> WatchConfig:
    config = watch_config.parse(read_bounded(library / watch_config.FILE, MAX_CONFIG))
    try:
        ZoneInfo(config.timezone)
    except ZoneInfoNotFoundError:
        raise ValueError(f"this host does not know the time zone {config.timezone}; install tzdata") from None
    return config


def look(_: Path, config: WatchConfig) -> int:
    """Print what the logs tell; the logs that need no second look are the input."""
    done = json.load(sys.stdin)
    found = logs.look(Path(config.config_dir), config.timezone, done)
    progress = found.progress and [found.progress.kind, found.progress.started.isoformat()]
    runs = [run_history.line(run) for run in found.runs]
    print(json.dumps({"runs": runs, "progress": progress, "done": found.done}))
    return 0


def _looked(program: Path, done: Iterable[str]) -> Look:
    found = json.loads(machine.in_namespace(program, "look", json.dumps(list(done))))
    progress = found["progress"]
    return Look(
        runs=tuple(reversed(run_history.parse(found["runs"]))),
        progress=Progress(progress[0], datetime.fromisoformat(progress[1])) if progress else None,
        done=tuple(found["done"]),
    )


def _now() -> datetime:
    return datetime.now(timezone.utc)


def watch(program: Path, config: WatchConfig) -> int:
    """Look at everything once, write down and tell what is new, and send what waits."""
    now, state, host = _now(), Path(config.state_dir), socket.gethostname()
    known = memory.load(state / memory.FILE, now)
    runs = _history(state)
    found = _looked(program, known.done)
    step = _step(config, known, found, runs, now)
    jobs_told, ended = jobs.after_units(known.jobs, machine.jobs(list(config.units)))
    updates_told, updates = jobs.after_updates(known.updates, _updates(state), is_first=known.jobs is None)
    messages = [
        *(words.of_run(host, event, config.run_limit) for event in step.events),
        *(words.of_update(host, event) for event in updates),
        *(_of_job(config, host, event) for event in jobs.without_doubles(ended, updates, _updating(config))),
    ]
    # Told before it is remembered: what a power failure comes between is told twice rather than never.
    for order, message in enumerate(messages):
        _tell(config, message, now, order)
    _record(state, step.new_runs, len(runs))
    memory.save(replace(step.memory, jobs=jobs_told, updates=updates_told), state / memory.FILE)
    _deliver(config)
    _measure(config, sorted([*step.new_runs, *runs], key=lambda run: run.started, reverse=True), found.progress)
    replace_file(state / QUIET_UNTIL, f"{int(_quiet_until(config, step.memory, now).timestamp())}\n")
    return 0


def _measure(config: WatchConfig, runs: Sequence[RecordedRun], progress: Progress | None) -> None:
    note = Path(config.state_dir) / MEASURED
    before = read_bounded(note, MAX_CONFIG).strip() if note.exists() else ""
    if before and before != config.metrics_dir:
        metrics.forget(before)
        note.unlink()
    if config.metrics_dir:
        archives = metrics.backups(machine.archives(config.backup_dir)) if config.backup_dir else []
        metrics.write(config.metrics_dir, metrics.text(runs, progress.started if progress else None, archives))
        replace_file(note, f"{config.metrics_dir}\n")


def _quiet_until(config: WatchConfig, known: Memory, now: datetime) -> datetime:
    """Return the moment before which nothing is due if nothing changes. A run can be killed without a trace."""
    if known.open:
        return now
    tries = [entry.next_try for entry in outbox.waiting(Path(config.state_dir) / outbox.DIRECTORY)]
    return min(
        [schedule.next_due(config.times, config.timezone, known.checked) + timedelta(minutes=config.grace), *tries]
    )


def _step(config: WatchConfig, known: Memory, found: Look, runs: Sequence[RecordedRun], now: datetime) -> Step:
    limit, grace = timedelta(hours=config.run_limit), timedelta(minutes=config.grace)
    step = after_look(known, found, {key(run) for run in runs}, limit, now)
    due = schedule.due_times(config.times, config.timezone, step.memory.checked, now - grace)
    missed = schedule.missed(due, [*runs, *step.new_runs], found.progress, grace)
    reasons = why_missed.reasons([entry.time for entry in missed], machine.facts) if missed else []
    return with_missed(step, dict(zip(missed, reasons)), now - grace)


def _history(state: Path) -> list[RecordedRun]:
    path = state / run_history.FILE
    return run_history.parse(read_bounded(path, MAX_HISTORY).splitlines()) if path.exists() else []


def _record(state: Path, runs: Sequence[RecordedRun], known: int) -> None:
    path = state / run_history.FILE
    if runs:
        append(path, "".join(map(run_history.line, runs)))
    if known + len(runs) > run_history.MAX_RUNS:
        kept = reversed(_history(state)[: run_history.MAX_RUNS * 9 // 10])
        replace_file(path, "".join(map(run_history.line, kept)))


def _of_job(config: WatchConfig, host: str, event: jobs.JobEvent) -> Message:
    return words.of_job(host, event, config.units[event.job.unit], machine.journal(event.job, JOURNAL_LINES))


def _updating(config: WatchConfig) -> list[str]:
    return [unit for unit, what in config.units.items() if what == watch_config.UPDATE]


def _updates(state: Path) -> list[str]:
    path = state / UPDATES
    return read_bounded(path, MAX_HISTORY).splitlines() if path.exists() else []


def _tell(config: WatchConfig, message: Message, now: datetime, order: int) -> None:
    to = outbox.receivers(message, len(config.services), config.notify_on, _pings(config))
    outbox.add(Path(config.state_dir) / outbox.DIRECTORY, message, to, now, order)


def _pings(config: WatchConfig) -> bool:
    return (Path(config.library_dir) / watch_config.PING_URL).exists()


def _deliver(config: WatchConfig) -> None:
    library = Path(config.library_dir)
    directory = Path(config.state_dir) / outbox.DIRECTORY
    for problem in outbox.deliver(directory, partial(send.send, library), _now, _now() + SENDING):
        print(problem, file=sys.stderr)


def trial(_: Path, config: WatchConfig) -> int:
    """Send a trial message to everybody at once; say of each whether it was taken."""
    message = words.trial(socket.gethostname())
    names = {
        outbox.PING: "kometa_notify_url",
        **{n: f"kometa_notify ({kind})" for n, kind in enumerate(config.services, 1)},
    }
    errors = []
    for place in outbox.receivers(message, len(config.services), config.notify_on, _pings(config)):
        error = send.send(Path(config.library_dir), place, message)
        print(f"{names[place]}: {error or 'sent'}")
        errors += [error] if error else []
    directory = Path(config.state_dir) / outbox.DIRECTORY
    outbox.forget_given_up(directory)
    if errors:
        outbox.note_given_up(directory, message, _now(), errors[0])
    replace_file(directory / outbox.TRIED, f"{_digest(Path(config.library_dir))}\n")
    return int(bool(errors))


def _digest(library: Path) -> str:
    texts = [library / name for name in (watch_config.ADDRESSES, watch_config.PING_URL)]
    return watch_config.digest(*(read_bounded(path, MAX_CONFIG) if path.exists() else "" for path in texts))


def waiting(_: Path, config: WatchConfig) -> int:
    """Print what waits to be sent and what was given up, each with its title, since when, and why."""
    directory = Path(config.state_dir) / outbox.DIRECTORY
    for entry in outbox.waiting(directory):
        known = {"title": entry.message.title, "since": entry.since.isoformat(), "error": entry.error}
        print(json.dumps({**known, "given_up": False}))
    for lost in outbox.given_up(directory):
        print(json.dumps({**lost, "given_up": True}))
    return 0
