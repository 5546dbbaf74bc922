"""programs/lib/emit.sh: what a program tells of a host arrives as it was."""

from pathlib import Path

import pytest

from kometa_host.state import observed, programs
from tests.unit.programs.place import Place

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
def test_a_value_at_hand_arrives_as_it_is(locale: str, tmp_path: Path) -> None:
    told = observed.parse_told([*lines(tmp_path, f"LC_ALL={locale}"), "end"])
    assert told == {f"name.{number}": value.encode() for number, value in enumerate(VALUES)}


def test_a_plain_value_takes_no_process(tmp_path: Path) -> None:
    told = lines(tmp_path, "LC_ALL=C; base64() { echo asked; }")
    assert told[:3] == ["name.0 =yes", "name.1 =", "name.2 =/usr/bin/podman"]
    assert told[4:-2] == [f"name.{number} asked" for number in range(4, len(VALUES) - 2)]


def lines(home: Path, prepare: str) -> list[str]:
    """Return the lines that are told of all values; prepare is bash text run before."""
    call = f'{prepare}; for i in "${{!values[@]}}"; do emit_value "name.$i" "${{values[$i]}}"; done'
    return Place(home).bash(programs.program("emit", call=call, values=VALUES)).stdout.decode().splitlines()
