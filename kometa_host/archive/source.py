"""Bytes that are looked at before they are read, and that let others work while they flow."""

import hashlib
from collections.abc import Callable

PIECE = 64 * 1024


class Pace:
    """Call yield_to_other_hosts after every 64 KiB that are counted: pyrage holds Python's lock."""

    def __init__(self, yield_to_other_hosts: Callable[[], object] | None) -> None:
        self._yield_to_other_hosts = yield_to_other_hosts
        self._since = 0

    def count(self, size: int) -> None:
        """Take note of size bytes of work done."""
        self._since += size
        if self._since >= PIECE and self._yield_to_other_hosts:
            self._since = 0
            self._yield_to_other_hosts()


class Source:
    """Read pieces of at most 64 KiB with `read(size) -> bytes` (empty at the end) and hand them out in any size.

    What `read` raises comes out unchanged. `progress` gets the number of bytes read so far after every piece.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        pace: Pace | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        self._read = read
        self._pace = pace or Pace(None)
        self._progress = progress
        self._buffer = b""
        self._at_end = False
        self._digest = hashlib.sha256()
        self.bytes_read = 0

    @property
    def sha256(self) -> str:
        """The digest of the bytes read so far."""
        return self._digest.hexdigest()

    @property
    def exhausted(self) -> bool:
        """Whether everything up to the end has been handed out."""
        return self._at_end and not self._buffer

    @property
    def position(self) -> int:
        """The number of bytes handed out."""
        return self.bytes_read - len(self._buffer)

    def peek(self, size: int) -> bytes:
        """The next size bytes, fewer if the end comes before, without taking them."""
        while len(self._buffer) < size and not self._at_end:
            self._refill()
        return self._buffer[:size]

    def read(self, size: int) -> bytes:
        """Take up to size bytes; empty at the end only."""
        if not self._buffer and not self._at_end:
            self._refill()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _refill(self) -> None:
        piece = self._read(PIECE)
        self._at_end = not piece
        self._buffer += piece
        self._digest.update(piece)
        self.bytes_read += len(piece)
        self._pace.count(len(piece))
        if self._progress:
            self._progress(self.bytes_read)
