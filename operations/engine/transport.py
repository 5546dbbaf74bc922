"""Runs a bash program on a host, with binary input and output and nothing of ours in an argument list.

pyinfra's own commands put the whole text, and the password for sudo, into an argument list, and take no binary input.
Here program and data travel on standard input; `kometa_host.state.programs` says how.
"""

import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from getpass import getpass
from typing import IO, cast

from paramiko import SSHException
from pyinfra.api.host import Host
from pyinfra.connectors.local import LocalConnector
from pyinfra.connectors.ssh import SSHConnector

from kometa_host.errors import UserError
from kometa_host.state import programs
from kometa_host.state.programs import Actor
from operations.engine.becoming import Answer, Words
from operations.engine.connection import StrictConnector
from operations.engine.process import (
    CHANNEL_CHUNK,
    MAX_LOOK,
    ConnectionLostError,
    Listening,
    Process,
    SshChannel,
    answered_within,
)
from operations.engine.run_state import run_state

LET_THROUGH = frozenset({"PATH", "HOME", "USER", "LOGNAME", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})


@dataclass(frozen=True)
class Completed:
    """What a program on a host left: its standard output, its standard error and its exit status."""

    stdout: bytes
    stderr: str
    status: int


class _OnThisMachine:
    def __init__(self, command: str) -> None:
        pipe = subprocess.PIPE
        # A session of its own: a Ctrl-C on the terminal is ours to handle, and the terminal is nobody else's. The
        # environment can hold a passphrase.
        self._process = subprocess.Popen(
            ["sh", "-c", command],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            bufsize=0,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name.upper() in LET_THROUGH},
        )

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[cast(IO[bytes], self._process.stdin).write(view) :]

    def close_input(self) -> None:
        cast(IO[bytes], self._process.stdin).close()

    def read(self) -> bytes:
        return cast(IO[bytes], self._process.stdout).read(CHANNEL_CHUNK)

    def read_error(self) -> bytes:
        return cast(IO[bytes], self._process.stderr).read(CHANNEL_CHUNK)

    def wait(self) -> int:
        return self._process.wait()

    def close(self) -> None:
        """Give it up: the program's input ends, and what it still writes is lost."""
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                cast(IO[bytes], stream).close()


def connect(host: Host, command: str) -> Process:
    """Given a host and a shell command, start it there through pyinfra's own connection."""
    if isinstance(host.connector, StrictConnector):
        return host.connector.start(command)
    if isinstance(host.connector, SSHConnector):
        return SshChannel(host.connector.client, command)
    if isinstance(host.connector, LocalConnector):
        return _OnThisMachine(command)
    raise UserError(
        f"{host.name} is reached by the connector {type(host.connector).__name__}, which carries no data. "
        "Use SSH (the plain host name) or @local."
    )


def start(
    host: Host, actor: Actor, account: str, script: str, through: Callable[[Host, str], Process] = connect
) -> Answer:
    """Given a host and a bash program, start it there as the actor; what is written next is the program's input.

    Raise UserError if the connection's user may not do what the actor does.

    + through: what starts a shell command on the host
    """
    login = login_name(host)
    if login == account and actor is Actor.ROOT:
        raise _refusal(host, account, programs.NEEDS_ROOT)
    program = script.encode()
    sent = str(len(program)).encode() + b"\n" + program
    if login in ("root", account):  # nobody is asked for a password
        answer, _ = _begin(host, actor, account, through, False, sent)
        return answer
    answer = _with_sudo(host, actor, account, through)
    answer.write(sent)
    return answer


def login_name(host: Host) -> str | None:
    """Return as whom we are connected to a host, None if that is not known."""
    if isinstance(host.connector, LocalConnector):
        return pwd.getpwuid(os.geteuid()).pw_name
    if isinstance(host.connector, StrictConnector) and host.connector.sharing:
        return host.connector.login
    client = getattr(host.connector, "client", None)
    connection = client.get_transport() if client else None
    return connection.get_username() if connection else None


def _begin(
    host: Host,
    actor: Actor,
    account: str,
    through: Callable[[Host, str], Process],
    has_password: bool,
    program: bytes = b"",
) -> tuple[Answer, Words]:
    words = Words.new()
    prelude = programs.prelude(actor, account, words.marker, words.question, has_password).encode()
    answer = Answer(through(host, programs.evaluated(len(prelude))), words.marker)
    answer.write(prelude + program)
    return answer, words


