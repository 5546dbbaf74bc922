"""The tar stream of `restic dump` made one that the gate accepts: POSIX headers in, GNU tar's headers out.

restic's own writer (Go's archive/tar) makes ustar headers, and PAX headers where these do not suffice. Nothing is taken
on trust here that the gate does not look at again; what no archive of ours has is dropped: FIFOs, sockets and devices,
set-id bits of files, extended attributes. The first part of each path becomes `kometa`, whatever the tree was called.
"""

import tarfile
from collections.abc import Callable

from kometa_host.archive.errors import DamagedError, NotAnArchiveError, RefusedError
from kometa_host.archive.gate import BLOCK, TOP, ZERO_BLOCK
from kometa_host.archive.printable import printable

MAX_PAX = 1 << 20  # bytes of the extended header of one member
KEPT_TYPES = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE)
DROPPED_TYPES = (tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE)
PERMISSIONS = 0o777
ENCODING = ("utf-8", "surrogateescape")


class PosixToGnu:
    """Forward a POSIX tar stream as GNU tar would have written it. Memory: one header and a piece of data."""

    def __init__(self, forward: Callable[[bytes | memoryview], object]) -> None:
        self._forward = forward
        self._carried = b""
        self._body = 0  # bytes of the current member, padding included, that are still to come
        self._keeps_body = False
        self._pax_size = -1  # of the PAX header that is being read
        self._pax: dict[str, bytes] = {}
        self._top = b""
        self._ended = False

    def write(self, data: bytes | memoryview) -> None:
        """Translate and forward data. Raise an ArchiveError if they are no POSIX tar stream, or what forward raised."""
        view = memoryview(self._carried + bytes(data) if self._carried else data)
        position = 0
        while position < len(view):
            step = (
                self._ended_step(view, position) or self._body_step(view, position) or self._header_step(view, position)
            )
            if not step:
                break
            position += step
        self._carried = bytes(view[position:])

    def finish(self) -> None:
        """Insist on a stream that does not end inside a member. Raise DamagedError."""
        if self._carried or self._body:
            raise DamagedError("it is cut short: restic's stream ends inside a member")

    def _ended_step(self, view: memoryview, position: int) -> int:
        """Forward what follows the end's first zero block; return how many bytes."""
        if not self._ended:
            return 0
        self._forward(view[position:])
        return len(view) - position

    def _body_step(self, view: memoryview, position: int) -> int:
        """Forward, or drop, data of the current member; return how many bytes, 0 if it has no more."""
        step = min(self._body, len(view) - position)
        if step and self._keeps_body:
            self._forward(view[position : position + step])
        self._body -= step
        return step

    def _header_step(self, view: memoryview, position: int) -> int:
        """Read the PAX header that is being read, or the next header; return their bytes, 0 if some are missing."""
        if self._pax_size >= 0:
            return self._pax_step(view, position)
        if len(view) - position < BLOCK:
            return 0
        block = bytes(view[position : position + BLOCK])
        if block == ZERO_BLOCK:
            self._ended = True
            self._forward(block)
        else:
            self._enter(block)
        return BLOCK

    def _pax_step(self, view: memoryview, position: int) -> int:
        padded = -(-self._pax_size // BLOCK) * BLOCK
        if len(view) - position < padded:
            return 0
        self._pax = pax_records(bytes(view[position : position + self._pax_size]))
        self._pax_size = -1
        return padded

    def _enter(self, block: bytes) -> None:
        """Take a header: remember the size of a PAX header, or forward the member's header in GNU tar's format."""
        try:
            info = tarfile.TarInfo.frombuf(block, *ENCODING)
        except tarfile.HeaderError:
            raise (DamagedError if self._top else NotAnArchiveError)(
                "a header of restic's tar stream is damaged"
            ) from None
        if info.type == tarfile.XHDTYPE:
            if not 0 < info.size <= MAX_PAX or self._pax:
                raise RefusedError(f"a PAX header of {info.size} bytes in restic's tar stream is refused")
            self._pax_size = info.size
            return
        member = self._member(info)
        self._pax = {}
        self._body = -(-member.size // BLOCK) * BLOCK
        self._keeps_body = member.type in KEPT_TYPES
        if self._keeps_body:
            self._forward(member.tobuf(tarfile.GNU_FORMAT, *ENCODING))

    def _member(self, info: tarfile.TarInfo) -> tarfile.TarInfo:
        """Return the member that a header and its PAX header tell of, as an archive of ours would have it."""
        name = self._pax.get("path", info.name.encode(*ENCODING))
        if info.type not in (*KEPT_TYPES, *DROPPED_TYPES):
            raise RefusedError(f"the member {printable(name)} of restic's tar stream is of the type {info.type!r}")
        made = tarfile.TarInfo(self._renamed(name).decode(*ENCODING))
        made.type = info.type
        made.linkname = self._pax.get("linkpath", info.linkname.encode(*ENCODING)).decode(*ENCODING)
        made.size = self._number("size", info.size)
        made.uid, made.gid = self._number("uid", info.uid), self._number("gid", info.gid)
        made.mtime = self._number("mtime", int(info.mtime))
        made.mode = info.mode & (0o7777 if info.isdir() else PERMISSIONS)
        return made

    def _renamed(self, name: bytes) -> bytes:
        top, slash, rest = name.partition(b"/")
        self._top = self._top or top
        return TOP + slash + rest if top == self._top else name

    def _number(self, key: str, otherwise: int) -> int:
        text = self._pax.get(key)
        try:
            return otherwise if text is None else int(text.partition(b".")[0])
        except ValueError:
            raise RefusedError(f"the PAX header's {key} {printable(text or b'')} is no number") from None


def pax_records(data: bytes) -> dict[str, bytes]:
    """Given a PAX header's content, `LENGTH KEY=VALUE` and a newline each, return the values. Raise DamagedError."""
    records: dict[str, bytes] = {}
    while data:
        digits, space, _ = data[:20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = data[len(digits) + 1 : length]
        key, equals, value = record[:-1].partition(b"=")
        if not space or not equals or length > len(data) or record[-1:] != b"\n":
            raise DamagedError("a PAX header of restic's tar stream is damaged")
        records[key.decode("utf-8", "replace")] = value
        data = data[length:]
    return records
