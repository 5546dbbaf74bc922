"""Large folders are looked at by a process of its own, which sees what this one would see."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kometa_host.config_tree import lookahead
from kometa_host.config_tree.left_behind import is_entered
from kometa_host.config_tree.listing import Glance, glance

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache directory of the test's own, and folders that are large with three entries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(lookahead, "LARGE", 3)
    yield
    assert lookahead._under_way == {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tree = tmp_path / "project" / "kometa"
    (tree / "assets").mkdir(parents=True)
    for name in ("config.yml", "assets/poster.jpg"):
        (tree / name).write_text(name)
    return tree


def seen(folder: Path) -> Glance:
    return glance(folder, is_entered, time.time_ns())


def refuse(folder: Path) -> Glance:
    raise AssertionError(f"this process looked at {folder}")


def test_a_folder_that_was_large_is_looked_at_by_another_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not lookahead.begin(folder.parent)
    assert lookahead.glance_at(folder) == seen(folder)
    assert lookahead.begin(folder.parent)
    monkeypatch.setattr(lookahead, "glance", refuse)
    assert lookahead.glance_at(folder) == seen(folder)


def test_folders_of_other_projects_and_those_that_are_gone_are_not(folder: Path, tmp_path: Path) -> None:
    lookahead.glance_at(folder)
    assert not lookahead.begin(tmp_path / "another")
    folder.rename(folder.parent / "renamed")
    assert not lookahead.begin(folder.parent)


def test_a_folder_that_has_become_small_is_forgotten(folder: Path) -> None:
    lookahead.glance_at(folder)
    (folder / "assets" / "poster.jpg").unlink()
    assert lookahead.begin(folder.parent)
    lookahead.glance_at(folder)
    assert not lookahead.begin(folder.parent)


def test_where_the_other_process_fails_this_one_looks(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lookahead.glance_at(folder)
    with monkeypatch.context() as failing:
        failing.setattr(lookahead, "glance", refuse)
        assert lookahead.begin(folder.parent)
    assert lookahead.glance_at(folder) == seen(folder)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("damage", ["[]", "{", '{"folders": {}}', '{"folders": [1, null]}'])
def test_a_damaged_memory_is_ignored(folder: Path, tmp_path: Path, damage: str) -> None:
    lookahead.glance_at(folder)
    (remembered,) = (tmp_path / "cache" / "kometa-host").iterdir()
    remembered.write_text(damage)
    assert not lookahead.begin(folder.parent)
