"""programs/lib/runs.sh: which run is in progress, from Kometa's own log and its processes."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kometa_host.state import programs

ZONE = "America/New_York"
NOW = datetime.now(ZoneInfo(ZONE)).replace(microsecond=0)
# Kometa's processes come from ps and from /proc, where those of others may be as well.
PROCESSES = """
ps() { printf '%s\\n' "$ps_says"; }
writes_log() { [ -n "$log_is_open" ]; }
born() { printf '%s\\n' "$made"; }
kometa_variable() { case $1 in TZ) printf '%s\\n' "${its_zone:-$2}" ;; KOMETA_TIMES) printf '%s\\n' "$times" ;; esac; }
"""
ALIVE = "   7200 python3 /app/kometa/kometa.py --times 06:00"


def log(*texts: str, at: datetime = NOW) -> str:
    lines = [f"[{at:%Y-%m-%d %H:%M:%S},123] [kometa.py:1] [INFO]     |{text:^40}|" for text in texts]
    return "".join(f"{line}\n" for line in lines)


def started(
    place: Path,
    text: str | None,
    processes: str = ALIVE,
    is_open: bool = True,
    made: int = 0,
    its_zone: str = "",
    times: str = "",
) -> str:
    """Return what run_in_progress prints for a log with this text, made at this time, and Kometa's own variables."""
    logs = place / "logs"
    logs.mkdir(exist_ok=True)
    if text is not None:
        (logs / "meta.log").write_text(text)
    program = programs.program(
        "runs", ps_says=processes, log_is_open=is_open, logs=str(logs), zone=ZONE,
        made=made, its_zone=its_zone, times=times,
    )  # fmt: skip
    body = f'{program}{PROCESSES}run_in_progress "$logs" "$zone"'
    return subprocess.run(["bash", "-c", body], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("what", ["06:00 Run", "Run", "Test Run", "Collections Run", "Libraries Run"])
def test_a_run_that_has_started_and_not_finished_is_in_progress(tmp_path: Path, what: str) -> None:
    assert started(tmp_path, log("Kometa", f"Starting {what}", "work")) == str(int(NOW.timestamp()))


def test_the_zone_that_kometa_was_started_with_is_that_of_its_log(tmp_path: Path) -> None:
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))
    text = log("Starting 06:00 Run", at=berlin)
    assert started(tmp_path, text, its_zone="Europe/Berlin") == str(int(NOW.timestamp()))
    # By the zone that is wanted it would begin hours from now or ago, before Kometa itself.
    assert started(tmp_path, text) != str(int(NOW.timestamp()))


def test_the_age_of_the_log_counts_where_the_file_system_knows_it(tmp_path: Path) -> None:
    made = int(NOW.timestamp()) - 60
    assert started(tmp_path, log("Starting 06:00 Run"), made=made, its_zone="Unknown/Zone") == str(made)


def test_a_run_that_is_due_and_has_not_begun_counts_as_one_in_progress(tmp_path: Path) -> None:
    now = datetime.now(ZoneInfo(ZONE))
    due = int(now.replace(second=0, microsecond=0).timestamp())
    clock = f"{now:%H:%M}"
    finished = log("Starting Run", "Finished Run")
    assert started(tmp_path, finished, made=due - 3600, its_zone=ZONE, times=f"03:00,{clock}") == str(due)
    assert started(tmp_path, finished, made=due + 1, its_zone=ZONE, times=clock) == ""  # it has come and gone
    assert started(tmp_path, finished, "   0 python3 /app/kometa/kometa.py", made=1, its_zone=ZONE, times=clock) == ""
    later = f"{now + timedelta(hours=1):%H:%M}"
    assert started(tmp_path, finished, made=due - 3600, its_zone=ZONE, times=later) == ""


def test_a_run_that_has_finished_is_none(tmp_path: Path) -> None:
    assert started(tmp_path, log("Starting 06:00 Run", "work", "Finished 06:00 Run", "Run Time: 0:01:00")) == ""


@pytest.mark.parametrize("text", [None, "", "no log\n", log("Kometa"), "[never,1] |  Starting 06:00 Run  |\n"])
def test_a_log_without_a_start_tells_no_run(tmp_path: Path, text: str | None) -> None:
    assert started(tmp_path, text) == ""


def test_a_name_that_looks_like_a_start_is_none(tmp_path: Path) -> None:
    assert started(tmp_path, log("Starting Over Run Collection", "Starting Run Lola Run")) == ""


def test_a_log_of_a_run_that_was_killed_tells_no_run(tmp_path: Path) -> None:
    text = log("Starting 06:00 Run")
    assert started(tmp_path, text, processes="") == ""
    assert started(tmp_path, text, processes="   7200 python3 /other/program.py") == ""
    assert started(tmp_path, text, is_open=False) == ""
    long_ago = log("Starting 06:00 Run", at=NOW - timedelta(days=1))
    assert started(tmp_path, long_ago) == ""  # Kometa itself is younger than that


def test_what_stands_in_the_middle_of_a_large_log_is_not_read(tmp_path: Path) -> None:
    filler = log("work") * 3000
    assert started(tmp_path, log("Starting 06:00 Run") + filler) == str(int(NOW.timestamp()))
    assert started(tmp_path, log("Starting 06:00 Run") + filler + log("Finished 06:00 Run")) == ""


def test_a_process_that_has_the_log_open_is_found(tmp_path: Path) -> None:
    script = tmp_path / "kometa/kometa.py"
    script.parent.mkdir()
    script.write_text("import sys, time\nlog = open(sys.argv[1])\nprint('open', flush=True)\ntime.sleep(60)\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/meta.log").touch()
    python = tmp_path / "python3"
    python.symlink_to(sys.executable)
    with subprocess.Popen([python, script, tmp_path / "logs/meta.log"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        done = subprocess.run(
            ["bash", "-c", programs.program("runs", call="writes_log")], capture_output=True, check=False
        )
        process.kill()
    assert done.returncode == 0
