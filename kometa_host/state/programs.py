"""Builds the bash programs that run on a host. Pure text: what carries them there is operations.transport."""

from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from shlex import quote

PROGRAMS = Path(__file__).resolve().parents[2] / "programs"

# Exit statuses of the prelude, far from those that programs use.
NEEDS_ROOT = 117
NEEDS_SUDO_PASSWORD = 118


class Actor(Enum):
    """Who runs a program on the host."""

    ROOT = "root"
    ACCOUNT = "account"
    BEST = "best"  # root where the connection can be that, else the account itself: for reading


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


def program(*scripts: str, **variables: object) -> str:
    """Given names of scripts below programs/ and their variables, return one bash program."""
    bodies = [path_of(f"{name}.sh").read_text(encoding="utf-8") for name in scripts]
    return assignments(variables) + "\n".join(bodies)


def installed(*scripts: str, **variables: object) -> str:
    """Given names of scripts below programs/ and their variables, return the text of a program that stays there."""
    return (
        "#!/usr/bin/env bash\n# Written by kometa-host; the next deploy undoes what is changed here.\n"
        f"{program(*scripts, **variables)}"
    )


def prelude(actor: Actor, account: str, password_follows: bool) -> str:
    """Return the bash text that becomes the actor and then evaluates the program that follows on standard input.

    It is read from standard input itself, so that no process list shows more than `bash`. `password_follows` says that
    the next line of the input is the password for sudo; it is read away where sudo does not ask for it.
    """
    return program("prelude", actor=actor.value, account=account, password_follows=password_follows)


def evaluated(length: int) -> str:
    """Return the command that reads exactly so many bytes of standard input and runs them as a bash program.

    `head -c` never reads further than it is told, so what follows stays for the program itself.
    """
    return f"bash -c 'eval \"$(head -c {length})\"'"


def command_line(actor: Actor, account: str, script: str) -> str:
    """Return one shell command that becomes the actor and runs the program, for facts, which have no input."""
    text = f"{len(script.encode())}\n{script}"
    return f"printf %s {quote(text)} | bash -c {quote(prelude(actor, account, False))}"
