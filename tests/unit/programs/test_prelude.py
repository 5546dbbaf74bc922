"""programs/prelude.sh: who a program runs as, what it sees of us, and when a password is sent."""

import os
import subprocess
from collections.abc import Mapping
from getpass import getuser
from pathlib import Path
from typing import IO, cast

import pytest

from kometa_host.state import programs
from kometa_host.state.programs import Actor
from operations.engine.becoming import Answer

PASSWORD = "a word that nobody else may read"  # noqa: S105
# stands for sudo: asks with the prompt that it was given, as often as the real one
SUDO = """#!/bin/bash
if [ "$1" = -n ]; then shift; if [ -e "$HERE/nopasswd" ]; then exec "$@"; else exit 1; fi; fi
prompt=$3; shift 3
echo "We trust you have received the usual lecture" >&2
for _ in 1 2 3; do
    printf "$HOW" "$prompt" >&2
    IFS= read -r word || { echo "sudo: no password was provided" >&2; echo end >>"$HERE/attempts"; exit 1; }
    echo "$word" >>"$HERE/attempts"
    if [ "$word" = "$RIGHT" ]; then exec "$@"; fi
    echo "Sorry, try again." >&2
done
exit 1
"""
# somebody who is neither root nor the account
AN_ADMIN = """
id() { case $* in -u) echo 1000 ;; -un) echo admin ;; *) command id "$@" ;; esac; }
"""


class Pipes:
    """A process of this machine, as a transport has it."""

    def __init__(self, text: str, environment: dict[str, str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(["bash", "-c", text], stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        self.input = cast("IO[bytes]", self.process.stdin)
        self.output, self.errors = cast("IO[bytes]", self.process.stdout), cast("IO[bytes]", self.process.stderr)

    def write(self, data: bytes) -> None:
        self.input.write(data)
        self.input.flush()

    def close_input(self) -> None:
        self.input.close()

    def read(self) -> bytes:
        return os.read(self.output.fileno(), 4096)

    def read_error(self) -> bytes:
        return os.read(self.errors.fileno(), 4096)

    def wait(self) -> int:
        return self.process.wait()

    def close(self) -> None:
        self.process.kill()
        for stream in (self.output, self.errors):
            stream.close()


def begin(
    folder: Path, *, admin: bool, has_password: bool = True, how: str = "%s", more: Mapping[str, str] | None = None
) -> Answer:
    """Start what becomes the actor: the account, or root by way of our sudo."""
    (folder / "sudo").write_text(SUDO)
    (folder / "sudo").chmod(0o755)
    prelude = programs.prelude(
        Actor.ROOT_IF_POSSIBLE, "nobody-here" if admin else getuser(), "begins", "asks", has_password
    )
    text = prelude.replace("set -u\n", f"set -u\n{AN_ADMIN if admin else ''}", 1)
    path = f"{folder}:{os.environ['PATH']}"
    return Answer(
        Pipes(text, {"PATH": path, "HERE": str(folder), "RIGHT": PASSWORD, "HOW": how, **(more or {})}), "begins"
    )


def run(answer: Answer, script: str) -> str:
    """Let a program run that has begun; return its output."""
    answer.write(f"{len(script)}\n{script}".encode())
    answer.close_input()
    said = b"".join(iter(answer.read, b""))
    errors = b"".join(iter(answer.read_error, b""))
    assert answer.wait() == 0, errors
    return said.decode()


def attempts(folder: Path) -> list[str]:
    """Return what sudo has read."""
    path = folder / "attempts"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("how", ["%s", "[sudo: %s] Password: "])
def test_the_password_goes_to_a_sudo_that_has_asked_and_the_program_to_what_comes_after(
    tmp_path: Path, how: str
) -> None:
    answer = begin(tmp_path, admin=True, how=how)
    assert answer.become("asks", PASSWORD) == 1
    assert answer.begun
    assert run(answer, "echo done; cat") == "done\n"
    assert attempts(tmp_path) == [PASSWORD]


def test_a_wrong_password_is_one_attempt(tmp_path: Path) -> None:
    answer = begin(tmp_path, admin=True)
    assert answer.become("asks", "mistyped") == 2
    assert not answer.begun
    assert answer.wait() != 0
    assert attempts(tmp_path) == ["mistyped"]
    answer.close()


def test_a_sudo_that_asks_for_nothing_gets_nothing(tmp_path: Path) -> None:
    (tmp_path / "nopasswd").touch()
    answer = begin(tmp_path, admin=True)
    assert answer.become("asks", PASSWORD) == 0
    assert run(answer, "cat") == ""


def test_without_a_password_sudo_is_not_even_asked(tmp_path: Path) -> None:
    answer = begin(tmp_path, admin=True, has_password=False)
    assert answer.become("asks", None) == 0
    assert (answer.begun, answer.wait()) == (False, programs.NEEDS_SUDO_PASSWORD)
    assert attempts(tmp_path) == []
    answer.close()


def test_of_our_environment_terminal_and_files_only_the_way_to_the_network_is_let_through(tmp_path: Path) -> None:
    secret = {"KOMETA_AGE_PASSPHRASE": "x", "BASH_ENV": "/nonexistent", "https_proxy": "http://me:it's@proxy:1"}
    keyboard, screen = os.openpty()
    os.set_inheritable(screen, True)
    try:
        answer = begin(tmp_path, admin=False, more=secret)
        # To a file: a shell that makes a pipe holds its ends for a moment.
        files = f"ls -l /proc/$$/fd >{tmp_path}/files; grep -c '[>]' {tmp_path}/files"
        said = run(answer, f"env; {files}; (: </dev/tty) 2>/dev/null || echo no terminal")
    finally:
        os.close(keyboard)
        os.close(screen)
    names = {line.partition("=")[0] for line in said.splitlines() if "=" in line}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {
        "HOME", "USER", "LOGNAME", "SHELL", "LC_ALL", "PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
        "https_proxy",
    }  # fmt: skip
    assert "https_proxy=http://me:it's@proxy:1\n" in said
    assert said.endswith("\n3\nno terminal\n")


def test_what_start_up_files_say_is_no_answer_and_none_is_read(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("echo from a start-up file\n")
    more = {"HOME": str(tmp_path), "SSH_CLIENT": "1.2.3.4 5 6", "BASH_ENV": str(tmp_path / ".bashrc")}
    answer = begin(tmp_path, admin=False, more=more)
    assert run(answer, "echo said; echo wrong >&2") == "said\n"


def test_root_does_not_wait_for_an_account_that_does_not_answer(tmp_path: Path) -> None:
    text = f'echo began >{tmp_path}/log; [ -z "$(cat)" ] && sleep 60; echo ended >>{tmp_path}/log'
    script = programs.program(
        "become", call='become_within "$seconds" "$user" "$text"', seconds=3, user=getuser(), text=text
    )
    assert subprocess.run(["bash", "-c", script], check=False, input=b"input").returncode == 137
    assert (tmp_path / "log").read_text() == "began\n"
