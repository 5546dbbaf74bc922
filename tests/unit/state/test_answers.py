"""What a host says is bounded, printable, and sensible or refused: never a traceback, whatever the bytes."""

import gzip
import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.config_tree import validator
from kometa_host.errors import UserError
from kometa_host.plans import backup, preconditions, restore, snapshots, takeover
from kometa_host.plans.destroy import Remains
from kometa_host.reports import status
from kometa_host.reports.diagnosis.check import Host
from kometa_host.reports.diagnosis.checks import diagnose
from kometa_host.reports.status import Look
from kometa_host.settings.variables import Settings
from kometa_host.state import answers
from kometa_host.state.filesets import parse_deviations, parse_manifest
from kometa_host.state.observed import HostFacts, Observed, parse_foreign_owned
from operations.kometa_logs import _within_bounds
from operations.kometa_run import judge
from tests.unit.examples import at_least

SETTINGS = Settings()
NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
OF_HOST = [
    "os-release",
    "passwd",
    "group",
    "subuid",
    "subgid",
    "podman-version",
    "links",
    "hosts-file",
    "account-faults",
]
OF_ACCOUNT = [
    *("units", "containers", "images", "networks", "secrets", "foreign-owned", "run-in-progress", "quadlet-times"),
    *("files.config.root", "files.config.manifest", "files.config.deviations", "files.quadlets.digest", "restore-left"),
    *("calendar.backup", "links", "kometa-alive", "foreign./home/mms/.config/containers/systemd/kometa.container"),
]
OF_LOOK = [
    *(
        "status-units",
        "last-run",
        "backups",
        "tree-kib",
        "image-digest",
        "recent-log",
        "plex",
        "disks",
        "inodes",
        "clock",
    ),
    *("now", "selinux", "selinux-denials", "registry", "config-text", "quadlet-lines"),
]
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda s: st.lists(s, max_size=3)
                    | st.dictionaries(st.sampled_from(["Names", "Id", "Spec", "Labels", "State", "x"]), s, max_size=4),
                    max_leaves=12)  # fmt: skip
PIECES = [b":", b"\n", b"\t", b" ", b"=", b"-1", b"65536", b"Id", b"mms", b"9" * 30, b"\xff", b"\0", b"\xd9\xa3", b"/"]
VALUE = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60).map(gzip.compress),
    st.sampled_from([b"[" * 100_000, b'[{"Names": [[]], "Labels": []}]', b"2026-99-99 25:61:61 UTC"]),
)


def told(names: list[str]) -> st.SearchStrategy[dict[str, bytes]]:
    return st.dictionaries(st.sampled_from(names), VALUE, max_size=8)


@at_least(300)
@given(told(OF_HOST), told(OF_ACCOUNT))
def test_whatever_a_host_tells_is_an_observation_or_a_refusal(
    host: dict[str, bytes], account: dict[str, bytes]
) -> None:
    found = Observed(account, HostFacts(host))
    for use in (
        lambda: found.host.accounts,
        lambda: found.host.groups,
        lambda: found.host.subordinate("subuid"),
        lambda: found.units,
        lambda: found.containers,
        lambda: found.image_id,
        lambda: found.network,
        lambda: found.secrets,
        lambda: found.files("config"),
        lambda: found.foreign_owned,
        lambda: found.run_started,
        lambda: found.quadlet_times,
        lambda: preconditions.refuse_unmet(SETTINGS, found),
        lambda: takeover.report(SETTINGS, found),
    ):
        with suppress(UserError):
            use()


@at_least(200)
@given(told(OF_HOST), told(OF_ACCOUNT), told(OF_LOOK))
def test_whatever_a_host_tells_has_a_status_and_a_diagnosis(
    host: dict[str, bytes], account: dict[str, bytes], more: dict[str, bytes]
) -> None:
    look = Look(Observed({**account, **more}, HostFacts({**host, **more})))
    for use in (lambda: status.status(SETTINGS, look, NOW), lambda: diagnose(Host(SETTINGS, look, NOW))):
        with suppress(UserError):
            use()


# What programs print that look at one thing alone: whole, cut, repeated, in any order, and mixed with anything.
LINES = [
    b"mark pinned kometa-2026-01-01.tar.zst", b"proof 2026-01-01T000000Z drilled x", b"written " + b"a" * 64 + b" 1 x",
    b"12 age 5 kometa-2026-01-01T000000Z.tar.zst.age", b"f 1 1.5 name\0\0", b"kept 0 0 x\0\0", b"1:2 name", b"3 1",
    b'[{"id": "1", "paths": ["/a"], "time": "2026-01-01T00:00:00Z", "tags": ["kometa-host"]}]', b'{"errors": [1]}',
    b"1 2 3 4", b"- 755 0 0\tname", b"now 2026", b"[" * 50_000,
]  # fmt: skip
PRINTED = st.lists(st.sampled_from(LINES) | st.binary(max_size=20) | VALUE, max_size=5).flatmap(
    lambda lines: st.integers(0, 200).map(lambda cut: b"\n".join(lines)[: cut * 40 or None])
)


