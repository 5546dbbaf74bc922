"""Answers about a folder that outlive the run, and mappings that are made when somebody looks."""

import json
from pathlib import Path

import pytest

from kometa_host.config_tree.later import Later
from kometa_host.config_tree.memory import TreeMemory


def counted(memory: TreeMemory, question: str = "how many") -> tuple[int, int]:
    """Return the answer, and how often it had to be found out."""
    asked: list[int] = []

    def find() -> int:
        asked.append(1)
        return 7

    return memory.answer(question, find, str, int), len(asked)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kometa-host"


def test_an_answer_is_found_out_once_for_a_state_of_the_folder(cache: Path) -> None:
    memory = TreeMemory(cache, "stamp")
    assert counted(memory) == (7, 1)
    assert counted(memory) == (7, 0)
    assert counted(TreeMemory(cache, "stamp")) == (7, 0)
    assert counted(TreeMemory(cache, "stamp"), "how large") == (7, 1)
    assert counted(TreeMemory(cache, "other")) == (7, 1)
    assert counted(TreeMemory(cache / "other", "other")) == (7, 1)


def test_without_a_stamp_nothing_outlives_the_run(cache: Path) -> None:
    memory = TreeMemory(cache, "")
    assert [counted(memory), counted(memory)] == [(7, 1), (7, 0)]
    assert counted(TreeMemory(cache, "")) == (7, 1)
    assert not cache.exists()


@pytest.mark.parametrize("damage", [1, [], {"x": 1}, None, "no number"])
def test_what_is_no_answer_is_found_out_again(cache: Path, damage: object) -> None:
    counted(TreeMemory(cache, "stamp"))
    (file,) = cache.iterdir()
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"answers": dict.fromkeys(content["answers"], damage)}))
    if damage != 1:  # which is one
        assert counted(TreeMemory(cache, "stamp")) == (7, 1)
    file.write_text(json.dumps(content | {"answers": damage}))
    assert counted(TreeMemory(cache, "stamp")) == (7, 1)


def test_a_mapping_is_made_only_when_more_than_what_is_known_is_asked_for() -> None:
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(1)
        return {"a": 0, "b": 2}

    later = Later(make, {"a": 1})
    assert (later["a"], made) == (1, [])
    assert (dict(later), len(later), later["b"], "c" in later) == ({"a": 1, "b": 2}, 2, 2, False)
    assert made == [1]
