"""Names of archives: ours, the previous stack's, and everything that is neither."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.archive.names import Archive, is_partial, parse
from kometa_host.archive.printable import printable


def test_our_name_holds_the_moment_in_utc() -> None:
    name = "kometa-2025-01-31T080509Z.tar.zst.age"
    assert parse(name) == Archive(name, datetime(2025, 1, 31, 8, 5, 9, tzinfo=UTC), encrypted=True, previous=False)


@pytest.mark.parametrize(
    ("name", "encrypted"), [("kometa-2025-01-31.tar.zst", False), ("kometa-2025-01-31.tar.zst.age", True)]
)
def test_a_previous_name_counts_as_the_first_moment_of_its_day(name: str, encrypted: bool) -> None:
    assert parse(name) == Archive(name, datetime(2025, 1, 31, tzinfo=UTC), encrypted, previous=True)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "kometa",
        "kometa-.tar.zst",
        "kometa-2025-01-31",
        "kometa-2025-01-31.tar",
        "kometa-2025-01-31.tar.gz",
        "kometa-2025-02-30.tar.zst.age",
        "kometa-2025-13-01.tar.zst.age",
        "kometa-0000-01-01.tar.zst.age",
        "kometa-2025-1-31.tar.zst.age",
        "kometa-2025-01-31T080509Z.tar.zst",
        "kometa-2025-01-31T240000Z.tar.zst.age",
        "kometa-2025-01-31T080560Z.tar.zst.age",
        "kometa-2025-01-31T080509.tar.zst.age",
        "kometa-2025-01-31T08:05:09Z.tar.zst.age",
        "kometa-2025-01-31T080509Z.tar.zst.age.partial",
        "kometa-2025-01-31T080509Z.tar.zst.age\n",
        "\nkometa-2025-01-31.tar.zst",
        "./kometa-2025-01-31.tar.zst",
        "radarr-2025-01-31.tar.zst.age",
        "Kometa-2025-01-31.tar.zst.age",
        "kometa-2025-01-31.tar.zst.age~",
        "kometa-٢٠٢٥-01-31.tar.zst.age",
    ],
)
def test_everything_else_is_foreign(name: str) -> None:
    assert parse(name) is None


@pytest.mark.parametrize(
    ("name", "partial"),
    [
        ("kometa-2025-01-31T080509Z.tar.zst.age.partial", True),
        ("kometa-2025-01-31T080509Z.tar.zst.age", False),
        ("notes.partial", False),
        (".partial", False),
    ],
)
def test_a_partial_is_an_archive_that_is_being_written(name: str, partial: bool) -> None:
    assert is_partial(name) is partial


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"kometa/config.yml", '"kometa/config.yml"'),
        ("kometa/Amélie.jpg".encode(), '"kometa/Amélie.jpg"'),
        (b"a\nb\x1b[31m\x00\x7f", r'"a\nb\x1b[31m\x00\x7f"'),
        (b'"\\', r'"\"\\"'),
        (b"\xff\xc3", r'"\xff\xc3"'),
        ("\u202e\u200b\u2028".encode(), r'"\u202e\u200b\u2028"'),
    ],
)
def test_a_name_is_shown_so_that_no_terminal_obeys_it(name: bytes, shown: str) -> None:
    assert printable(name) == shown


@given(st.binary(max_size=3000))
def test_any_name_is_printable_and_short(name: bytes) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert len(shown) <= 162
    assert shown.encode("utf-8")
