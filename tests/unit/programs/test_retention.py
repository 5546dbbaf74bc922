"""Retention: the awk program against an oracle of its own, with every awk that is installed."""

import shutil
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import run

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kometa_host.archive.names import Archive, parse
from kometa_host.errors import UserError
from tests.unit.programs.retention import PROGRAM, Keep, archive_name, to_delete

USUAL = Keep(7, 4, 6)
NOW = datetime(2025, 6, 30, 7, 0, tzinfo=UTC)
AWKS = {
    "mawk": ["mawk"],
    "gawk": ["gawk"],
    "gawk-posix": ["gawk", "--posix"],
    "busybox": ["busybox", "awk"],
    "bwk": ["original-awk"],
}


@pytest.fixture(params=AWKS)
def awk(request: pytest.FixtureRequest) -> list[str]:
    command = AWKS[request.param]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    return command


def archives(*names: str) -> list[Archive]:
    found = [parse(name) for name in names]
    assert None not in found
    return [archive for archive in found if archive]


def daily(days: int, until: datetime = NOW) -> list[Archive]:
    return archives(*(archive_name(until - timedelta(days=number)) for number in range(days)))


def deleted(
    found: Sequence[Archive], keep: Keep = USUAL, now: datetime = NOW, awk: Sequence[str] = ("awk",)
) -> set[str]:
    return {archive.name for archive in to_delete(found, keep, now, awk)}


def kept_by_oracle(found: Sequence[Archive], keep: Keep, now: datetime) -> set[str]:
    """Group by Python's own calendar, which knows ISO weeks, and take the newest of each of the last groups."""
    past = [archive for archive in found if archive.time <= now.replace(microsecond=0)]
    rules: list[tuple[int, Callable[[datetime], Hashable]]] = [
        (keep.daily, datetime.date),
        (keep.weekly, lambda time: time.isocalendar()[:2]),
        (keep.monthly, lambda time: (time.year, time.month)),
    ]
    moments = {max(archive.time for archive in past)} if past else set()
    for wanted, period in rules:
        newest: dict[Hashable, datetime] = {}
        for archive in past:
            newest[period(archive.time)] = max(archive.time, newest.get(period(archive.time), archive.time))
        moments.update(sorted(newest.values(), reverse=True)[:wanted])
    return {archive.name for archive in found if archive.time in moments or archive not in past}


