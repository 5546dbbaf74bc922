"""Backups and updates: which ended since the last look."""

import json

from kometa_host.watcher.jobs import (
    Job,
    JobEvent,
    UpdateEvent,
    after_units,
    after_updates,
    parse_units,
    without_doubles,
)

UNIT = "kometa-backup.service"
SHOWN = f"""Id={UNIT}
LoadState=loaded
ActiveState=failed
Result=exit-code
ExecMainStartTimestamp=Sun 2026-11-22 08:00:02 UTC
ExecMainExitTimestamp=Sun 2026-11-22 08:00:12 UTC
InvocationID={"ab" * 16}
SyslogIdentifier=kometa-backup

Id=nosuch.service
LoadState=not-found
ActiveState=inactive
"""
BEGAN = "Sun 2026-11-22 08:00:02 UTC"
FAILED = Job(UNIT, "Sun 2026-11-22 08:00:12 UTC", "exit-code", "ab" * 16, BEGAN, "kometa-backup")
GOOD = Job(UNIT, "Mon 2026-11-23 08:00:12 UTC", "success")


def update(time: str, event: str, container: str = "kometa", why: str = "because") -> str:
    """A line of the history of updates."""
    return json.dumps({"time": time, "group": "g", "container": container, "image": "i", "event": event, "why": why})


def test_what_systemd_shows_is_read() -> None:
    assert parse_units(SHOWN) == [FAILED]


def test_a_job_that_runs_has_not_ended() -> None:
    (job,) = parse_units(SHOWN.replace("ActiveState=failed", "ActiveState=activating"))
    assert job.ended == ""
    assert after_units({}, [job]) == ({}, [])


def test_at_the_first_look_nothing_is_told() -> None:
    told, events = after_units(None, [FAILED])
    assert events == []
    assert after_units(told, [FAILED])[1] == []


def test_a_job_is_told_once_and_once_more_when_a_good_one_follows() -> None:
    told, (failed,) = after_units({}, [FAILED])
    assert (failed.job.is_failure, failed.was_failure) == (True, False)
    told, (good,) = after_units(told, [GOOD])
    assert (good.job.is_failure, good.was_failure) == (False, True)
    assert after_units(told, [GOOD])[1] == []


def test_a_failed_state_that_somebody_reset_is_no_other_job() -> None:
    told, _ = after_units({}, [FAILED])
    (reset,) = parse_units(SHOWN.replace("=failed", "=inactive").replace("exit-code", "success"))
    assert after_units(told, [reset])[1] == []


def test_updates_are_told_by_their_history_once() -> None:
    lines = [update("2026-11-22T07:00:00Z", "updated"), update("2026-11-23T07:00:00Z", "current"), "{"]
    newest, events = after_updates("2026-11-21T07:00:00Z", lines, is_first=False)
    assert newest == "2026-11-23T07:00:00Z"
    assert [event.event for event in events] == ["updated"]
    assert after_updates(newest, lines, is_first=False)[1] == []
    assert after_updates("", lines, is_first=True) == (newest, [])


def test_drift_that_was_put_right_is_told_from_a_deployed_commit() -> None:
    why = "put right what differed from abc (a commit)"
    lines = [update("2", "updated", "git", why), update("3", "updated", "git", "deployed abc"), update("4", "updated")]
    _, events = after_updates("1", lines, is_first=False)
    assert [event.is_drift for event in events] == [True, False, False]


def test_an_update_that_failed_is_told_once_by_its_history_and_a_postponed_one_by_its_unit() -> None:
    unit = "mms-autodeploy-interactive.service"
    failed = JobEvent(Job(unit, "now", "exit-code"), False)
    well = JobEvent(Job(unit, "now", "success"), False)
    told = UpdateEvent("1", "kometa", "rolled-back", "because")
    backup = JobEvent(FAILED, False)
    assert without_doubles([failed, backup], [told], [unit]) == [backup]
    assert without_doubles([failed, backup], [], [unit]) == [failed, backup]
    assert without_doubles([well], [], [unit]) == []
