"""Builds the bash programs that run on a host. Pure text: what carries them there is operations.transport."""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from shlex import quote

from kometa_host.state.answers import MAX_ANSWER, MAX_SAID

PROGRAMS = Path(__file__).resolve().parents[2] / "programs"
SOURCED = re.compile(r"^\. ([\w/]+\.sh)\n", re.MULTILINE)  # a line of a program that names a library of its own

# Exit statuses of the prelude, far from those that programs use. They count only where no marker came.
NEEDS_ROOT = 117
NEEDS_SUDO_PASSWORD = 118
NEEDS_SUDO = 119

ANSWER = "kometa-host-answers"  # the marker of facts


class Actor(Enum):
    """Who runs a program on the host."""

    ROOT = "root"
    ACCOUNT = "account"
    ROOT_IF_POSSIBLE = "root-if-possible"  # root where the connection can be that, else the account itself: for reading


def assignments(variables: Mapping[str, object]) -> str:
    """Given shell variables, return the lines that set them; lists become bash arrays."""
    return "".join(f"{name}={_value(value)}\n" for name, value in variables.items())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, (list, tuple)):
        return "(" + " ".join(quote(str(item)) for item in value) + ")"
    return quote("" if value is None else str(value))


@cache
def path_of(name: str) -> Path:
    """Return the path of a program: its folder below programs/ says what it does to a host; each name is there once."""
    (path,) = PROGRAMS.rglob(name)
    return path


def program(*names: str, call: str = "", **variables: object) -> str:
    """Given names of files below programs/ and their variables, return one bash program.

    Where a file sources a library (`. lib/NAME.sh`) stands its text, unless it has come before.

    + call: what the program does in the end, for libraries, which only define functions
    """
    seen: set[Path] = set()
    bodies = [_whole(path_of(f"{name}.sh"), seen) for name in names]
    return assignments(variables) + "\n".join([*bodies, f"{call}\n" if call else ""])


def _whole(path: Path, seen: set[Path]) -> str:
    """Return the text of a file with the libraries that it sources, but for those that were seen before."""
    if path in seen:
        return ""
    seen.add(path)
    return SOURCED.sub(lambda line: _whole(PROGRAMS / line[1], seen), path.read_text(encoding="utf-8"))


def installed(name: str, **variables: object) -> str:
    """Given the name of a file below programs/ and its variables, return the text of a program that stays there."""
    return (
        "#!/usr/bin/env bash\n# Written by kometa-host; the next deploy undoes what is changed here.\n"
        f"{program(name, call='', **variables)}"
    )


def prelude(actor: Actor, account: str, marker: str, question: str, has_password: bool) -> str:
    """Return the bash text that becomes the actor and then evaluates the program that follows on standard input.

    It is read from standard input itself, so that no process list shows more than `bash`.

    + marker: a word that stands on a line of both streams before anything that the program says
    + question: a word that stands on a line of standard error when sudo asks for the password
    + has_password: whether one could be sent then
    """
    return program(
        "prelude",
        actor=actor.value,
        account=account,
        marker=marker,
        question=question,
        has_password=has_password,
    )


def evaluated(length: int) -> str:
    """Return the command that reads exactly so many bytes of standard input and runs them as a bash program.

    `head -c` never reads further than it is told, so what follows stays for the program itself. It reads no start-up
    file, and is understood by every login shell.
    """
    return f"env BASH_ENV= bash --norc --noprofile -c 'eval \"$(head -c {length})\"'"


def command_line(actor: Actor, account: str, script: str) -> str:
    """Return one shell command that becomes the actor and runs the program, for facts, which have no input.

    pyinfra reads all that comes, so both streams are bounded here; the exit status is the program's.
    """
    text = f"{len(script.encode())}\n{script}"
    become = prelude(actor, account, ANSWER, "", False)
    run = f"printf %s {quote(text)} | env BASH_ENV= bash --norc --noprofile -c {quote(become)}"
    said = f"{{ {{ {run}; echo $? >&4; }} 2>&1 >&5 | head -c {MAX_SAID} >&2; }} 5>&1"
    return f"exec 3>&1; status=$({{ {said} | head -c {MAX_ANSWER} >&3; }} 4>&1); exit $status"


def answer(lines: Iterable[str]) -> list[str]:
    """Given what a fact's command printed, return what stands behind the marker: what the program has said."""
    found = iter(lines)
    for line in found:
        if line.endswith(ANSWER):
            break
    return list(found)
