"""The history of runs: what is written is read back, and nothing in it can break a reader."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kometa_host.state.kometa_log import Collections, Outcome, Run
from kometa_host.state.run_history import MAX_MESSAGES, MAX_TEXT, RecordedRun, line, parse, recorded, summary

BEGIN = datetime(2026, 11, 22, 6, 0, 14, tzinfo=ZoneInfo("America/New_York"))
RUN = RecordedRun(
    kind="06:00",
    started=BEGIN,
    finished=BEGIN + timedelta(seconds=3125),
    outcome=Outcome.FAILED,
    errors=2,
    warnings=7,
    first_errors=("Plex Error: Plex Library 'Films' not found. Options: ['Møvies']", 'with "quotes" and | bars'),
    failed_libraries=("Films",),
    collections=Collections(listed=12, changed=3, failed=1, added=14, removed=2),
    kometa="2.4.4",
)
MISSED = RecordedRun("07:00", BEGIN + timedelta(hours=1), None, Outcome.MISSED, first_errors=("the host was off",))


def test_what_is_written_is_read_back() -> None:
    assert parse([line(RUN), line(MISSED)]) == [MISSED, RUN]


def test_the_fields_of_version_1_are_these() -> None:
    assert json.loads(line(RUN)) == {
        "version": 1,
        "kind": "06:00",
        "started": "2026-11-22T06:00:14-05:00",
        "finished": "2026-11-22T06:52:19-05:00",
        "seconds": 3125,
        "outcome": "failed",
        "errors": 2,
        "warnings": 7,
        "first_errors": list(RUN.first_errors),
        "failed_libraries": ["Films"],
        "collections": {"listed": 12, "changed": 3, "failed": 1, "added": 14, "removed": 2},
        "kometa": "2.4.4",
    }
    assert json.loads(line(MISSED))["finished"] is None


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{",
        "null",
        "[]",
        line(RUN)[:100],
        line(RUN).replace('"version": 1', '"version": 2'),
        line(RUN).replace("-05:00", ""),
        line(RUN).replace('"failed",', '"else",'),
        line(RUN).replace('"errors": 2', '"errors": "many"'),
        "[" * 100_000,
    ],
)
def test_a_line_that_cannot_be_read_is_left_out(broken: str) -> None:
    assert parse([broken, line(RUN)]) == [RUN]


def test_a_field_that_a_later_release_added_does_no_harm() -> None:
    assert parse([line(RUN).replace('"kind"', '"more": 1, "kind"')]) == [RUN]


def test_a_run_of_a_log_is_recorded_without_what_looks_like_a_secret_and_within_bounds() -> None:
    errors = [f"URL Error: 4{number} on http://plex/?X-Plex-Token=verysecret {'x' * 1000}" for number in range(10)]
    run = Run("Test", BEGIN, BEGIN, tuple(errors), warnings=1, version="2.4.4")
    known = recorded(run, run.outcome())
    assert known is not None
    assert (known.outcome, known.errors, known.warnings, known.kometa) == (Outcome.WITH_ERRORS, 10, 1, "2.4.4")
    assert len(known.first_errors) == MAX_MESSAGES
    assert all(len(text) <= MAX_TEXT for text in known.first_errors)
    assert "verysecret" not in line(known)


def test_a_run_given_up_before_it_began_is_recorded_with_the_time_of_its_log() -> None:
    run = Run(criticals=("RetryError",), has_start=False, first_line=BEGIN)
    known = recorded(run, run.outcome())
    assert known is not None
    assert (known.started, known.outcome, known.seconds) == (BEGIN, Outcome.FAILED, None)
    assert recorded(replace(run, first_line=None), run.outcome()) is None


def test_runs_in_other_time_zones_are_sorted_by_moment() -> None:
    later = replace(RUN, started=datetime(2026, 11, 22, 11, 30, tzinfo=UTC), finished=None)
    assert parse([line(later), line(RUN)]) == [later, RUN]


def test_a_run_in_one_sentence() -> None:
    begin = "2026-11-22 06:00:14 to 06:52:19 (0:52:05), failed: 2 errors, 7 warnings; Plex Error: Plex Library 'Films'"
    assert summary(RUN).startswith(begin)
    assert summary(MISSED) == "2026-11-22 07:00:14, missed; the host was off"
