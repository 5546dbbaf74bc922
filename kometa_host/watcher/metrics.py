"""What a host tells Prometheus, as node_exporter's textfile collector reads it; see
https://github.com/prometheus/node_exporter#textfile-collector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kometa_host.archive import names
from kometa_host.state.kometa_log import Outcome
from kometa_host.state.run_history import RecordedRun
from kometa_host.watcher.files import replace_file

FILE = "kometa.prom"
OUTCOMES = [outcome for outcome in Outcome if outcome is not Outcome.IN_PROGRESS]
Sample = tuple[str, float]


@dataclass(frozen=True)
class Backup:
    """A backup that there is: when it was begun, and its size in bytes."""

    time: datetime
    size: int


def backups(listed: Iterable[str]) -> list[Backup]:
    """Given lines `size name` of a directory, return the archives in it, newest first."""
    pairs = [line.split(" ", 1) for line in listed if line.count(" ") == 1]
    found = [Backup(known.time, int(size)) for size, name in pairs if (known := names.parse(name)) and size.isdecimal()]
    return sorted(found, key=lambda backup: backup.time, reverse=True)


def text(runs: Sequence[RecordedRun], in_progress_since: datetime | None, archives: Sequence[Backup]) -> str:
    """Return the metrics of a host; runs and archives: newest first. Of what there was never one there is no sample."""
    return "".join(
        [
            _gauge("kometa_run_in_progress", "Whether a run is in progress.", [("", float(bool(in_progress_since)))]),
            *_of_last_run([run for run in runs if run.has_begun][:1]),
            _gauge("kometa_last_run_outcome", "How the newest run went, or that it was missed.", _outcomes(runs)),
            _gauge(
                "kometa_last_success_timestamp_seconds",
                "When the last run ended that was no failure.",
                [("", run.finished.timestamp()) for run in runs if run.finished and not run.is_failure][:1],
            ),
            _gauge("kometa_backup_archives", "How many archives there are.", [("", float(len(archives)))]),
            *_of_last_backup(archives[:1]),
        ]
    )


def _of_last_run(last: Sequence[RecordedRun]) -> Iterator[str]:
    began = [("", run.started.timestamp()) for run in last]
    yield _gauge("kometa_last_run_start_timestamp_seconds", "When the last run began.", began)
    took = [("", float(run.seconds)) for run in last if run.seconds is not None]
    yield _gauge("kometa_last_run_duration_seconds", "How long it took, if it finished.", took)
    yield _gauge("kometa_last_run_errors", "How many errors it had.", [("", float(run.errors)) for run in last])
    yield _gauge("kometa_last_run_warnings", "How many warnings it had.", [("", float(run.warnings)) for run in last])


def _of_last_backup(last: Sequence[Backup]) -> Iterator[str]:
    made = [("", backup.time.timestamp()) for backup in last]
    yield _gauge("kometa_last_backup_timestamp_seconds", "When the newest archive was begun.", made)
    sizes = [("", float(backup.size)) for backup in last]
    yield _gauge("kometa_last_backup_size_bytes", "How large the newest archive is.", sizes)


def _outcomes(runs: Sequence[RecordedRun]) -> list[Sample]:
    return [
        (f'{{outcome="{outcome.value}"}}', float(run.outcome is outcome)) for run in runs[:1] for outcome in OUTCOMES
    ]


def _gauge(name: str, meaning: str, samples: Sequence[Sample]) -> str:
    lines = [
        f"# HELP {name} {meaning}",
        f"# TYPE {name} gauge",
        *(f"{name}{label} {value}" for label, value in samples),
    ]
    return "\n".join(lines) + "\n" if samples else ""


def write(directory: str, content: str) -> None:
    """Replace the file in one step, readable for node_exporter, which is another account."""
    place = Path(directory)
    if not place.is_dir():
        raise FileNotFoundError(f"kometa_metrics_dir is {directory}, which is not there; make it, writable for us")
    try:
        replace_file(place / FILE, content, mode=0o644)
    except PermissionError:
        raise PermissionError(f"kometa_metrics_dir is {directory}, where we cannot write; chown it to us") from None


def forget(directory: str) -> None:
    """Remove the file from a directory that is not the one any more: its numbers would stay as they are."""
    (Path(directory) / FILE).unlink(missing_ok=True)
