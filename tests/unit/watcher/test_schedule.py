"""Which times passed without a run."""

from datetime import UTC, datetime, timedelta

import pytest

from kometa_host.state.kometa_log import Outcome
from kometa_host.state.run_history import RecordedRun
from kometa_host.watcher.logs import Progress
from kometa_host.watcher.schedule import Due, due_times, missed

ZONE = "America/New_York"
GRACE = timedelta(minutes=20)


def at(text: str) -> datetime:
    """A moment in New York's winter."""
    return datetime.fromisoformat(f"2026-11-{text}:00-05:00")


def run(begin: str, end: str | None = None, outcome: Outcome = Outcome.GOOD) -> RecordedRun:
    """A run from one moment to another."""
    return RecordedRun("06:00", at(begin), at(end) if end else None, outcome)


def lost(*runs: RecordedRun, progress: Progress | None = None) -> list[Due]:
    """What was missed of 06:00 on the 22nd."""
    due = due_times(["06:00"], ZONE, at("22 05:00"), at("22 07:00"))
    return missed(due, runs, progress, GRACE)


def test_times_are_due_once_in_their_order_and_in_their_zone() -> None:
    found = due_times(["18:00", "06:00"], ZONE, at("22 06:00"), at("23 06:00"))
    assert [(due.kind, due.time) for due in found] == [("18:00", at("22 18:00")), ("06:00", at("23 06:00"))]


def test_a_host_that_was_off_for_a_year_is_told_two_weeks_of_it() -> None:
    assert len(due_times(["06:00"], ZONE, at("22 05:00") - timedelta(days=365), at("22 07:00"))) == 14


def test_a_time_without_a_run_was_missed() -> None:
    assert [due.kind for due in lost()] == ["06:00"]
    assert lost(run("21 06:00")) != []
    assert lost(run("22 06:30")) != []


@pytest.mark.parametrize("begin", ["22 05:59", "22 06:00", "22 06:20"])
def test_a_run_that_began_about_then_is_the_one(begin: str) -> None:
    assert lost(run(begin)) == []


def test_a_run_that_was_given_up_or_killed_has_begun_and_was_not_missed() -> None:
    assert lost(run("22 06:00", outcome=Outcome.INTERRUPTED)) == []


def test_a_run_in_progress_then_covers_it() -> None:
    assert lost(run("22 05:00", "22 06:10")) == []
    assert lost(progress=Progress("", at("22 04:00"))) == []


def test_what_was_missed_before_does_not_cover_it() -> None:
    assert lost(run("22 06:00", outcome=Outcome.MISSED)) != []


def test_a_time_that_does_not_exist_when_clocks_go_forward_is_made_up_for_in_that_hour() -> None:
    begin = datetime(2026, 3, 8, 7, 0, 30, tzinfo=UTC)  # 03:00:30, right after 01:59
    due = due_times(["02:30"], ZONE, begin - timedelta(hours=2), begin + timedelta(hours=2))
    assert len(due) == 1
    assert missed(due, [RecordedRun("02:30", begin, None, Outcome.INTERRUPTED)], None, GRACE) == []
    assert missed(due, [], None, GRACE) == due
