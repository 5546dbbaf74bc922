"""programs/lib/podman.sh: what goes on in the namespace is what would go on outside, and no more of it than has to."""

import os
import subprocess
from pathlib import Path

import pytest

from kometa_host.state import programs

# As `podman unshare`: the arguments are written down, for a process list shows them to everybody.
UNSHARE = '#!/bin/bash\nprintf "%s\\n" "$@" >>"$ARGUMENTS"\nshift\nexec "$@"\n'
VALUES = {"text": "a 'b' \"c\" $d\n\\e", "empty": "", "list_of": ["x y", "", "*\n"]}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "podman").write_text(UNSHARE)
    (tmp_path / "podman").chmod(0o755)
    return tmp_path


def run(place: Path, call: str, **variables: object) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{place}:{os.environ['PATH']}", "ARGUMENTS": str(place / "arguments"), "https_proxy": "http://u:hunter2@p"
    }  # fmt: skip
    text = programs.program("podman", call=call, **variables)
    return subprocess.run(["bash", "-c", text], env=environment, capture_output=True, text=True, check=False)


def test_functions_variables_and_arguments_arrive_as_they_are(place: Path) -> None:
    show = """show() { local here=inner; helper "$@"; }
helper() { printf '%s|' "$here" "$text" "$empty" "${list_of[@]}" "$@"; }
outer() { local around=$1; in_namespace tell_around; }
tell_around() { printf '%s' "$around"; }
in_namespace show "an argument" '$(false)'; outer "of the caller"
"""
    done = run(place, show, **VALUES)
    assert done.stderr == ""
    assert done.stdout == "inner|a 'b' \"c\" $d\n\\e||x y||*\n|an argument|$(false)|of the caller"


def test_what_the_environment_holds_is_inherited_and_in_no_argument_list(place: Path) -> None:
    done = run(place, """show() { printf '%s' "$https_proxy"; }; in_namespace show""")
    assert done.stdout == "http://u:hunter2@p"
    assert "hunter2" not in (place / "arguments").read_text()


def test_a_failure_in_there_ends_the_program(place: Path) -> None:
    done = run(place, "set -e; fails() { false; echo no; }; in_namespace fails; echo no")
    assert (done.returncode, done.stdout) == (1, "")
    done = run(place, 'set -e; misspelt() { echo "$nothing"; }; in_namespace misspelt; echo no')
    assert (done.returncode != 0, done.stdout, "unbound variable" in done.stderr) == (True, "", True)


def test_podman_keeps_nothing_open_that_is_ours(place: Path) -> None:
    (place / "podman").write_text('#!/bin/bash\nfor n in 6 7 8 9; do [ ! -e "/proc/self/fd/$n" ] || echo "$n"; done\n')
    done = run(
        place, "exec 6</dev/null 7</dev/null 8</dev/null 9</dev/null; podman ps; [ -e /proc/self/fd/9 ] && echo here"
    )
    assert done.stdout == "here\n"
