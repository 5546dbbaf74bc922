"""Reading Kometa's logs, which are the container's: what they tell, and that nothing in them can hurt."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kometa_host.state.kometa_log import Outcome
from kometa_host.watcher.logs import Look, look

ZONE = "America/New_York"
STAMP = "[2026-11-22 06:00:{:02d},000] [kometa.py:{}]  "


def text(*rows: str) -> str:
    """A log of these rows, each of its own second and place."""
    return "".join(f"{STAMP.format(number % 60, number)}{row} |\n" for number, row in enumerate(rows))


START, END = "[INFO]     |    Starting 06:00 Run   ", "[INFO]     |    Finished 06:00 Run   "
ERROR = "[ERROR]    | Plex Error: Plex token is invalid"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def seen(logs: Path, *done: str) -> Look:
    """A look at the logs."""
    return look(logs.parent, ZONE, done)


def test_finished_runs_are_told_oldest_first(logs: Path) -> None:
    (logs / "meta.log").write_text(text(START, ERROR, END).replace("2026-11-22", "2026-11-23"))
    (logs / "meta-1.log").write_text(text(START, END))
    found = seen(logs)
    assert [(run.kind, run.outcome) for run in found.runs] == [("06:00", Outcome.GOOD), ("06:00", Outcome.WITH_ERRORS)]
    assert found.runs[0].started.isoformat() == "2026-11-22T06:00:00-05:00"
    assert len(found.done) == 2


def test_an_error_of_several_rows_is_told_whole_and_rows_of_other_messages_are_not(logs: Path) -> None:
    further = f"\n{'':65}| Options: ['bob']"
    (logs / "meta.log").write_text(text(START, f"{ERROR} |{further}", f"[DEBUG]    | trace |{further}", END))
    (run,) = seen(logs).runs
    assert run.first_errors == ("Plex Error: Plex token is invalid Options: ['bob']",)


def test_a_log_that_was_read_is_not_read_again_when_it_was_rotated(logs: Path) -> None:
    (logs / "meta.log").write_text(text(START, END))
    done = seen(logs).done
    (logs / "meta.log").rename(logs / "meta-1.log")
    assert seen(logs, *done) == Look((), None, done)


def test_a_log_that_grew_is_read_again(logs: Path) -> None:
    (logs / "meta.log").write_text(text(START, END))
    done = seen(logs).done
    (logs / "meta.log").write_text(text(START, ERROR, END))
    assert [run.errors for run in seen(logs, *done).runs] == [1]


def test_a_run_is_in_progress_while_a_process_has_its_log_open(logs: Path) -> None:
    (logs / "meta.log").write_text(text(START))
    hold = [sys.executable, "-c", "import sys; f = open(sys.argv[1], 'a'); print(flush=True); sys.stdin.read()"]
    with subprocess.Popen([*hold, str(logs / "meta.log")], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        found = seen(logs)
        # A validation meanwhile rotates the log of the run.
        (logs / "meta.log").rename(logs / "meta-1.log")
        rotated = seen(logs)
        assert process.stdin
        process.stdin.close()
    assert found.progress is not None
    assert found.progress.kind == "06:00"
    assert (found.runs, found.done) == ((), ())
    assert rotated.progress == found.progress


def test_a_run_whose_process_is_gone_was_interrupted(logs: Path) -> None:
    (logs / "meta.log").write_text(text(START, ERROR))
    (run,) = seen(logs).runs
    assert (run.outcome, run.finished, run.errors) == (Outcome.INTERRUPTED, None, 1)


def test_no_logs_and_no_folder_are_no_runs(logs: Path) -> None:
    assert seen(logs) == Look()
    logs.rmdir()
    assert seen(logs) == Look()


class TestHostileLogs:
    def test_a_fifo_is_not_waited_for(self, logs: Path) -> None:
        os.mkfifo(logs / "meta.log")
        (logs / "meta-1.log").write_text(text(START, END))
        assert len(seen(logs).runs) == 1

    def test_links_lead_nowhere(self, logs: Path, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_text(text(START, END))
        (logs / "meta.log").symlink_to(elsewhere)
        assert seen(logs) == Look()
        (logs / "meta.log").unlink()
        logs.rename(tmp_path / "more")
        (tmp_path / "more" / "meta.log").write_text(text(START, END))
        logs.symlink_to(tmp_path / "more")
        assert seen(logs) == Look()

    def test_a_directory_a_device_and_a_log_without_rights_are_left_alone(self, logs: Path) -> None:
        (logs / "meta.log").mkdir()
        (logs / "meta-1.log").symlink_to("/dev/zero")
        assert seen(logs) == Look()

    def test_a_huge_log_and_a_line_without_an_end_are_read_up_to_a_bound(
        self, logs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kometa_host.watcher.logs.MAX_BYTES", 1 << 20)
        with (logs / "meta.log").open("w") as file:
            file.write(text(START))
            file.truncate(1 << 40)
        (run,) = seen(logs).runs
        assert run.outcome is Outcome.INTERRUPTED

    def test_bytes_that_are_no_text_and_control_characters_do_not_come_through(self, logs: Path) -> None:
        evil = b"[2026-11-22 06:00:01,000] [a:1] [ERROR] | \x1b[31mred\xff\x00 \xe2\x80\xaeflip |\n"
        (logs / "meta.log").write_bytes(text(START).encode() + evil + text(END).encode())
        (message,) = seen(logs).runs[0].first_errors
        assert message.isprintable()
        assert "red" in message
