"""A program that runs on a host, as seen from here: through the OpenSSH client, or however else."""

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from gevent import subprocess
from gevent.os import make_nonblocking, nb_read, nb_write

from kometa_host.errors import UserError

CHUNK = 1 << 16
PIPE_SIZE = 1 << 20  # fewer turns for the same bytes; what Linux allows without privileges
CONNECTION_LOST = 255  # the exit status of ssh itself


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
            os.close(descriptor)
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
            os.close(descriptor)


def _pipe(inward: bool) -> tuple[int, int]:
    """Return the command's end and ours of a pipe that leads into the command, or out of it."""
    reading, writing = os.pipe()
    if resize := getattr(fcntl, "F_SETPIPE_SZ", None):  # Linux alone has it
        with suppress(OSError):
            fcntl.fcntl(writing, resize, PIPE_SIZE)
    theirs, ours = (reading, writing) if inward else (writing, reading)
    make_nonblocking(ours)
    return theirs, ours
