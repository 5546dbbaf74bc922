"""What a restore is asked for, what it would change, and what it says."""

import gzip
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.archive.chain import Report
from kometa_host.archive.gate import Contents, Member
from kometa_host.errors import UserError
from kometa_host.plans.restore import (
    MAX_WAIT,
    Comparison,
    Fingerprint,
    Options,
    checked,
    checked_left_out,
    outcome,
    parse_look,
    progress_text,
    refuse_unready,
    refuse_without_config,
    result,
    space_needed,
    summary,
)
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import Observed
from tests.unit.told import host

SETTINGS = Settings()
CONTENTS = Contents(members=3, bytes=2048, tar_bytes=10240, has_config_yml=True, newest_mtime=0)


def asked(**arguments: Any) -> Options:
    given: Mapping[str, Any] = {"destination": None, "paths": None, "force": False, "wait": MAX_WAIT} | arguments
    return checked(SETTINGS, **given)


def member(name: bytes, kind: Any = "file", size: int = 0, mtime: int = 0, link: bytes = b"") -> Member:
    return Member(b"kometa/" + name if name else b"kometa", kind, size, mtime, 0o600, 3000, 3000, link)


# --- what was asked for -----------------------------------------------------------------------------------------------


def test_without_arguments_the_whole_tree_is_replaced() -> None:
    assert asked() == Options()
    assert asked().replaces_tree


def test_a_destination_or_paths_replace_no_tree() -> None:
    assert not asked(destination="/home/mms/there").replaces_tree
    assert not asked(paths="config.yml").replaces_tree


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ("config.yml", (b"config.yml",)),
        ("b,a", (b"a", b"b")),
        ("a, b/", (b"a", b"b")),
        (["a,b", "c"], (b"a,b", b"c")),
        ("a,a/b,a/c", (b"a",)),
        ("a,ab", (b"a", b"ab")),
        ("assets/Am\u00e9lie", ("assets/Am\u00e9lie".encode(),)),
    ],
)
def test_paths_are_names_in_the_tree_without_those_inside_others(paths: object, expected: tuple[bytes, ...]) -> None:
    assert asked(paths=paths).paths == expected


@pytest.mark.parametrize(
    "paths", ["", "/etc", "..", "a/../b", "a//b", "./a", "a,", ",", 7, [], [7], "a\nb", "a\0b", "caf\udce9"]
)
def test_paths_that_are_no_names_in_the_tree_are_refused(paths: object) -> None:
    with pytest.raises(UserError, match="paths"):
        asked(paths=paths)


@pytest.mark.parametrize(
    "destination",
    [
        "/",
        "/etc/kometa",
        "/usr/local/x",
        "/home/mms",
        "/data",
        "/var",
        "/tmp",  # noqa: S108
        "relative",
        "",
        7,
        "/a/../b",
        "/a b",
        "/home/mms/config",
        "/home/mms/config/kometa",
        "/home/mms/config/kometa/sub",
        "/data/backups/config/kometa/x",
        "/home/mms/.local/state/x",
        "/home/mms/.ssh",
    ],
)
def test_a_destination_where_something_else_is_kept_is_refused(destination: object) -> None:
    with pytest.raises(UserError, match="destination"):
        asked(destination=destination)


def test_a_destination_and_paths_at_once_are_refused() -> None:
    with pytest.raises(UserError, match="give one of them"):
        asked(destination="/home/mms/there", paths="a")


@pytest.mark.parametrize("arguments", [{"force": "yes"}, {"force": 1}, {"wait": -1}, {"wait": True}, {"wait": "soon"}])
def test_arguments_of_another_kind_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(UserError, match="write"):
        asked(**arguments)


def test_a_host_without_a_deploy_is_refused() -> None:
    with pytest.raises(UserError, match="the account mms is not on the host"):
        refuse_unready(SETTINGS, Observed({}))


