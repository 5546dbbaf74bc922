"""The watcher as a whole, on a host of files: what one look after the other writes down and tells."""

import io
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kometa_host.state import run_history
from kometa_host.state.kometa_log import Outcome
from kometa_host.state.run_history import RecordedRun
from kometa_host.state.watch_config import WatchConfig
from kometa_host.watcher import logs, machine, main, send
from kometa_host.watcher.jobs import Job
from kometa_host.watcher.why_missed import HostFacts
from kometa_host.watcher.words import Message

BEGIN = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)  # 06:00 in New York
UNIT = "kometa-backup.service"


class Machine:
    """A host: its clock, its jobs and whether messages get away; what was told stands in `told`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = BEGIN - timedelta(days=1)
        self.jobs: list[Job] = []
        self.told: list[str] = []
        self.takes = True
        (folder / "config" / "logs").mkdir(parents=True)
        config = WatchConfig(
            library_dir=str(folder), state_dir=str(folder / "state"), config_dir=str(folder / "config"),
            timezone="America/New_York", times=("06:00",), run_limit=24, grace=20, services=("json",),
            notify_on=("failure",), units={UNIT: "the backup"},
        )  # fmt: skip
        (folder / "watch.json").write_text(config.to_json())

    def send(self, _library: Path, _place: int, message: Message) -> str:
        """Take a message, or not."""
        if self.takes:
            self.told.append(message.title.partition(": ")[2])
        return "" if self.takes else "it is down"

    def in_namespace(self, program: Path, argument: str, text: str) -> str:
        """Do what the watcher does inside the user namespace."""
        stdin, stdout = sys.stdin, sys.stdout
        sys.stdin, sys.stdout = io.StringIO(text), io.StringIO()
        try:
            assert main.main(program, [argument]) == 0
            return sys.stdout.getvalue()
        finally:
            sys.stdin, sys.stdout = stdin, stdout

    def configure(self, **values: object) -> None:
        """Deploy other settings."""
        path = self.folder / "watch.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    def look(self, after: timedelta = timedelta(minutes=3), status: int = 0) -> list[str]:
        """Let time pass and the watcher look; return what it told."""
        self.now += after
        self.told.clear()
        assert main.main(self.folder / "watcher" / "kometa_watch.py", []) == status
        return list(self.told)

    def log(self, *rows: str, begin: datetime | None = None, name: str = "meta.log") -> None:
        """Write a log of a run that began now, or at another time."""
        start = (begin or self.now).astimezone(ZoneInfo("America/New_York"))
        stamps = [f"{start + timedelta(seconds=number):%Y-%m-%d %H:%M:%S},000" for number in range(len(rows))]
        lines = [
            f"[{stamp}] [kometa.py:{number}] {row} |\n"
            for number, (stamp, row) in enumerate(zip(stamps, rows, strict=True))
        ]
        (self.folder / "config" / "logs" / name).write_text("".join(lines))

    def history(self) -> list[RecordedRun]:
        """What was written down, newest first."""
        path = self.folder / "state" / run_history.FILE
        return run_history.parse(path.read_text().splitlines()) if path.exists() else []


START, END = "[INFO] | Starting 06:00 Run", "[INFO] | Finished 06:00 Run"
FAILURE = "[CRITICAL] | TMDb Error: Invalid API key: You must be granted a valid key."


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(tmp_path)

    def jobs(units: Sequence[str]) -> list[Job]:
        assert list(units) == [UNIT]
        return found.jobs

    monkeypatch.setattr(main, "_now", lambda: found.now)
    monkeypatch.setattr(machine, "in_namespace", found.in_namespace)
    monkeypatch.setattr(machine, "jobs", jobs)
    monkeypatch.setattr(machine, "journal", lambda job, lines: ["/data is not mounted"])
    monkeypatch.setattr(machine, "facts", lambda: HostFacts(BEGIN - timedelta(days=9), "inactive", None, False, False))
    monkeypatch.setattr(send, "send", found.send)
    monkeypatch.setattr(logs, "_is_being_written", lambda inode: False)
    return found


def test_what_was_there_before_is_written_down_and_not_told(here: Machine) -> None:
    here.log(START, FAILURE, END, begin=BEGIN - timedelta(days=3))
    assert here.look() == []
    assert [run.outcome for run in here.history()] == [Outcome.FAILED]


def test_a_failed_run_is_told_once_and_the_good_one_after_it(here: Machine) -> None:
    here.look()
    here.now = BEGIN
    here.log(START, FAILURE, END)
    assert here.look() == ["the run of 06:00 failed"]
    assert here.look() == []
    (here.folder / "config" / "logs" / "meta.log").rename(here.folder / "config" / "logs" / "meta-1.log")
    here.log(START, END)
    assert here.look() == ["Kometa runs again: the run of 06:00 was good"]
    assert [run.outcome for run in here.history()] == [Outcome.GOOD, Outcome.FAILED]


def test_a_missed_run_is_told_once_when_its_grace_is_over(here: Machine) -> None:
    here.look()
    here.now = BEGIN
    assert here.look(timedelta(minutes=19)) == []
    assert here.look(timedelta(minutes=2)) == ["the run of 06:00 was missed"]
    assert here.look() == []
    assert (here.history()[0].outcome, here.history()[0].first_errors) == (
        Outcome.MISSED,
        ("kometa.service is inactive",),
    )


def test_logs_that_a_restore_brings_back_are_not_told_again(here: Machine) -> None:
    here.look()
    here.now = BEGIN
    here.log(START, FAILURE, END)
    assert here.look() == ["the run of 06:00 failed"]
    text = (here.folder / "config" / "logs" / "meta.log").read_text()
    (here.folder / "config" / "logs" / "meta.log").unlink()
    here.look()
    (here.folder / "config" / "logs" / "meta-3.log").write_text(text)
    assert here.look() == []
    assert len(here.history()) == 1


def test_a_failed_backup_is_told_once(here: Machine) -> None:
    here.jobs = [Job(UNIT, "Sun 2026-11-21 08:00:00 UTC", "success")]
    assert here.look() == []
    here.jobs = [Job(UNIT, "Sun 2026-11-22 08:00:00 UTC", "exit-code")]
    assert here.look() == ["the backup failed"]
    assert here.look() == []


def test_updates_are_told_from_their_history(here: Machine) -> None:
    path = here.folder / "state" / main.UPDATES
    path.parent.mkdir(parents=True)
    event = {"time": "2026-11-21T07:00:00Z", "container": "kometa", "event": "failed", "why": "no disk"}
    path.write_text(json.dumps(event) + "\n")
    assert here.look() == []
    path.write_text(
        path.read_text() + json.dumps({**event, "time": "2026-11-22T07:00:00Z", "event": "rolled-back"}) + "\n"
    )
    assert here.look() == ["an update of kometa was undone"]
    assert here.look() == []


def test_what_happened_is_told_in_its_order(here: Machine) -> None:
    here.look()
    names = "abcdef"
    times = [(here.now + timedelta(seconds=number)).strftime("%FT%TZ") for number in range(len(names))]
    events = [
        {"time": time, "container": name, "event": "rolled-back", "why": "it was not healthy"}
        for time, name in zip(times, names, strict=True)
    ]
    path = here.folder / "state" / "autodeploy" / "history.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert here.look() == [f"an update of {name} was undone" for name in names]


def test_what_is_not_taken_waits_and_can_be_looked_at(here: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    here.look()
    here.now, here.takes = BEGIN, False
    here.log(START, FAILURE, END)
    assert here.look() == []
    assert "it is down" in capsys.readouterr().err
    assert main.main(here.folder / "watcher" / "kometa_watch.py", ["waiting"]) == 0
    waiting = json.loads(capsys.readouterr().out)
    assert (waiting["title"].partition(": ")[2], waiting["error"]) == ("the run of 06:00 failed", "it is down")
    here.takes = True
    assert here.look(timedelta(minutes=5)) == ["the run of 06:00 failed"]


def test_a_trial_that_is_not_taken_is_said_until_one_is(here: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    program = here.folder / "watcher" / "kometa_watch.py"
    here.takes = False
    assert main.main(program, ["trial"]) == main.main(program, ["trial"]) == 1
    capsys.readouterr()
    main.main(program, ["waiting"])
    lost = json.loads(capsys.readouterr().out)
    assert (lost["title"].partition(": ")[2], lost["error"], lost["given_up"]) == (
        "a trial message",
        "it is down",
        True,
    )
    here.takes = True
    assert main.main(program, ["trial"]) == 0
    capsys.readouterr()
    main.main(program, ["waiting"])
    assert capsys.readouterr().out == ""


def test_the_history_keeps_the_newest_runs(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_history, "MAX_RUNS", 20)
    here.look()
    for day in range(25):
        here.now = BEGIN + timedelta(days=day)
        here.log(START, END)
        here.look()
    runs = here.history()
    assert 18 <= len(runs) <= 20
    assert runs[0].started == BEGIN + timedelta(days=24)


def test_a_history_that_a_power_failure_cut_goes_on(here: Machine) -> None:
    here.look()
    path = here.folder / "state" / run_history.FILE
    here.now = BEGIN
    here.log(START, END)
    here.look()
    path.write_text(path.read_text()[:-20])
    here.now = BEGIN + timedelta(minutes=10)
    here.log(START, END)
    here.look()
    assert [run.started for run in here.history()] == [here.now - timedelta(minutes=3)]


def test_what_cannot_be_done_is_said_in_a_line(here: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(here.folder / "watcher" / "kometa_watch.py", ["nonsense"]) == 2
    here.configure(timezone="Middle/Earth")
    here.look(status=1)
    assert "does not know the time zone Middle/Earth; install tzdata" in capsys.readouterr().err
    (here.folder / "watch.json").write_text("{")
    assert main.main(here.folder / "watcher" / "kometa_watch.py", []) == 1
    (here.folder / "watch.json").unlink()
    assert main.main(here.folder / "watcher" / "kometa_watch.py", []) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_until_when_nothing_is_due(here: Machine) -> None:
    def quiet_until() -> datetime:
        return datetime.fromtimestamp(int((here.folder / "state" / main.QUIET_UNTIL).read_text()), UTC)

    here.now = BEGIN - timedelta(hours=2)
    here.look()
    assert quiet_until() == BEGIN + timedelta(minutes=20)
    here.now = BEGIN
    here.look(timedelta(minutes=10))
    assert quiet_until() == BEGIN + timedelta(minutes=20)
    here.look(timedelta(minutes=11))
    assert quiet_until() == BEGIN + timedelta(days=1, minutes=20)


def test_while_a_run_is_in_progress_or_a_message_waits_there_is_no_quiet(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.look()
    here.now = BEGIN
    here.log(START)
    with monkeypatch.context() as patch:
        patch.setattr(logs, "_is_being_written", lambda inode: True)
        here.look()
        assert int((here.folder / "state" / main.QUIET_UNTIL).read_text()) == here.now.timestamp()
    here.takes = False
    assert here.look() == []
    until = int((here.folder / "state" / main.QUIET_UNTIL).read_text())
    assert here.now.timestamp() < until < (here.now + timedelta(minutes=20)).timestamp()


def test_metrics_follow_what_happens_and_their_directory(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "archives", lambda directory: ["44 kometa-2026-11-22T080000Z.tar.zst.age"])
    first, second = here.folder / "first", here.folder / "second"
    for place in (first, second):
        place.mkdir()
        here.configure(metrics_dir=str(place), backup_dir="/data")
        here.look()
    here.now = BEGIN
    here.log(START, FAILURE, END)
    here.look()
    assert list(first.iterdir()) == []
    told = (second / "kometa.prom").read_text()
    assert 'kometa_last_run_outcome{outcome="failed"} 1.0' in told
    assert "kometa_last_backup_size_bytes 44.0" in told
    here.configure(metrics_dir="")
    here.look()
    assert list(second.iterdir()) == []


def test_metrics_that_cannot_be_written_fail_the_look_after_all_was_told(
    here: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    here.look()
    here.configure(metrics_dir=str(here.folder / "nowhere"))
    here.now = BEGIN
    here.log(START, FAILURE, END)
    assert here.look(status=1) == ["the run of 06:00 failed"]
    assert "make it, writable for us" in capsys.readouterr().err
