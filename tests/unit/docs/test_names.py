"""What the documents name is there: files, targets of make, commands, links."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
# The changelog tells of the past.
DOCUMENTS = [
    *(path for path in PROJECT.glob("*.md") if path.name != "CHANGELOG.md"),
    *PROJECT.glob("docs/**/*.md"),
    PROJECT / "tests/sandbox/README.md",
]
FOLDERS = "kometa_host|operations|programs|facts|tools|tests|docs|templates|group_data"
PATH = re.compile(rf"(?<![\w./~-])(?:{FOLDERS})/[\w./-]*\w")
NAME = re.compile(r"(?<![\w./-])(?:operations|facts|tools|tests)(?:\.[A-Za-z]\w*)+(?![\w(/]|\.\w)")
TARGET = re.compile(r"\bmake ([a-z][a-z-]+)")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def code(document: Path) -> Iterator[str]:
    """Yield what stands in backquotes, and lines that are indented as code."""
    text = document.read_text()
    yield from re.findall(r"`([^`\n]+)`", text)
    yield from re.findall(r"(?m)^    (.*)$", text)


def is_there(name: str) -> bool:
    """Return whether a dotted name is a module's, or one that a module defines."""
    module, _, inner = name.rpartition(".")
    for file in (PROJECT / f"{module.replace('.', '/')}.py", PROJECT / module.replace(".", "/") / "__init__.py"):
        if file.is_file() and re.search(rf"(?m)^(?:def|class) {inner}\b|^{inner}\b", file.read_text()):
            return True
    path = PROJECT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
class TestWhatADocumentNames:
    def test_files_are_there(self, document: Path) -> None:
        named = {path for text in code(document) for path in PATH.findall(text)}
        assert {path for path in named if not (PROJECT / path).exists()} == set()

    def test_targets_of_make_are_there(self, document: Path) -> None:
        known = set(re.findall(r"(?m)^([a-z-]+):", (PROJECT / "Makefile").read_text()))
        assert {target for text in code(document) for target in TARGET.findall(text)} <= known

    def test_operations_facts_and_tools_are_there(self, document: Path) -> None:
        named = {name for text in code(document) for name in NAME.findall(text)}
        assert {name for name in named if not is_there(name)} == set()

    def test_links_lead_somewhere(self, document: Path) -> None:
        links = LINK.findall(document.read_text())
        assert [link for link in links if not (document.parent / link).exists()] == []
