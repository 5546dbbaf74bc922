from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest

from kometa_host.settings import times
from kometa_host.settings.refusals import RefusalError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["06:00"], ("06:00",)),
        ("06:00", ("06:00",)),
        ("06:00,18:30", ("06:00", "18:30")),
        (("23:59", "00:00"), ("23:59", "00:00")),
    ],
)
def test_daily_runs_are_a_list_or_one_text(value: object, expected: tuple[str, ...]) -> None:
    assert times.checked_times(value) == expected


@pytest.mark.parametrize(
    "value", ["6am", "24:00", "06:60", "06.00", "06:00\n18:00", "٠٦:٠٠", 600, None, "", [[]], True]
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(RefusalError, match="HH:MM"):
        times.checked_times(value)


def test_a_time_with_one_digit_is_refused_with_the_right_one() -> None:
    with pytest.raises(RefusalError, match="write 06:05"):
        times.checked_times(["6:5"])


def test_all_bad_times_are_named_at_once() -> None:
    with pytest.raises(RefusalError) as refused:
        times.checked_times(["25:00", "06:00", "noon"])
    assert [complaint.found for complaint in refused.value.complaints] == ["'25:00'", "'noon'"]


@pytest.mark.parametrize("value", [[], ()])
def test_no_daily_run_is_refused(value: object) -> None:
    with pytest.raises(RefusalError, match="empty list"):
        times.checked_times(value)


def test_a_daily_run_named_twice_is_refused() -> None:
    with pytest.raises(RefusalError, match="06:00 more than once"):
        times.checked_times(["06:00", "07:00", "06:00"])


@pytest.mark.parametrize("name", ["America/New_York", "Europe/Berlin", "Etc/UTC", "UTC", "America/Argentina/Ushuaia"])
def test_time_zones_of_the_database_are_taken(name: str) -> None:
    assert times.checked_timezone(name) == name


@pytest.mark.parametrize(
    ("value", "near"),
    [
        ("America/NewYork", "America/New_York"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
    ],
)
def test_a_misspelt_time_zone_gets_a_suggestion(value: str, near: str) -> None:
    with pytest.raises(RefusalError, match=f"did you mean .*{near}"):
        times.checked_timezone(value)


@pytest.mark.parametrize(
    "value", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "localtime", "America", 3, None]
)
def test_what_is_no_time_zone_is_refused(value: object) -> None:
    with pytest.raises(RefusalError):
        times.checked_timezone(value)


def test_without_a_database_the_shape_of_a_time_zone_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr(times, "ZoneInfo", missing)
    monkeypatch.setattr(times, "TZPATH", (str(tmp_path),))
    assert times.is_timezone("Asia/Tokyo")
    assert not times.is_timezone("Asia/Tok yo")


@pytest.mark.parametrize("text", ["*-*-* 03:00:00", "daily", "Sun 04:30", "Mon..Fri *-*-* 02:00"])
def test_a_schedule_stays_as_it_is(text: str) -> None:
    assert times.checked_schedule(text, "Europe/Berlin") == text


def test_the_time_zone_that_the_timer_adds_anyway_is_left_out() -> None:
    assert times.checked_schedule("03:00 Europe/Berlin", "Europe/Berlin") == "03:00"
    assert times.checked_schedule("daily utc", "UTC") == "daily"


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_another_time_zone_than_that_of_the_timers_is_refused(zone: str) -> None:
    with pytest.raises(RefusalError, match=r"mms_timezone is America/New_York: write '03:00'"):
        times.checked_schedule(f"03:00 {zone}", "America/New_York")


@pytest.mark.parametrize("value", ["", " ", "@1900000000", "03:00\nx", 300, None, ["daily"]])
def test_what_is_no_schedule_is_refused(value: object) -> None:
    with pytest.raises(RefusalError, match="calendar expression"):
        times.checked_schedule(value, "UTC")


def test_an_old_name_of_a_time_zone_is_known_by_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in {"America/New_York": b"east", "US/Eastern": b"east", "Asia/Tokyo": b"japan"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "zone1970.tab").write_text(
        "# a comment\nUS\t+40-074\tAmerica/New_York\tEastern\nJP\t+35+139\tAsia/Tokyo\n"
    )
    monkeypatch.setattr(times, "TZPATH", (str(tmp_path),))
    assert times.modern_name("US/Eastern") == "America/New_York"
    assert times.modern_name("America/New_York") is None
    assert times.modern_name("Mars/Phobos") is None
    monkeypatch.setattr(times, "TZPATH", ())
    assert times.modern_name("US/Eastern") is None
