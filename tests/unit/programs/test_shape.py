"""What is true of every shell program: libraries define, a name is there once, and no misspelt variable is hidden."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from kometa_host.state import programs

EVERY = sorted(programs.PROGRAMS.rglob("*.sh"))
LIBRARIES = sorted((programs.PROGRAMS / "lib").glob("*.sh"))
FUNCTION = re.compile(r"^([a-z_]+)\(\)", re.MULTILINE)
# What stands beside functions at the top of a library: its libraries, its inputs, and names that are made of them.
SOURCE = re.compile(r"^\. ([\w/]+\.sh)$", re.MULTILINE)
INPUT = re.compile(r"^: (.*)$", re.MULTILINE)
LOCAL = re.compile(r"\blocal ([^;#\n]*)")
DECLARATION = re.compile(r"\. [\w/]+\.sh|: \"|declare -a |[a-z_]+=\S+( #.*)?$|#|$")


def name(path: Path) -> str:
    return str(path.relative_to(programs.PROGRAMS))


def test_every_function_has_a_name_of_its_own() -> None:
    names = Counter(found for path in EVERY for found in FUNCTION.findall(path.read_text()))
    assert {found: count for found, count in names.items() if count > 1} == {}


def test_every_file_has_a_name_of_its_own() -> None:
    assert len({path.name for path in EVERY}) == len(EVERY)


@pytest.mark.parametrize("path", EVERY, ids=name)
def test_a_variable_that_nobody_sets_is_found(path: Path) -> None:
    """ShellCheck's SC2154 finds misspelt names, as long as the program names its inputs instead of disabling it."""
    assert "SC2154" not in path.read_text()


def together(path: Path, found: dict[Path, None] | None = None) -> list[Path]:
    """Return the files of which a program consists."""
    found = {} if found is None else found
    if path not in found:
        found[path] = None
        for sourced in SOURCE.findall(path.read_text()):
            together(programs.PROGRAMS / sourced, found)
    return list(found)


@pytest.mark.parametrize("path", EVERY, ids=name)
def test_no_variable_of_a_function_hides_an_input_of_a_library(path: Path) -> None:
    """A function sees the local variables of whoever calls it: a library would take one for its own input."""
    texts = [file.read_text() for file in together(path)]
    libraries = [file.read_text() for file in together(path) if file in LIBRARIES]
    inputs = {found for text in libraries for line in INPUT.findall(text) for found in re.findall(r"\{(\w+)", line)}
    local = {word.partition("=")[0] for text in texts for line in LOCAL.findall(text) for word in line.split()}
    assert local & inputs == set()


@pytest.mark.parametrize("path", EVERY, ids=name)
def test_a_program_is_one_text_that_bash_can_read(path: Path) -> None:
    text = programs.program(path.stem)
    assert not re.search(r"^(\.|source) ", text, re.MULTILINE)
    assert subprocess.run(["bash", "-n"], input=text.encode(), check=False).returncode == 0


@pytest.mark.parametrize("path", LIBRARIES, ids=name)
def test_a_library_only_defines(path: Path) -> None:
    top = re.sub(r"^[a-z_]+\(\) (\{.*; \}|\{[^\n]*\n(.*\n)*?\})$", "", path.read_text(), flags=re.MULTILINE)
    assert [line for line in top.splitlines() if not DECLARATION.match(line)] == []
