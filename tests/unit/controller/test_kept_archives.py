"""What each backup is kept for, held against what the same program removes on the host."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from kometa_host.archive.names import parse
from kometa_host.controller.kept_archives import with_reasons
from kometa_host.plans.backup import FoundArchive
from tests.unit.programs.retention import Keep, archive_name, to_delete

NOW = datetime(2025, 6, 30, 7, 0, tzinfo=UTC)


def archive(name: str, by_hand: bool = False, pinned: bool = False, proved: bool = False) -> FoundArchive:
    known = parse(name)
    assert known is not None
    return FoundArchive(
        name, known.time, 5, encrypted=True, complete=True, by_hand=by_hand, pinned=pinned,
        proved=NOW if proved else None,
    )  # fmt: skip


def reasons(found: list[FoundArchive], **keep: int) -> list[tuple[str, ...]]:
    return [one.kept_as for one in with_reasons(found, keep, NOW)]


NAMES = st.datetimes(datetime(2025, 4, 1), datetime(2025, 7, 5), timezones=st.just(UTC)).map(archive_name) | st.dates(
    datetime(2025, 4, 1).date(), datetime(2025, 7, 5).date()
).map(lambda day: f"kometa-{day}.tar.zst.age")
ARCHIVES = st.lists(
    st.builds(
        archive, NAMES, **{mark: st.sampled_from([False, False, True]) for mark in ("by_hand", "pinned", "proved")}
    ),
    unique_by=lambda one: one.time,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(found=ARCHIVES, keep=st.builds(Keep, *[st.integers(0, 4)] * 6))
def test_what_is_kept_for_nothing_is_what_the_host_removes(found: list[FoundArchive], keep: Keep) -> None:
    words = {"by_hand": "by-hand", "pinned": "pinned", "proved": "proved"}
    marks = [f"{word} {one.name}" for one in found for mark, word in words.items() if getattr(one, mark)]
    named = [known for one in found if (known := parse(one.name))]
    removed = {one.name for one in to_delete(named, keep, NOW, marks=marks)}
    explained = with_reasons(found, keep._asdict(), NOW)
    assert {one.name for one in explained if not one.kept_as} == removed


def test_one_archive_stands_for_a_day_a_week_and_a_month_at_once() -> None:
    days = [archive(archive_name(NOW - timedelta(days=number))) for number in (0, 1, 8)]
    assert reasons(days, daily=2, weekly=2, monthly=1) == [
        ("daily", "weekly", "monthly", "newest"),
        ("daily", "weekly"),
        (),
    ]


def test_snapshots_and_archives_are_counted_apart_and_what_is_being_written_is_not_counted() -> None:
    first = archive(archive_name(NOW - timedelta(hours=3)))
    snapshot = FoundArchive("restic:5f", NOW - timedelta(hours=2), 5, encrypted=True, complete=True)
    partial = FoundArchive(archive_name(NOW) + ".partial", NOW, 5, encrypted=True, complete=False)
    assert reasons([partial, snapshot, first], daily=1) == [(), ("daily", "newest"), ("daily", "newest")]


def test_of_a_pinned_a_future_a_proved_and_an_empty_one_it_is_said() -> None:
    future, newest, empty, old = (NOW + timedelta(hours=hours) for hours in (1, -1, -2, -400))
    found = [
        archive(archive_name(future), pinned=True),
        archive(archive_name(newest)),
        replace(archive(archive_name(empty)), size=0),
        archive(archive_name(old), proved=True),
    ]
    assert reasons(found, last=1) == [("of the future", "pinned"), ("last", "newest"), ("empty",), ("proved",)]


def test_it_survives_json_whole() -> None:
    (found,) = with_reasons([archive(archive_name(NOW), proved=True)], {"daily": 1}, NOW)
    assert FoundArchive.from_json(found.to_json()) == found