def test_a_tree_that_is_a_mount_point_is_refused() -> None:
    ready = {"passwd": "mms:x:3000:3000::/home/mms:/bin/sh", "command__podman": "x", "command__tar": "x", "bus": "yes"}
    refuse_unready(SETTINGS, host(**ready))
    with pytest.raises(UserError, match="mount point itself"):
        refuse_unready(SETTINGS, host(**ready, files__config__mountpoint="yes"))


# --- what would change ------------------------------------------------------------------------------------------------


def looked(*records: bytes) -> bytes:
    return gzip.compress(b"".join(record + b"\0" for record in records))


def test_a_listing_of_the_host_is_read() -> None:
    entries, kept = parse_look(
        looked(
            b"kept 0 0 kometa.before-2026-01-02T000000Z", b"",
            b"kept 0 0 kometa.before-2026-01-01T000000Z", b"",
            b"f 5 12.75 a name", b"",
            b"d 4096 99.5 folder", b"",
            b"l 3 1.0 li\nnk", b"to where",
            b"p 0 1.0 pipe", b"",
        )
    )  # fmt: skip
    assert kept == ["kometa.before-2026-01-01T000000Z", "kometa.before-2026-01-02T000000Z"]
    assert entries == {
        b"a name": Fingerprint("f", 5, 12),
        b"folder": Fingerprint("d"),
        b"li\nnk": Fingerprint("l", link=b"to where"),
        b"pipe": Fingerprint("p"),
    }


def test_a_host_without_a_tree_lists_nothing() -> None:
    assert parse_look(b"") == ({}, [])
    assert parse_look(looked()) == ({}, [])


def compared(live: dict[bytes, Fingerprint], *members: Member, paths: tuple[bytes, ...] = ()) -> Comparison:
    comparison = Comparison(dict(live), paths)
    for one in members:
        comparison.note(one)
    return comparison


LIVE = {
    b"same": Fingerprint("f", 5, 7),
    b"longer": Fingerprint("f", 5, 7),
    b"later": Fingerprint("f", 5, 7),
    b"folder": Fingerprint("d"),
    b"link": Fingerprint("l", link=b"there"),
    b"gone": Fingerprint("f", 1, 1),
}
ARCHIVE = (
    member(b"", "directory"),
    member(b"same", size=5, mtime=7),
    member(b"longer", size=6, mtime=7),
    member(b"later", size=5, mtime=8),
    member(b"folder", "directory", mtime=99),
    member(b"link", "symlink", link=b"elsewhere"),
    member(b"new", size=1),
)


def test_what_is_added_changed_removed_and_the_same_is_told_apart() -> None:
    comparison = compared(LIVE, *ARCHIVE)
    assert comparison.lines() == [
        "1 added, 3 changed, 1 removed, 2 unchanged",
        'added: "new"',
        'changed: "longer", "later", "link"',
        'removed: "gone"',
    ]


def test_the_same_tree_changes_nothing() -> None:
    live = {b"a": Fingerprint("f", 1, 2), b"d": Fingerprint("d"), b"h": Fingerprint("f", 1, 2)}
    same = compared(
        live, member(b"a", size=1, mtime=2), member(b"d", "directory"), member(b"h", "hardlink", mtime=2, link=b"a")
    )
    assert same.lines() == ["0 added, 0 changed, 0 removed, 3 unchanged"]


def test_only_the_first_names_are_shown_and_safely() -> None:
    comparison = compared({}, *(member(b"\x1b[31m%d" % number) for number in range(9)))
    assert comparison.lines()[1].endswith('"\\x1b[31m4", ...')
    assert "\x1b" not in "".join(comparison.lines())


def test_with_paths_only_they_count() -> None:
    live = {b"folder/old": Fingerprint("f"), b"folders": Fingerprint("f"), b"folder": Fingerprint("d")}
    members = (member(b"folder", "directory"), member(b"folder/new"), member(b"folderx"), member(b"other"))
    comparison = compared(live, *members, paths=(b"folder",))
    assert comparison.lines()[0] == "1 added, 0 changed, 1 removed, 1 unchanged"
    comparison.refuse_impossible("x.age")


def test_a_path_that_the_archive_lacks_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="does not hold"):
        compared({}, member(b"none/such"), member(b"a"), paths=(b"a", b"none")).refuse_impossible("x.age")


