"""Bash programs: values arrive as they are, and a program is read to its last byte and no further."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kometa_host.state import programs
from kometa_host.state.programs import Actor

HOSTILE = ["", " ", "a b", "'", '"', "$HOME", "$(touch /tmp/x)", "`id`", "a\nb", "\\", "*", "-n", "!", "ü€", "a'b'\"c"]
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def bash(text: str, data: bytes = b"") -> bytes:
    return subprocess.run(["bash", "-c", text], input=data, capture_output=True, check=True).stdout


@settings(max_examples=25)
@given(st.lists(TEXT, max_size=8))
def test_lists_arrive_as_they_are(values: list[str]) -> None:
    shown = bash(programs.assignments({"values": values}) + 'for v in "${values[@]}"; do printf "%s\\0" "$v"; done')
    assert shown.decode() == "".join(f"{value}\0" for value in values)


def test_single_values_arrive_as_they_are() -> None:
    names = {f"v{number}": value for number, value in enumerate(HOSTILE)}
    shown = bash(programs.assignments(names) + "".join(f'printf "%s\\0" "${name}"\n' for name in names))
    assert shown.decode().split("\0")[:-1] == HOSTILE


@pytest.mark.parametrize(("value", "text"), [(True, "yes"), (False, ""), (None, ""), (0, "0"), (7, "7"), ((), "")])
def test_what_is_no_text_becomes_one(value: object, text: str) -> None:
    assert bash(programs.assignments({"value": value}) + 'printf %s "${value-}"').decode() == text


def test_a_program_is_its_variables_then_what_it_sources_then_itself_and_a_call() -> None:
    text = programs.program("lock", call="take_lock 5 me", wait=5)
    assert text.startswith("wait=5\n")
    assert text.index("\nfail()") < text.index("\ntake_lock()") < text.index("\ntake_lock 5 me\n")


def test_what_two_libraries_source_is_there_once() -> None:
    text = programs.program("restore_config")
    assert text.count("\nsay()") == text.count("\nin_namespace()") == text.count("set -euo pipefail\nexport") == 1


def test_what_follows_a_program_stays_its_input() -> None:
    script = "printf 'ü %s' \"$(cat)\""
    data = script.encode() + b"for the program"
    assert bash(programs.evaluated(len(script.encode())), data).decode() == "ü for the program"


def test_a_fact_runs_its_program_without_any_input() -> None:
    account = bash("id -un").decode().strip()
    line = programs.command_line(Actor.ROOT_IF_POSSIBLE, account, "printf '%s|' 'ü' \"it's\" \"$(cat)\"")
    said = bash(f"echo Welcome; {line}").decode().split("\n")
    assert said[0] == "Welcome"
    assert programs.answer(said) == ["ü|it's||"]


@pytest.mark.parametrize("said", [[], ["Welcome"], ["Welcome", ""]])
def test_a_fact_whose_program_never_began_has_no_answer(said: list[str]) -> None:
    assert programs.answer(said) == []
