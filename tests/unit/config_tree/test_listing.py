"""A folder's stamp: another one for any other state of the folder."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from kometa_host.config_tree.listing import MANY, SHARES, Part, glance, listing
from kometa_host.config_tree.side_by_side import side_by_side

LATER = 1 << 62  # when all that is there has long been so


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets" / "a").mkdir(parents=True)
    (tmp_path / "assets" / "a" / "poster.jpg").write_text("one")
    (tmp_path / "config.yml").write_text("x")
    return tmp_path


def stamp(folder: Path, now: int = LATER) -> str:
    return glance(folder, lambda path, name: True, now).stamp


def test_every_entry_is_listed_with_its_size(folder: Path) -> None:
    found = listing(folder, lambda path, name: True)
    assert {row[0] for row in found.rows} == {"assets", "assets/a", "assets/a/poster.jpg", "config.yml"}
    assert {row[0]: row[2] for row in found.rows}["assets/a/poster.jpg"] == 3


def test_a_directory_that_is_not_entered_is_listed_without_what_is_in_it(folder: Path) -> None:
    found = listing(folder, lambda path, name: (path, name) != ("assets/a", "a"))
    assert {row[0] for row in found.rows} == {"assets", "assets/a", "config.yml"}


def test_the_same_folder_has_the_same_stamp(folder: Path) -> None:
    assert stamp(folder) == stamp(folder) != ""


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "assets" / "a" / "poster.jpg").write_text("two"),
        lambda folder: (folder / "assets" / "a" / "poster.jpg").chmod(0o600),
        lambda folder: (folder / "assets" / "a" / "poster.jpg").unlink(),
        lambda folder: (folder / "assets" / "b").mkdir(),
        lambda folder: (folder / "assets" / "a").rename(folder / "assets" / "c"),
        lambda folder: (folder / "x").symlink_to("config.yml"),
    ],
)
def test_any_change_changes_it(folder: Path, change: Callable[[Path], object]) -> None:
    before = stamp(folder)
    os.utime(folder / "assets" / "a" / "poster.jpg", ns=(1, 1))
    with_other_time = stamp(folder)
    change(folder)
    assert len({before, with_other_time, stamp(folder)}) == 3


@pytest.fixture
def large(folder: Path) -> Path:
    """A folder that is looked at in shares."""
    for number in range(3 * MANY):
        (folder / "assets" / f"{number}").mkdir()
        poster = folder / "assets" / f"{number}" / "poster.jpg"
        poster.write_text("one")
        os.utime(poster, (1, 1))  # long ago: some kernels count in 10 ms
    return folder


def test_a_large_folder_has_one_stamp_whoever_looks_at_its_shares(large: Path) -> None:
    asked: list[int] = []

    def each(do: Callable[[list[str]], Part], shares: Sequence[list[str]]) -> list[Part]:
        asked.append(len(shares))
        return side_by_side(do, shares)

    entered = (large, lambda path, name: True, LATER, 0)
    assert glance(*entered) == glance(*entered, each)
    assert asked == [SHARES]
    assert glance(*entered).size == sum(row[2] for row in listing(large, lambda path, name: True).rows)


@pytest.mark.parametrize("number", [0, 1, MANY, 3 * MANY - 1])
def test_a_change_in_any_share_changes_the_stamp(large: Path, number: int) -> None:
    before = stamp(large)
    (large / "assets" / f"{number}" / "poster.jpg").write_text("two")
    assert stamp(large) != before


def test_no_folder_stays_open_where_gevent_puts_its_end_off(large: Path) -> None:
    program = f"""
import resource
import pyinfra_cli.main, gevent
gevent.get_hub()
resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
from pathlib import Path
from kometa_host.config_tree.listing import glance, listing
from kometa_host.config_tree.side_by_side import side_by_side
looked = Path({str(large)!r}), lambda path, name: True
print(listing(*looked).unreadable, glance(*looked, {LATER}).stamp != "")
print(glance(*looked, {LATER}, 0, side_by_side).stamp != "")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["{}", "True", "True"], done.stderr


def test_a_folder_that_has_just_changed_has_none(folder: Path) -> None:
    assert stamp(folder, time.time_ns()) == ""


def test_a_folder_that_cannot_be_read_has_none(folder: Path) -> None:
    found = listing(folder / "missing", lambda path, name: True)
    assert found.unreadable == {"": "No such file or directory"}
    assert stamp(folder / "missing") == ""