def _with_sudo(host: Host, actor: Actor, account: str, through: Callable[[Host, str], Process]) -> Answer:
    """Start what becomes the actor, with the password if sudo asks for it, and wait until it has."""
    known, password = run_state(host), sudo_password(host)
    if known.sudo_refused:
        raise UserError(known.sudo_refused)
    answer, words = _begin(host, actor, account, through, password is not None)
    asked = answer.become(words.question, password)
    if answer.begun:
        return answer
    status = answer.wait()
    if status == programs.NEEDS_SUDO_PASSWORD and password is None and _ask_for_password(host):
        return _with_sudo(host, actor, account, through)
    refusal = _refusal(host, account, status, asked, answer.errors.before.decode("utf-8", "replace"))
    known.sudo_refused = str(refusal)
    raise refusal


def sudo_password(host: Host) -> str | None:
    """Return the password for sudo on the host, if one was given: in the data, on the command line or when asked."""
    given = host.data.get("_sudo_password") or host.state.config.SUDO_PASSWORD
    return given or run_state(host).sudo_password


def run(
    host: Host,
    actor: Actor,
    account: str,
    script: str,
    data: bytes | Iterable[bytes] = b"",
    on_line: Callable[[str], None] | None = None,
    patience: float = MAX_LOOK,
    watch: Callable[[Host, str, Answer], AbstractContextManager[None]] = lambda *_: nullcontext(),
) -> Completed:
    """Given a host and a bash program, run it there as the actor, with data as its input, and return what it left.

    Each line of its standard error goes to on_line as it comes. Raise UserError if the connection's user may not do
    what the actor does, or if it takes more than `patience` seconds, ConnectionLostError if the line breaks.

    + watch: what is entered while the program runs, and may give it up
    """
    try:
        with answered_within(patience):
            process = start(host, actor, account, script)
            with Listening(process, on_line) as listening, watch(host, account, process):
                return _attempt(host, process, listening, data)
    except (OSError, EOFError, SSHException) as error:
        raise ConnectionLostError(
            f"the connection was lost ({error}). Run the command again: it goes on from there."
        ) from error


def _attempt(host: Host, process: Answer, listening: Listening, data: bytes | Iterable[bytes]) -> Completed:
    broken = _write_all(process, data)
    output, said = listening.heard()
    status = process.wait()
    if not process.begun and status == 0:
        raise UserError(f"{host.name} ran nothing. It says: {said.strip() or 'nothing'}")
    if isinstance(broken, UserError):
        raise broken
    if broken and status == 0:
        raise ConnectionLostError(f"the program on the host ended before it had read everything ({broken}).")
    return Completed(output, said, status)


def _write_all(process: Process, data: bytes | Iterable[bytes]) -> OSError | UserError | None:
    """Write all of the data; return what kept it from that: the program, or data that cannot be read."""
    # A program that fails closes its input: its exit status then says more than the broken pipe.
    try:
        for piece in [data] if isinstance(data, bytes) else data:
            process.write(piece)
        process.close_input()
    except OSError as error:
        return error
    except UserError as error:
        process.close_input()  # the program must not wait for the rest
        return error
    return None


def _ask_for_password(host: Host) -> bool:
    if not sys.stdin.isatty():
        return False
    run_state(host).sudo_password = getpass(f"{host.print_prefix}password for sudo: ")
    return True


def _refusal(host: Host, account: str, status: int, asked: int = 0, said: str = "") -> UserError:
    """Return why nobody became the actor, by the prelude's exit status or by what sudo has said."""
    if status == programs.NEEDS_ROOT:
        return UserError(
            f"this needs root, and the connection to {host.name} is {account}'s own. "
            "Connect as root or as somebody who may use sudo (ssh_user in inventory.py)."
        )
    if status == programs.NEEDS_SUDO_PASSWORD:
        return UserError(
            f"sudo on {host.name} wants a password. Run the command in a terminal and type it there, "
            "or add --same-sudo-password."
        )
    if status == programs.NEEDS_SUDO:
        return UserError(
            f"{host.name} has no sudo, and no doas that asks for no password (permit nopass; doas takes a password "
            "from a terminal only). Connect as root, or install sudo."
        )
    if asked > 1:
        return UserError(f"sudo on {host.name} refused the password, which was tried once. Nothing was changed.")
    last = (said.strip().splitlines() or ["nothing"])[-1]
    return UserError(
        f"sudo on {host.name} refused: {last}. "
        "Connect as root or as somebody who may use sudo (ssh_user in inventory.py)."
    )
