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
from kometa_host.state import programs
from tests.unit.programs.retention import Keep, archive_name, to_delete

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
    found: Sequence[Archive],
    keep: Keep = USUAL,
    now: datetime = NOW,
    awk: Sequence[str] = ("awk",),
    marks: Sequence[str] = (),
) -> set[str]:
    return {archive.name for archive in to_delete(found, keep, now, awk, marks)}


def rules(keep: Keep) -> list[tuple[int, Callable[[datetime], Hashable]]]:
    """Return how many periods count, and what tells one from another, from the finest to the coarsest."""
    return [
        (keep.last, lambda time: time),
        (keep.hourly, lambda time: (time.date(), time.hour)),
        (keep.daily, datetime.date),
        (keep.weekly, lambda time: time.isocalendar()[:2]),
        (keep.monthly, lambda time: (time.year, time.month)),
        (keep.yearly, lambda time: time.year),
    ]


def kept_of_series(times: set[datetime], keep: Keep, by_hand: bool) -> set[datetime]:
    """Group by Python's own calendar, which knows ISO weeks, and take the newest of each of the last groups."""
    kept: set[datetime] = set()
    finest = True
    for wanted, period in rules(keep):
        groups: dict[Hashable, list[datetime]] = {}
        for time in times:
            groups.setdefault(period(time), []).append(time)
        last = sorted(groups.values(), key=max, reverse=True)[:wanted]
        kept.update(time for group in last for time in (group if by_hand and finest else [max(group)]))
        finest = finest and not wanted
    return kept


def kept_by_oracle(found: Sequence[Archive], keep: Keep, now: datetime, by_hand: Sequence[str] = ()) -> set[str]:
    past = {archive.time for archive in found if archive.time <= now.replace(microsecond=0)}
    own = {archive.time for archive in found if archive.name in by_hand} & past
    kept = kept_of_series(past - own, keep, by_hand=False) | kept_of_series(own, keep, by_hand=True)
    kept |= {max(past)} if past else set()
    return {archive.name for archive in found if archive.time in kept or archive.time not in past}


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
    keep=st.builds(Keep, *[st.integers(0, 9)] * 3, *[st.sampled_from([0, 0, 1, 3])] * 3),
    now=MOMENTS,
    own=st.integers(0, 9),
)
def test_the_program_agrees_with_the_oracle(
    names: list[str], keep: Keep, now: datetime, own: int, awk: list[str]
) -> None:
    found = archives(*names)
    by_hand = [archive.name for archive in found if archive.time.day % 10 < own]
    kept = {archive.name for archive in found} - deleted(found, keep, now, awk, [f"by-hand {name}" for name in by_hand])
    assert kept == kept_by_oracle(found, keep, now, by_hand)


def of_day(*hours: int, day: str = "2025-06-29") -> list[str]:
    return [f"kometa-{day}T{hour:02}0000Z.tar.zst.age" for hour in hours]


def test_what_is_made_by_hand_in_the_afternoon_does_not_push_out_the_archive_of_the_night(awk: list[str]) -> None:
    night, *afternoon = of_day(8, 14, 15, 16)
    marks = [f"by-hand {name}" for name in afternoon]
    assert deleted(archives(night, *afternoon), Keep(daily=7), awk=awk, marks=marks) == set()
    assert deleted(archives(night, *afternoon), Keep(daily=7), awk=awk) == {night, *afternoon[:2]}


def test_what_was_made_by_hand_goes_when_its_day_does(awk: list[str]) -> None:
    days = [of_day(9, 10, day=f"2025-06-{day}") for day in range(10, 14)]
    marks = [f"by-hand {name}" for names in days for name in names]
    gone = deleted(archives(*(name for names in days for name in names)), Keep(daily=2), awk=awk, marks=marks)
    assert gone == {*days[0], *days[1]}


def test_a_pinned_one_stays_and_takes_nobodys_place(awk: list[str]) -> None:
    found = daily(10)
    oldest = found[-1].name
    gone = deleted(found, Keep(daily=3), awk=awk, marks=[f"pinned {oldest}"])
    assert gone == {archive.name for archive in found[3:-1]}


def test_of_the_proved_ones_the_newest_stays(awk: list[str]) -> None:
    found = daily(10)
    marks = [f"proved {found[number].name}" for number in (9, 6)]
    gone = deleted(found, Keep(daily=3), awk=awk, marks=marks)
    assert found[6].name not in gone
    assert found[9].name in gone


def test_the_last_ones_the_hours_and_the_years_are_kept(awk: list[str]) -> None:
    found = archives(*of_day(1, 2, 3), "kometa-2025-06-29T033000Z.tar.zst.age", *of_day(9, day="2023-02-03"))
    assert deleted(found, Keep(last=2), awk=awk) == {*of_day(1, 2), *of_day(9, day="2023-02-03")}
    assert deleted(found, Keep(hourly=2), awk=awk) == {*of_day(1, 3), *of_day(9, day="2023-02-03")}
    assert deleted(found, Keep(yearly=2), awk=awk) == set(of_day(1, 2, 3))


def test_a_mark_between_names_is_a_name_and_none_of_ours(awk: list[str]) -> None:
    night, noon = of_day(8, 12)
    assert lines(f"./{night}\n./x\npinned {night}\n./{noon}\n", awk, daily="1") == (0, f"./{night}\n", "")


def test_snapshots_of_a_repository_go_as_archives_do(awk: list[str]) -> None:
    names = [f"./kometa-2025-06-2{day}T080000Z.restic.{day}abc" for day in range(5)]
    marks = f"pinned {names[0][2:]}\nproved {names[1][2:]}\n"
    out = "".join(f"{name}\n" for name in names[2:4])
    assert lines(marks + "".join(f"{name}\n" for name in names), awk, daily="1") == (0, out, "")


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


def test_one_of_ours_replaces_the_previous_one_of_the_same_day(awk: list[str]) -> None:
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
    values = {**dict.fromkeys(Keep._fields, "0"), "now": "2025-06-30T070000Z", **variables}
    settings = [word for name, value in values.items() for word in ("-v", f"{name}={value}")]
    result = run(
        [*awk, *settings, "-f", programs.path_of("retention.awk")],
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
    with pytest.raises(UserError, match="no-such-awk is not on this machine: install mawk"):
        to_delete(daily(1), USUAL, NOW, ["no-such-awk"])


def test_keep_numbers_that_make_no_sense_are_an_error() -> None:
    with pytest.raises(UserError, match="must be a whole number"):
        to_delete(daily(1), Keep(-1, 0, 0), NOW)
