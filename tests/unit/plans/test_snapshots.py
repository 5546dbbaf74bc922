"""What restic tells of its snapshots, and which one is meant."""

import json
from datetime import UTC, datetime

import pytest

from kometa_host.errors import UserError
from kometa_host.plans import snapshots

TREE = "/home/mms/config/kometa"


def entry(number: int, **more: object) -> dict[str, object]:
    return {
        "time": f"2026-01-0{number}T08:00:00.5Z", "paths": [TREE], "hostname": "tower.lan", "tags": ["kometa-host"],
        "id": f"{number}" * 64, "short_id": f"{number}" * 8, **more,
    }  # fmt: skip


def parsed(*entries: dict[str, object]) -> list[snapshots.Snapshot]:
    return snapshots.parse(json.dumps(entries))


def test_backups_are_listed_newest_first_and_nothing_else_is() -> None:
    found = parsed(entry(1), entry(3), entry(2, tags=["kometa-host-warm"]), entry(4, tags=None))
    assert [one.name for one in found] == ["restic:33333333", "restic:11111111"]
    assert found[1].time == datetime(2026, 1, 1, 8, tzinfo=UTC)


def test_what_was_left_out_is_told_as_it_was_written() -> None:
    [one] = parsed(entry(1, excludes=[f"{TREE}/assets", f"{TREE}/logs/*.log"], summary={"total_bytes_processed": 9}))
    assert one.left_out == ("assets", "logs/*.log")
    assert one.size == 9


def test_an_empty_repository_has_none() -> None:
    assert snapshots.parse("null") == snapshots.parse("[]") == []


@pytest.mark.parametrize("text", ["", "Fatal: x", "{}", "[3]", '[{"time": "x"}]', '[{"paths": []}]'])
def test_what_is_no_list_of_snapshots_is_said(text: str) -> None:
    if text == "{}":
        assert snapshots.parse(text) == []
        return
    with pytest.raises(UserError, match="could not be read"):
        snapshots.parse(text)


@pytest.mark.parametrize("name", ["restic:", "restic:x", "restic:LATEST", "restic:12", "restic:latest "])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="write restic:latest or restic:ID"):
        snapshots.is_named(name)


def test_the_latest_or_the_one_that_an_id_begins() -> None:
    found = parsed(entry(1), entry(2))
    assert snapshots.chosen(found, "restic:latest").id == "22222222"
    assert snapshots.chosen(found, "restic:1111").id == "11111111"
    assert snapshots.chosen(found, "restic:" + "1" * 64).id == "11111111"


@pytest.mark.parametrize("name", ["restic:latest", "restic:abcd"])
def test_where_there_is_none_that_is_said(name: str) -> None:
    with pytest.raises(UserError, match="no backup in the repository"):
        snapshots.chosen([], name)
