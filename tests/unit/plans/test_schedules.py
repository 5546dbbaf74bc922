"""Calendars are judged by the host's own systemd; the texts are what its versions say."""

from datetime import UTC, datetime, timedelta

import pyrage  # type: ignore[import-untyped]
import pytest

from kometa_host.errors import UserError
from kometa_host.plans import schedules
from kometa_host.settings.variables import Settings
from tests.unit.told import host

RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())
SETTINGS = Settings.from_data({"kometa_backup_recipients": [RECIPIENT]}, "a host")
WEEKDAYS = """\
  Original form: Mon,Tue *-*-* 03:00 UTC
Normalized form: Mon,Tue *-*-* 03:00:00 UTC
    Next elapse: Mon 2026-11-30 03:00:00 UTC
       From now: 2 days left
   Iteration #2: Tue 2026-12-01 03:00:00 UTC
       From now: 3 days left
   Iteration #3: Mon 2026-12-07 03:00:00 UTC
       From now: 1 week 2 days left
"""
ONCE = """\
Normalized form: 2027-01-01 00:00:00 UTC
    Next elapse: Fri 2027-01-01 00:00:00 UTC
       From now: 1 month 4 days left
"""
NEVER = "Normalized form: *-02-30 03:00:00\n    Next elapse: never\n"
REFUSED = "Failed to parse calendar specification 'nightly UTC': Invalid argument\n"


def refusal(**told: str) -> str:
    with pytest.raises(UserError) as caught:
        schedules.refuse_unusable(SETTINGS, host(**told))
    return str(caught.value)


def test_the_times_and_the_longest_gap_are_what_systemd_says() -> None:
    read = schedules.calendar(host(calendar__backup=WEEKDAYS), "backup")
    assert read is not None
    assert read.elapses[0] == datetime(2026, 11, 30, 3, tzinfo=UTC)
    assert read.longest_gap == timedelta(days=6)


def test_the_word_of_systemd_before_253_for_a_further_time_is_known() -> None:
    read = schedules.calendar(host(calendar__backup=WEEKDAYS.replace("Iteration", "    Iter.")), "backup")
    assert read is not None
    assert len(read.elapses) == 3


def test_what_elapses_once_has_no_gap() -> None:
    read = schedules.calendar(host(calendar__backup=ONCE), "backup")
    assert read is not None
    assert read.longest_gap is None


def test_good_calendars_and_hosts_without_systemd_are_not_refused() -> None:
    schedules.refuse_unusable(SETTINGS, host(calendar__backup=WEEKDAYS, calendar__autodeploy=ONCE))
    schedules.refuse_unusable(SETTINGS, host())


def test_what_the_host_does_not_understand_is_named_with_its_variable() -> None:
    text = refusal(calendar__backup=WEEKDAYS, calendar__autodeploy=REFUSED)
    assert text.startswith("kometa_autodeploy_schedule: systemd on the host does not understand")
    assert "Invalid argument" in text
    assert "kometa_backup_schedule" not in text


def test_what_never_comes_is_refused() -> None:
    assert "kometa_backup_schedule: '*-*-* 03:00:00 America/New_York' never comes" in refusal(calendar__backup=NEVER)


def test_all_bad_calendars_are_said_at_once() -> None:
    assert len(refusal(calendar__backup=NEVER, calendar__autodeploy=REFUSED).splitlines()) == 2


def test_without_backups_their_calendar_does_not_count() -> None:
    schedules.refuse_unusable(Settings(), host(calendar__backup=REFUSED))


def test_an_old_time_zone_is_named_with_the_name_that_every_host_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "modern_name", {SETTINGS.mms_timezone: "Asia/Kolkata"}.get)
    assert "write 'Asia/Kolkata', the same zone" in refusal(calendar__autodeploy=REFUSED)
