"""What a host tells Prometheus, read as Prometheus does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kometa_host.state.kometa_log import Outcome
from kometa_host.state.run_history import RecordedRun
from kometa_host.watcher import metrics
from kometa_host.watcher.metrics import FILE, backups, text, write

BEGIN = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
FAILED = RecordedRun("06:00", BEGIN, BEGIN + timedelta(minutes=9), Outcome.FAILED, 2, 7)
GOOD = RecordedRun("06:00", BEGIN - timedelta(days=1), BEGIN - timedelta(hours=23), Outcome.GOOD)
MISSED = RecordedRun("06:00", BEGIN + timedelta(days=1), None, Outcome.MISSED)
LISTED = ["43 kometa-2026-11-21T080000Z.tar.zst.age", "44 kometa-2026-11-22T080000Z.tar.zst.age", "1 notes.txt", "x"]


def read(told: str) -> dict[str, float]:
    samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


def test_the_last_run_and_the_last_backup_are_told() -> None:
    found = read(text([FAILED, GOOD], None, backups(LISTED)))
    assert found.pop("kometa_last_run_outcome failed") == 1
    assert {value for name, value in found.items() if name.startswith("kometa_last_run_outcome")} == {0}
    assert {name: value for name, value in found.items() if "outcome" not in name} == {
        "kometa_run_in_progress": 0,
        "kometa_last_run_start_timestamp_seconds": BEGIN.timestamp(),
        "kometa_last_run_duration_seconds": 540,
        "kometa_last_run_errors": 2,
        "kometa_last_run_warnings": 7,
        "kometa_last_success_timestamp_seconds": (BEGIN - timedelta(hours=23)).timestamp(),
        "kometa_backup_archives": 2,
        "kometa_last_backup_timestamp_seconds": datetime(2026, 11, 22, 8, 0, tzinfo=UTC).timestamp(),
        "kometa_last_backup_size_bytes": 44,
    }


def test_a_missed_run_is_an_outcome_and_no_run() -> None:
    found = read(text([MISSED, FAILED], BEGIN, []))
    assert (found["kometa_last_run_outcome missed"], found["kometa_run_in_progress"]) == (1, 1)
    assert found["kometa_last_run_start_timestamp_seconds"] == BEGIN.timestamp()


def test_of_what_there_never_was_nothing_is_told() -> None:
    assert read(text([], None, [])) == {"kometa_run_in_progress": 0, "kometa_backup_archives": 0}


def test_the_file_is_replaced_whole_for_others_to_read(tmp_path: Path) -> None:
    for content in ("a 1\n", "b 2\n"):
        write(str(tmp_path), content)
    assert [(file.name, file.read_text(), file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [
        (FILE, "b 2\n", 0o644)
    ]
    metrics.forget(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_or_not_ours_is_said(unprivileged: Path) -> None:
    with pytest.raises(FileNotFoundError, match="which is not there; make it"):
        write(str(unprivileged / "nowhere"), "")
    unprivileged.chmod(0o500)
    with pytest.raises(PermissionError, match="chown it to us"):
        write(str(unprivileged), "")
