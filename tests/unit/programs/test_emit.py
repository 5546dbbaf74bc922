"""programs/lib/emit.sh: what a program tells of a host arrives as it was."""

import subprocess
from pathlib import Path

import pytest

from kometa_host.state import observed, programs

VALUES = (
    "yes",
    "",
    "/usr/bin/podman",
    "a b",
    " a",
    "a ",
    "=yes",
    "ünï",
    "a\nb",
    "a\tb",
    "*",
    "$(id)",
    "\\",
    "'",
    "-n",
    "é" * 9,
)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_value_at_hand_arrives_as_it_is(locale: str) -> None:
    told = observed.parse_told([*bash('emit_value "$1" "$2"', locale), "end"])
    assert told == {f"name.{number}": value.encode() for number, value in enumerate(VALUES)}


def test_a_plain_value_takes_no_process() -> None:
    told = bash('base64() { echo asked; }; emit_value "$1" "$2"', "C")
    assert told[:3] == ["name.0 =yes", "name.1 =", "name.2 =/usr/bin/podman"]
    assert told[4:-2] == [f"name.{number} asked" for number in range(4, len(VALUES) - 2)]


def bash(call: str, locale: str) -> list[str]:
    """Return the lines that are told of all values."""
    lines: list[str] = []
    for number, value in enumerate(VALUES):
        program = programs.program("emit", call=call)
        done = subprocess.run(
            ["bash", "-c", program, "-", f"name.{number}", value],
            env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), "LC_ALL": locale},
            capture_output=True,
            text=True,
            check=True,
        )
        lines += done.stdout.splitlines()
    return lines
