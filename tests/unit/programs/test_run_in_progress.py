"""programs/lib/runs.sh: which run is in progress, from Kometa's own log and its processes."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote
from zoneinfo import ZoneInfo

import pytest

from kometa_host.state import programs

ZONE = "America/New_York"
NOW = datetime.now(ZoneInfo(ZONE)).replace(microsecond=0)
# Kometa's processes come from ps and from /proc, where those of others may be as well.
PROCESSES = """
ps() { printf '%s\\n' "$ps_says"; }
is_written() { [ -n "$log_is_open" ]; }
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
    # By the zone that is wanted it would begin hours from now or ago.
    assert started(tmp_path, text) != str(int(NOW.timestamp()))


def test_what_the_log_says_counts_and_not_when_its_file_was_made(tmp_path: Path) -> None:
    days_ago = NOW - timedelta(days=2)
    text = log("Starting 06:00 Run", at=days_ago)
    assert started(tmp_path, text, made=int(NOW.timestamp())) == str(int(days_ago.timestamp()))


def test_the_age_of_the_file_counts_where_the_host_does_not_know_the_zone(tmp_path: Path) -> None:
    made = int(NOW.timestamp()) - 60
    assert started(tmp_path, log("Starting 06:00 Run"), made=made, its_zone="Unknown/Zone") == str(made)


def test_a_run_that_is_due_and_has_not_begun_counts_as_one_in_progress(tmp_path: Path) -> None:
    now = datetime.now(ZoneInfo(ZONE))
    due = int(now.replace(second=0, microsecond=0).timestamp())
    clock, far = f"{now:%H:%M}", now + timedelta(hours=12)
    finished = log("Starting Run", "Finished Run")
    assert started(tmp_path, finished, made=due - 3600, its_zone=ZONE, times=f"{far:%H:%M},{clock}") == str(due)
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
    assert started(tmp_path, log("Starting 06:00 Run"), is_open=False) == ""


def test_what_stands_in_the_middle_of_a_large_log_is_not_read(tmp_path: Path) -> None:
    filler = log("work") * 3000
    assert started(tmp_path, log("Starting 06:00 Run") + filler) == str(int(NOW.timestamp()))
    assert started(tmp_path, log("Starting 06:00 Run") + filler + log("Finished 06:00 Run")) == ""


# hosts of other tests may run on this machine
ALONE = """
pgrep() {{ printf '{0}\\n'; }}
find() {{ while [ "$1" != -lname ]; do shift; done; command find /proc/{0}/fd "$@"; }}
"""


def is_written(body: str = "", begin: int = 0) -> bool:
    """Return whether the log of a run that began then is said to be written; body changes what is seen."""
    text = f"{programs.program('runs')}{body}\nis_written {begin}"
    return subprocess.run(["bash", "-c", text], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(("mode", "expected"), [("a", True), ("w", True), ("r", False)])
def test_a_log_is_written_by_a_process_that_has_it_open_for_writing(tmp_path: Path, mode: str, expected: bool) -> None:
    script = tmp_path / "kometa/kometa.py"
    script.parent.mkdir()
    script.write_text("import sys, time\nlog = open(*sys.argv[1:])\nprint('open', flush=True)\ntime.sleep(60)\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/meta.log").touch()
    python = tmp_path / "python3"
    python.symlink_to(sys.executable)
    command = [str(python), str(script), str(tmp_path / "logs/meta.log"), mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        found = is_written(ALONE.format(process.pid))
        process.kill()
    assert found is expected


def test_where_it_cannot_be_seen_a_kometa_that_is_older_than_its_run_writes() -> None:
    now = int(NOW.timestamp())
    unseen = f"""
pgrep() {{ printf '12\\n'; }}
ls() {{ return 1; }}
ps() {{ printf '%s\\n' {quote(ALIVE)}; }}
"""
    assert is_written(unseen, now)
    assert not is_written(unseen, now - 86400)
    nobody = unseen.replace(ALIVE, "   7200 python3 /other/program.py")
    assert not is_written(nobody, now - 86400)