MOMENTS = st.one_of(
    st.datetimes(datetime(2024, 12, 1), datetime(2025, 7, 5), timezones=st.just(UTC)),
    st.datetimes(datetime(2019, 12, 25), datetime(2021, 1, 10), timezones=st.just(UTC)),
    st.datetimes(datetime(1000, 1, 3), timezones=st.just(UTC)),
)
NAMES = st.one_of(
    MOMENTS.map(archive_name),
    MOMENTS.map(lambda time: f"kometa-{time:%Y-%m-%d}.tar.zst"),
    MOMENTS.map(lambda time: f"kometa-{time:%Y-%m-%d}.tar.zst.age"),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(NAMES, unique=True, max_size=60),
    keep=st.builds(Keep, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    now=MOMENTS,
)
def test_the_program_agrees_with_the_oracle(names: list[str], keep: Keep, now: datetime, awk: list[str]) -> None:
    found = archives(*names)
    assert {archive.name for archive in found} - deleted(found, keep, now, awk) == kept_by_oracle(found, keep, now)


def test_seven_days_four_weeks_and_six_months_of_daily_backups_are_kept(awk: list[str]) -> None:
    found = daily(400)
    gone = deleted(found, awk=awk)
    kept = [archive.time.strftime("%m-%d") for archive in found if archive.name not in gone]
    days = ["06-30", "06-29", "06-28", "06-27", "06-26", "06-25", "06-24"]
    # Monday the 30th is a week of its own; the months' last days follow.
    assert kept == [*days, "06-22", "06-15", "05-31", "04-30", "03-31", "02-28", "01-31"]


def test_the_oldest_comes_first(awk: list[str]) -> None:
    times = [archive.time for archive in to_delete(daily(60)[::-1], USUAL, NOW, awk)]
    assert times == sorted(times)
    assert len(times) > 30


def test_a_second_run_deletes_nothing(awk: list[str]) -> None:
    found = daily(100)
    gone = deleted(found, awk=awk)
    assert deleted([archive for archive in found if archive.name not in gone], awk=awk) == set()


def test_run_every_night_for_a_year_the_number_stays_bounded_and_the_months_are_covered() -> None:
    found: list[Archive] = []
    for number in range(365):
        now = NOW + timedelta(days=number)
        found += archives(archive_name(now))
        gone = deleted(found, now=now)
        found = [archive for archive in found if archive.name not in gone]
        assert len(found) <= sum(USUAL)
    assert len({(archive.time.year, archive.time.month) for archive in found}) == USUAL.monthly


def test_nothing_goes_because_of_a_pause(awk: list[str]) -> None:
    found = daily(5, until=NOW - timedelta(days=900))
    assert deleted(found, awk=awk) == set()


def test_the_month_has_one_although_the_host_was_off_on_the_first(awk: list[str]) -> None:
    found = archives("kometa-2025-03-17T080000Z.tar.zst.age", "kometa-2025-05-09T080000Z.tar.zst.age")
    assert deleted(found, Keep(1, 0, 6), awk=awk) == set()


def test_of_several_on_one_day_the_newest_stays(awk: list[str]) -> None:
    found = archives("kometa-2025-06-29T080000Z.tar.zst.age", "kometa-2025-06-29T235959Z.tar.zst.age")
    assert deleted(found, awk=awk) == {"kometa-2025-06-29T080000Z.tar.zst.age"}


@pytest.mark.parametrize("keep", [Keep(0, 0, 0), Keep(1, 0, 0), Keep(0, 1, 0), Keep(0, 0, 1)])
def test_the_newest_is_never_deleted(keep: Keep, awk: list[str]) -> None:
    found = daily(3)
    assert deleted(found, keep, awk=awk) == {archive.name for archive in found[1:]}


def test_a_week_lasts_from_monday_to_sunday_across_the_new_year(awk: list[str]) -> None:
    found = archives(
        *(f"kometa-{day}T080000Z.tar.zst.age" for day in ("2024-12-29", "2024-12-30", "2025-01-05", "2025-01-06"))
    )
    assert deleted(found, Keep(0, 9, 0), awk=awk) == {"kometa-2024-12-30T080000Z.tar.zst.age"}


def test_an_encrypted_archive_and_its_twin_take_one_place_and_stay_together(awk: list[str]) -> None:
    names = [f"kometa-2025-06-{day}.tar.zst{ending}" for day in range(10, 30) for ending in ("", ".age")]
    kept = set(names) - deleted(archives(*names), Keep(7, 0, 0), awk=awk)
    assert kept == {name for name in names if int(name[15:17]) >= 23}


def test_one_of_ours_replaces_the_former_one_of_the_same_day(awk: list[str]) -> None:
    found = archives("kometa-2025-06-29.tar.zst.age", "kometa-2025-06-29T080000Z.tar.zst.age")
    assert deleted(found, awk=awk) == {"kometa-2025-06-29.tar.zst.age"}


def test_archives_from_the_future_stay_and_take_nobodys_place(awk: list[str]) -> None:
    past, future = daily(7), daily(30, until=NOW + timedelta(days=9000))
    assert deleted(past + future, awk=awk) == set()


def test_with_the_clock_stepped_back_nothing_goes(awk: list[str]) -> None:
    assert deleted(daily(100), now=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=1000), awk=awk) == set()


def test_with_the_clock_stepped_forward_as_much_stays_as_before(awk: list[str]) -> None:
    assert deleted(daily(100), now=NOW + timedelta(days=20_000), awk=awk) == deleted(daily(100), awk=awk)


def lines(text: str, awk: list[str], **variables: str) -> tuple[int, str, str]:
    values = {"daily": "0", "weekly": "0", "monthly": "0", "now": "2025-06-30T070000Z", **variables}
    settings = [word for name, value in values.items() for word in ("-v", f"{name}={value}")]
    result = run(
        [*awk, *settings, "-f", PROGRAM],
        input=text.encode("utf-8", "surrogateescape"),
        capture_output=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        check=False,
    )
    return result.returncode, result.stdout.decode(), result.stderr.decode()


