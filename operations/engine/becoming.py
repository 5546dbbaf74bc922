"""The beginning of a program on a host: where its answer begins, and the password for a sudo that has asked.

Before a program comes what nobody wants: greetings of start-up files, sudo's words. So it begins with a marker on both
streams, made up for this one program. The password is written only after sudo's question, and only once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from operations.engine.process import Process

MAX_KEPT = 1 << 16  # bytes of what comes before the marker


@dataclass(frozen=True)
class Words:
    """The words of one program, which nobody can know before: its marker, and sudo's question."""

    marker: str
    question: str

    @classmethod
    def new(cls) -> "Words":
        """Return words that were never used."""
        return cls(f"kometa-host-begins-{token_hex(16)}", f"kometa-host-asks-{token_hex(16)}")


class Stream:
    """A stream of a program, which begins behind the marker; the end of what stood before it is kept."""

    def __init__(self, read: Callable[[], bytes], marker: str) -> None:
        """Given what reads a piece of it, empty at its end, wait for the marker."""
        self._read_piece, self._mark = read, f"{marker}\n".encode()
        self._rest = b""
        self.before = b""
        self.begun = False

    def advance(self) -> bool:
        """Read a piece of what stands before the marker; return whether there was any."""
        piece = self._read_piece()
        self.before, found, self._rest = (self.before + piece).partition(self._mark)
        self.begun = bool(found)
        self.before = self.before[-MAX_KEPT:]
        return bool(piece)

    def read(self) -> bytes:
        """Return some of what stands behind the marker, empty at the end."""
        while not self.begun:
            if not self.advance():
                return b""
        rest, self._rest = self._rest, b""
        return rest or self._read_piece()


class Answer:
    """A program on a host, of whose streams only what stands behind the marker is an answer."""

    def __init__(self, process: "Process", marker: str) -> None:
        """Given the program as it was started, wait for its marker."""
        self._process, self.marker = process, marker
        self.passed = 0  # bytes that have come and gone, but for signs of life
        self._output, self.errors = Stream(process.read, marker), Stream(process.read_error, marker)
        self._is_explained = False
        self.close_input, self.wait, self.close = process.close_input, process.wait, process.close

    def write(self, data: bytes) -> None:
        """Write data to the program's input."""
        self._process.write(data)
        self.passed += len(data)

    def give_sign_of_life(self) -> None:
        """Tell the program that somebody still waits for it."""
        self._process.write(b"\n")

    @property
    def begun(self) -> bool:
        """Whether the program has begun to run, as far as its output was read."""
        return self._output.begun or self.errors.begun

    def read(self) -> bytes:
        """Return some of the program's output, empty at its end."""
        return self._counted(self._output.read())

    def read_error(self) -> bytes:
        """Return some of the program's standard error, empty at its end; all of it if it has never begun."""
        piece = self._counted(self.errors.read())
        if piece or self.errors.begun or self._is_explained:
            return piece
        self._is_explained = True
        return self.errors.before

    def _counted(self, piece: bytes) -> bytes:
        self.passed += len(piece)
        return piece

    def become(self, question: str, password: str | None) -> int:
        """Wait until the program runs as whom it shall; return how often sudo has asked for the password.

        It is answered once. Asked again, sudo gets nothing more, and ends.
        """
        asked = 0
        while not self.errors.begun and self.errors.advance():
            times = self.errors.before.count(question.encode())
            if times > asked and asked == 0 and password is not None:
                self.write(password.encode() + b"\n")
            elif times > asked:
                self.close_input()
            asked = max(asked, times)
        return asked