@at_least(300)
@given(PRINTED)
def test_whatever_a_program_prints_is_understood_or_refused(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    remains = Remains(SETTINGS, Observed({}), Observed(dict.fromkeys(("images", "trees", "archives"), data)))
    for use in (
        lambda: restore.parse_look(data),
        lambda: restore.parse_look(gzip.compress(data), rounded=True),
        lambda: backup.parse_archives(text.splitlines()),
        lambda: backup.parse_written(text.splitlines()),
        lambda: backup.drill_lines("name", text, ""),
        lambda: snapshots.parse(text),
        lambda: parse_foreign_owned(text),
        lambda: validator.parse(data),
        lambda: judge(text[:9], data, "UTC"),
        lambda: remains.images,
        lambda: remains.trees,
        lambda: remains.archives,
    ):
        with suppress(UserError):
            use()


def test_what_inflates_without_end_is_refused() -> None:
    with pytest.raises(UserError, match="inflates to more than 1 MiB"):
        answers.inflated(gzip.compress(bytes(2 << 20)), 1 << 20)
    assert answers.inflated(gzip.compress(b"x" * 1000)) == b"x" * 1000


@pytest.mark.parametrize(
    "use",
    [
        lambda: parse_manifest("d\n" + "- 0 0 0 755 0 0\tx\n" * 9),
        lambda: parse_deviations("missing x\n" * 11),
        lambda: restore.parse_look(gzip.compress(b"f 0 0 x\0\0" * 6)),
        lambda: parse_foreign_owned("1:1 x\n" * 11),
        lambda: answers.told_lines(b"\n" * 11),
    ],
)
def test_of_too_many_small_parts_no_objects_are_made(
    use: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_PARTS", 9)
    with pytest.raises(UserError, match="more than 9 parts"):
        use()


def test_names_with_any_separators_are_one_line() -> None:
    assert list(parse_manifest("d\n- 0 0 0 755 0 0\ta\x0b\u2028\x85b\n")) == ["a\x0b\u2028\x85b"]


def test_a_json_text_is_bounded_before_it_is_read() -> None:
    with pytest.raises(UserError, match="more than 16 MiB"):
        snapshots.parse(" " * (answers.MAX_JSON + 1))


@pytest.mark.parametrize("data", [b"no gzip", b"", gzip.compress(b"x" * 100, mtime=0)[:-9]])
def test_what_is_cut_or_no_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(UserError):
        answers.inflated(data)


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        (b"\x1b]52;c;AAAA\x07", "\\x1b]52;c;AAAA\\x07"),
        ("a\u202eb\u2028c".encode(), "a\\u202eb\\u2028c"),
        ("é — │\tx".encode(), "é — │\tx"),
        (b"progress\r", "progress"),
        (b"\xff", "\ufffd"),
    ],
)
def test_a_line_is_shown_without_what_a_terminal_obeys(said: bytes, seen: str) -> None:
    assert list(answers.lines(iter([said + b"\n", b""]).__next__)) == [seen]


def test_a_line_without_an_end_comes_in_pieces() -> None:
    pieces = iter([b"x" * 50_000, b"y", b""])
    shown = list(answers.lines(pieces.__next__))
    assert "".join(shown) == "x" * 50_000 + "y"
    assert max(map(len, shown)) <= answers.MAX_LINE


def test_the_logs_of_a_host_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    log = b64encode(gzip.compress(b"x\n" * 600)).decode()
    monkeypatch.setattr(answers, "MAX_ANSWER", 2000)
    assert [what for what, _ in _within_bounds([f"history {log}"])] == ["history"]
    with pytest.raises(UserError, match="Ask for fewer runs"):
        _within_bounds([f"history {log}", f"run {log}"])


@pytest.mark.parametrize("name", ["text", "declared"])
def test_a_config_yml_that_is_larger_than_any_is_not_read(name: str) -> None:
    assert Observed({f"files.config.{name}": b"a" * (1 << 20)}).files("config")
    with pytest.raises(UserError, match="none of Kometa's has"):
        Observed({f"files.config.{name}": b"a" * ((1 << 20) + 1)}).files("config")


def test_of_a_line_of_a_log_no_more_is_taken_than_is_shown() -> None:
    assert list(map(len, answers.inflated_lines(gzip.compress(b"x" * 100_000 + b"\ny")))) == [answers.MAX_LINE, 1]
