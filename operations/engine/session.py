"""A conversation with a program of the host: it takes a stream, says how far it is, and waits for words."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

import gevent
from paramiko import SSHException
from pyinfra.api.host import Host

from kometa_host.state import answers
from kometa_host.state.programs import Actor
from operations.engine import openssh
from operations.engine.process import MAX_LOOK, answered_within, read_errors, read_output
from operations.engine.standstill import given_up_when_still

T = TypeVar("T")


class HostEndedError(Exception):
    """The program on the host does not read any more; what it said tells why."""


class Session:
    """A program of the host that takes a stream and a word, and says how far it is."""

    def __init__(self, of: Host, account: str, script: str, say: Callable[[str], None] | None = None) -> None:
        """Start the program; what it says on its standard error goes to `say`, line by line."""
        self._process = openssh.start(of, Actor.ACCOUNT, account, script)
        self.given_up_when_still = partial(given_up_when_still, of, account, self._process)
        self._errors = gevent.spawn(self._read_errors, say)
        self._output = b""
        self._streaming = False

    def write(self, data: bytes | memoryview) -> None:
        """Write to the program. Raise HostEndedError if it has ended, UserError if it takes nothing for long."""
        try:
            with answered_within(MAX_LOOK):
                self._process.write(bytes(data))
        except (OSError, EOFError, SSHException):
            raise HostEndedError from None

    def expect(self, word: str) -> None:
        """Wait for a line that begins with the word. Raise HostEndedError if the program ends before."""
        while b"\n" not in self._output:
            piece = self._read()
            if not piece or len(self._output) > answers.MAX_LINE:
                raise HostEndedError
            self._output += piece
        line, _, self._output = self._output.partition(b"\n")
        if not line.startswith(word.encode()):
            raise HostEndedError

    def stream(self, of: Callable[[], T]) -> T:
        """Do what writes a whole stream, and which stops at Ctrl-C by itself; return what it returns."""
        self._streaming = True
        try:
            return of()
        finally:
            self._streaming = False

    def end_input(self) -> None:
        """Tell the program that nothing more comes."""
        with suppress(OSError, EOFError, SSHException):
            self._process.close_input()

    def interrupt(self) -> None:
        """Let the program give up, as long as it still can: until it has had its word."""
        if not self._streaming:
            self.end_input()

    def finish(self) -> tuple[int, list[str]]:
        """Wait for the program's end; return its exit status and the lines that it still printed."""
        printed = self._output
        with suppress(OSError, EOFError, SSHException):
            printed += read_output(self._process)
        self._errors.get()
        return self._process.wait(), answers.parts(printed.decode("utf-8", "replace"), "\n")

    def said(self) -> str:
        """Return the last of what the program has said, once it has ended."""
        return self._errors.get()

    def close(self) -> None:
        """Give the program up: it ends by itself, and puts right what it had begun."""
        self._errors.kill()
        self._process.close()

    def _read(self) -> bytes:
        try:
            return self._process.read()
        except (OSError, EOFError, SSHException):
            return b""

    def _read_errors(self, say: Callable[[str], None] | None) -> str:
        try:
            return read_errors(self._process, say)
        except (OSError, EOFError, SSHException):
            return ""
