"""Whether a schedule and what is kept of its backups agree."""

import pytest

from kometa_host.plans.retention import schedule_warning
from tests.unit.plans.test_backup import settings


def warning(schedule: str, **data: object) -> str:
    return schedule_warning(settings(kometa_backup_schedule=schedule, **data)) or ""


def test_the_defaults_agree() -> None:
    assert schedule_warning(settings()) is None


@pytest.mark.parametrize("schedule", ["hourly", "*-*-* 03,15:00", "*:0/15", "Mon..Fri 3/6:00", "minutely"])
def test_more_than_one_a_day_of_which_only_days_are_kept_is_said(schedule: str) -> None:
    assert "finer than daily" in warning(schedule)


@pytest.mark.parametrize("schedule", ["daily", "Sun 04:30", "*-*~1 02:00", "yearly", "1..5-*-* 03:00"])
def test_one_a_day_at_most_is_in_order(schedule: str) -> None:
    assert warning(schedule) == ""


def test_the_class_that_would_keep_them_is_named() -> None:
    assert "Keep hourly ones as well" in warning("hourly")
    assert "Keep last ones as well" in warning("*:0/15")
    assert "Keep daily ones as well" in warning("Mon,Thu 03:00", kometa_backup_keep={"weekly": 4})


def test_with_its_own_class_it_is_in_order() -> None:
    assert warning("hourly", kometa_backup_keep={"hourly": 24, "daily": 7}) == ""
    assert warning("*:0/15", kometa_backup_keep={"last": 30}) == ""
    assert warning("weekly", kometa_backup_keep={"weekly": 4}) == ""


def test_a_daily_schedule_of_which_only_months_are_kept_is_said() -> None:
    assert "each month" in warning("03:00", kometa_backup_keep={"monthly": 6})


def test_without_backups_or_where_it_cannot_be_read_there_is_nothing_to_say() -> None:
    assert warning("hourly", kometa_backup_recipients=[]) == ""
    assert warning("what systemd alone may know") == ""
