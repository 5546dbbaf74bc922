"""`make torture` finds every fault campaign by its marker: a test of which `make test` takes a sample alone has it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.conftest import FIRST

HOST_TESTS = Path(__file__).parents[1] / "host"
SAMPLING = {"turns", "full"}  # what says how many turns a campaign takes
MARKER = "pytest.mark.torture"


def _campaigns(module: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the markers of each test that takes a sample of its turns."""
    for holder in ast.walk(module):
        if not isinstance(holder, ast.Module | ast.ClassDef):
            continue
        for test in holder.body:
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_") and _samples(test):
                around = holder.decorator_list if isinstance(holder, ast.ClassDef) else []
                yield test.name, [ast.unparse(one) for one in (*around, *test.decorator_list)]


def _samples(test: ast.FunctionDef) -> bool:
    calls = (node.func for node in ast.walk(test) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Name) and called.id in SAMPLING for called in calls)


@pytest.mark.parametrize("path", sorted(HOST_TESTS.glob("test_*.py")), ids=lambda path: path.stem)
def test_a_test_that_takes_a_sample_is_a_campaign(path: Path) -> None:
    unmarked = [name for name, markers in _campaigns(ast.parse(path.read_text())) if MARKER not in markers]
    assert not unmarked


def test_campaigns_are_found_at_all() -> None:
    found = [name for path in HOST_TESTS.glob("test_*.py") for name, _ in _campaigns(ast.parse(path.read_text()))]
    assert len(found) >= 10


def test_the_files_that_come_first_are_there() -> None:
    assert [name for name in FIRST if not (HOST_TESTS / f"test_{name}.py").exists()] == []
