"""A program that runs on a host, as seen from here: through the OpenSSH client, or however else."""

import fcntl
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from typing import TYPE_CHECKING, Any, Protocol, Self

import gevent
from gevent import Greenlet, subprocess
from gevent.hub import Hub
from gevent.os import make_nonblocking, nb_read, nb_write

from kometa_host.descriptors import close_now
from kometa_host.errors import UserError
from kometa_host.state import answers

if TYPE_CHECKING:
    from paramiko import Channel, SSHClient

CHUNK = 1 << 16
CHANNEL_CHUNK = 32 * 1024
MAX_LOOK = 1000  # seconds for a look; the host itself gives the account 900 of them
MAX_CHANGE = 6 * 3600  # seconds for a change, such as the pull of an image over a slow line
MAX_STREAM = 48 * 3600  # seconds for all of an archive, in either direction
PIPE_SIZE = 1 << 20  # fewer turns for the same bytes; what Linux allows without privileges
CONNECTION_LOST = 255  # the exit status of ssh itself

# A refusal in a greenlet is raised where its result is wanted: no traceback on the way there.
Hub.NOT_ERROR = (*Hub.NOT_ERROR, UserError)


class Process(Protocol):
    """A program that runs on a host: an SSH channel, or a process of this machine."""

    def write(self, data: bytes) -> None: ...
    def close_input(self) -> None: ...
    def read(self) -> bytes: ...
    def read_error(self) -> bytes: ...
    def wait(self) -> int: ...
    def close(self) -> None: ...


class ConnectionLostError(UserError):
    """The connection ended before the program on the host did."""


class SshChannel:
    """A command on a host, started by paramiko."""

    def __init__(self, client: "SSHClient | None", command: str) -> None:
        """Start it. Raise ConnectionLostError if there is no connection any more."""
        transport = client.get_transport() if client else None
        if transport is None:
            raise ConnectionLostError("the connection is closed. Run the command again.")
        _send_at_once(transport.sock)
        self._channel: Channel = transport.open_session()
        self._channel.exec_command(command.encode())

    def write(self, data: bytes) -> None:
        """Write data to the command's input. Raise OSError if it does not read any more."""
        view = memoryview(data)
        while view:
            # Channel.sendall would try for ever on a channel that takes nothing any more.
            sent = self._channel.send(bytes(view[:CHANNEL_CHUNK]))
            if not sent:
                raise BrokenPipeError("the program on the host takes no more input")
            view = view[sent:]

    def close_input(self) -> None:
        """End the command's input."""
        self._channel.shutdown_write()

    def read(self) -> bytes:
        """Return some of the command's output, empty at its end."""
        return self._channel.recv(CHANNEL_CHUNK)

    def read_error(self) -> bytes:
        """Return some of the command's standard error, empty at its end."""
        return self._channel.recv_stderr(CHANNEL_CHUNK)

    def wait(self) -> int:
        """Return the command's exit status. Raise ConnectionLostError if the line broke before it ended."""
        status = self._channel.recv_exit_status()
        if status == -1:
            raise ConnectionLostError(
                "the connection was lost while a command ran. Run the command again: it goes on from there."
            )
        return status

    def close(self) -> None:
        """Give it up: the program's input ends, and what it still writes is lost."""
        self._channel.close()


def _send_at_once(sock: object) -> None:
    # Nagle's algorithm costs 40 ms for each command; proxied connections have no socket of their own to ask.
    if isinstance(sock, socket):
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)


