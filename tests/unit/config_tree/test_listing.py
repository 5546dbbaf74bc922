"""A folder's stamp: another one for any other state of the folder."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kometa_host.config_tree.listing import glance, listing

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


def test_a_folder_that_has_just_changed_has_none(folder: Path) -> None:
    assert stamp(folder, time.time_ns()) == ""


def test_a_folder_that_cannot_be_read_has_none(folder: Path) -> None:
    found = listing(folder / "missing", lambda path, name: True)
    assert found.unreadable == {"": "No such file or directory"}
    assert stamp(folder / "missing") == ""