def test_a_hard_link_to_what_is_not_asked_for_is_refused() -> None:
    link = member(b"a", "hardlink", link=b"kometa/b")
    with pytest.raises(UserError, match="hard link"):
        compared({}, member(b"b"), link, paths=(b"a",)).refuse_impossible("x.age")
    compared({}, member(b"b"), link, paths=(b"a", b"b")).refuse_impossible("x.age")


NAMES = st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), unique=True)


@given(NAMES, NAMES)
def test_every_entry_of_either_side_is_counted_once(live: list[bytes], archived: list[bytes]) -> None:
    comparison = compared({name: Fingerprint("f") for name in live}, *map(member, archived))
    assert comparison.removed() == sorted(set(live) - set(archived))
    assert comparison.added == len(set(archived) - set(live))
    assert comparison.same + comparison.changed == len(set(archived) & set(live))


def test_an_archive_without_config_yml_is_refused() -> None:
    refuse_without_config(CONTENTS, "x.age")
    with pytest.raises(UserError, match=r"no config\.yml"):
        refuse_without_config(Contents(3, 2048, 10240, False, 0), "x.age")


def test_the_space_is_more_than_the_files() -> None:
    assert space_needed(CONTENTS) > CONTENTS.bytes


# --- what is said -----------------------------------------------------------------------------------------------------


def test_the_summary_names_what_was_found() -> None:
    told = summary("x.age", Report(("X25519",), 999, CONTENTS))
    assert told == "x.age is whole: 3 entries, 2.0 KiB, encrypted, newest file of 1970-01-01 00:00 UTC"
    assert "not encrypted" in summary("x", Report((), 999, CONTENTS))


def test_progress_tells_bytes_share_and_rate() -> None:
    assert progress_text("checking x", 512, 2048, 2.0) == "checking x: 512 bytes of 2.0 KiB (25 %), 256 bytes/s"
    assert progress_text("checking x", 0, 0, 0.0) == "checking x: 0 bytes of 0 bytes"


def test_the_end_says_where_the_previous_tree_is_and_how_kometa_is() -> None:
    told = outcome(["kept /home/mms/config/kometa.before-X", "active yes", "noise"])
    text = "\n".join(result(SETTINGS, Options(), "x.age", told))
    assert "kometa.before-X; operations.restore.undo" in text
    assert "Kometa runs with it" in text
    assert "the next deploy puts back" in text
    assert "stays so" in "\n".join(result(SETTINGS, Options(), "x.age", outcome(["kept ", "active "])))


def test_the_end_of_a_partial_restore_names_the_paths() -> None:
    text = "\n".join(result(SETTINGS, Options(paths=(b"a", b"b")), "x.age", {"kept": "/there"}))
    assert "restored from x.age: a, b" in text
    assert "/there" in text


def test_the_end_of_an_unpacking_names_the_directory() -> None:
    assert "/there" in result(SETTINGS, Options(destination="/there"), "x.age", {})[0]


def test_times_are_rounded_as_restics_stream_has_them() -> None:
    records = looked(b"f 1 10.4999 a", b"", b"f 1 10.5000 b", b"")
    assert [mark.mtime for mark in parse_look(records)[0].values()] == [10, 10]
    assert [mark.mtime for mark in parse_look(records, rounded=True)[0].values()] == [10, 11]


def test_what_the_backup_left_out_is_not_removed() -> None:
    live = dict.fromkeys((b"assets", b"assets/p", b"assets2", b"logs", b"logs/a.log", b"logs/a"), Fingerprint("f"))
    comparison = Comparison(live)
    comparison.leave(("assets", "logs/*.log"))
    assert comparison.removed() == [b"assets2", b"logs", b"logs/a"]
    comparison.leave(())
    assert len(comparison.removed()) == 3


@pytest.mark.parametrize("patterns", [("../etc",), ("/",), ("config.yml",), ("a" * 500,)])
def test_what_an_archive_says_it_was_made_without_is_checked(patterns: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="made without"):
        checked_left_out(patterns)