FOREIGN = [
    "",
    "kometa-2025-06-30T060000Z.tar.zst.age.partial",
    "kometa-2025-06-30.tar.zst.age.partial",
    "kometa-2025-02-30.tar.zst",
    "kometa-2025-02-29.tar.zst",
    "kometa-1900-02-29.tar.zst",
    "kometa-2025-00-10.tar.zst",
    "kometa-2025-13-10.tar.zst",
    "kometa-2025-06-00.tar.zst",
    "kometa-2025-06-31.tar.zst",
    "kometa-0000-06-30.tar.zst",
    "kometa-2025-06-20T240000Z.tar.zst.age",
    "kometa-2025-06-20T006000Z.tar.zst.age",
    "kometa-2025-06-20T000060Z.tar.zst.age",
    "kometa-2025-06-20T000000Z.tar.zst",
    "kometa-2025-06-20xtar.zst",
    "kometa-2025-06-20.tar.zst.age~",
    "radarr-2025-06-20.tar.zst.age",
    "xkometa-2025-06-20.tar.zst.age",
    "KOMETA-2025-06-20.TAR.ZST",
    "notes.txt",
    "\udcff\udcfe",
    "-rf",
]


def test_foreign_and_partial_names_are_never_printed_and_take_no_place(awk: list[str]) -> None:
    names = [*FOREIGN, "kometa-2025-06-10.tar.zst.age", "kometa-2025-06-11.tar.zst.age", *FOREIGN]
    assert lines("".join(f"{name}\n" for name in names), awk) == (0, "kometa-2025-06-10.tar.zst.age\n", "")


@pytest.mark.parametrize("name", FOREIGN)
def test_the_program_and_python_agree_about_foreign_names(name: str) -> None:
    assert parse(name) is None


def test_leap_days_are_days(awk: list[str]) -> None:
    names = [f"kometa-{year}-02-29.tar.zst" for year in (1600, 2000, 2004, 2024)]
    assert lines("\n".join(names), awk)[1].split() == names[:3]


def test_a_name_with_a_newline_cannot_pass_for_another(awk: list[str]) -> None:
    text = "./evil\nkometa-2025-06-29.tar.zst.age\n./kometa-2025-06-10.tar.zst.age\n./kometa-2025-06-11.tar.zst.age\n"
    assert lines(text, awk) == (0, "./kometa-2025-06-10.tar.zst.age\n", "")


def test_nothing_in_nothing_out(awk: list[str]) -> None:
    assert lines("", awk) == (0, "", "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("now", ""), ("now", "today"), ("now", "2025-06-30"), ("now", "1751266800"), ("daily", ""), ("daily", "-1"),
        ("weekly", "4.5"), ("weekly", "many"), ("monthly", " "), ("monthly", "6 "),
    ],
)  # fmt: skip
def test_settings_that_are_wrong_delete_nothing(variable: str, value: str, awk: list[str]) -> None:
    status, out, error = lines("kometa-2025-06-10.tar.zst.age\nkometa-2025-06-11.tar.zst\n", awk, **{variable: value})
    assert (status, out) == (2, "")
    assert "must be" in error


def test_it_works_as_the_host_calls_it(tmp_path: Path, awk: list[str]) -> None:
    for name in ("kometa-2025-06-10.tar.zst.age", "kometa-2025-06-11.tar.zst.age", "a b.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "kometa-2025-06-12.tar.zst.age").touch()
    (tmp_path / "kometa-2025-06-13.tar.zst.age").mkdir()
    find = run(
        ["find", ".", "-maxdepth", "1", "-type", "f", "-size", "+0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert lines(find.stdout, awk) == (0, "./kometa-2025-06-10.tar.zst.age\n", "")


def test_a_missing_awk_is_said() -> None:
    with pytest.raises(UserError, match="no-such-awk is not on this machine; install it"):
        to_delete(daily(1), USUAL, NOW, ["no-such-awk"])


def test_keep_numbers_that_make_no_sense_are_an_error() -> None:
    with pytest.raises(UserError, match="must be whole numbers"):
        to_delete(daily(1), Keep(-1, 0, 0), NOW)
