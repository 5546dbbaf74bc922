"""Prose that people read in a terminal or an editor ends at 120 columns; tables, code and long links do not count."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
FILES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("tests/sandbox/*.md")])


def prose(text: str) -> list[str]:
    """Return the lines that are neither code nor part of a table."""
    lines, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    ") and not line.lstrip().startswith("|"):
            lines.append(line)
    return lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_lines_end_at_120_columns(path: Path) -> None:
    assert [line for line in prose(path.read_text()) if len(line) > 120 and " " in line.strip()[:100]] == []