class OpenSshProcess:
    """A command on a host, started by the OpenSSH client."""

    def __init__(self, arguments: Sequence[str]) -> None:
        """Start it. It has a session of its own: a Ctrl-C on the terminal is ours to handle."""
        child_ends, self._ends = zip(*(_pipe(inward) for inward in (True, False, False)), strict=True)
        self._process: Any = subprocess.Popen(
            arguments,
            stdin=child_ends[0],
            stdout=child_ends[1],
            stderr=child_ends[2],
            start_new_session=True,
            env={**os.environ, "SSH_ASKPASS_REQUIRE": "never"},  # a question in a window would be nobody's
        )
        for descriptor in child_ends:
            close_now(descriptor)
        self._open = set(self._ends)

    def write(self, data: bytes | memoryview) -> None:
        """Write data to the command's input. Raise OSError if it does not read any more."""
        view = memoryview(data)
        while view:
            if self._ends[0] not in self._open:  # by now the number may be that of another file
                raise BrokenPipeError("the command's input was closed")
            view = view[nb_write(self._ends[0], view) :]

    def close_input(self) -> None:
        """End the command's input."""
        self._close(self._ends[0])

    def read(self) -> bytes:
        """Return some of the command's output, empty at its end."""
        return nb_read(self._ends[1], CHUNK) if self._ends[1] in self._open else b""

    def read_error(self) -> bytes:
        """Return some of the command's standard error, empty at its end."""
        return nb_read(self._ends[2], CHUNK) if self._ends[2] in self._open else b""

    def wait(self) -> int:
        """Return the command's exit status. Raise ConnectionLostError if the line broke before it ended."""
        status = int(self._process.wait())
        if status == CONNECTION_LOST or status < 0:
            raise ConnectionLostError("the connection was lost while a command ran. Run the command again.")
        return status

    def close(self) -> None:
        """Give it up: the command's input ends, and what it still writes is lost."""
        for descriptor in self._ends:
            self._close(descriptor)
        with suppress(OSError):
            self._process.terminate()
        self._process.wait()

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.remove(descriptor)
            close_now(descriptor)


def _pipe(inward: bool) -> tuple[int, int]:
    """Return the command's end and ours of a pipe that leads into the command, or out of it."""
    reading, writing = os.pipe()
    if resize := getattr(fcntl, "F_SETPIPE_SZ", None):  # Linux alone has it
        with suppress(OSError):
            fcntl.fcntl(writing, resize, PIPE_SIZE)
    theirs, ours = (reading, writing) if inward else (writing, reading)
    make_nonblocking(ours)
    return theirs, ours


def read_output(process: Process) -> bytes:
    """Return all of a program's output. Raise UserError if it has no end."""
    output = bytearray()
    while piece := process.read():
        output += piece
        if len(output) > answers.MAX_ANSWER:
            raise UserError(f"the host's answer is larger than {answers.MAX_ANSWER >> 20} MiB, and no answer is.")
    return bytes(output)


def read_errors(process: Process, on_line: Callable[[str], None] | None = None, most: float = answers.MAX_SHOWN) -> str:
    """Pass on each line of a program's standard error as it may be shown, and return the last of them, as one text.

    + most: characters, after which UserError is raised
    """
    kept: deque[str] = deque()
    size = said = 0
    for line in answers.lines(process.read_error):
        said += len(line) + 1
        if said > most:
            raise UserError(f"the host says more than {answers.MAX_SHOWN >> 20} MiB, and no program does.")
        kept.append(line)
        size += len(line)
        while size > answers.MAX_SAID:
            size -= len(kept.popleft())
        if on_line:
            on_line(line)
    return "\n".join(kept)


class Listening:
    """Reads both streams of a program while it runs, so that neither keeps it waiting; gives it up when it is left."""

    def __init__(
        self, process: Process, on_line: Callable[[str], None] | None = None, most: float = answers.MAX_SHOWN
    ) -> None:
        """Begin; the arguments are those of `read_errors`."""
        self._process = process
        self._output = Greenlet.spawn(read_output, process)
        self._errors = Greenlet.spawn(read_errors, process, on_line, most)
        self._both: list[Greenlet[..., Any]] = [self._output, self._errors]

    def heard(self) -> tuple[bytes, str]:
        """Wait for the end of both streams; return the output, and the last of what was said. Raise as the readers."""
        gevent.joinall(self._both, raise_error=True)
        return self._output.get(), self._errors.get()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        gevent.killall(self._both)  # first: a file that is closed would never wake whoever waits for it
        self._process.close()


@contextmanager
def answered_within(seconds: float | None) -> Iterator[None]:
    """Raise UserError if what is done here takes longer, None: never: a host can also say nothing, for ever."""
    limit = gevent.Timeout(seconds)
    try:
        with limit:
            yield
    except gevent.Timeout as reached:
        if reached is not limit:
            raise
        raise UserError(f"the host has not answered within {seconds:.0f} s, and was given up.") from None
