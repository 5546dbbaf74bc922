"""The gate that a tar stream passes on its way to the host: the same bytes come out, or the stream ends with an error.

It accepts what GNU tar writes for `tar -C PARENT -c kometa` in its default format, and nothing else:

- the GNU header magic (`ustar`, two spaces, NUL). The POSIX magic of ustar, PAX and Python's tarfile is refused:
  readers disagree about what its prefix and extensions mean, and no backup has it. The part of the header behind the
  device numbers, which GNU tar leaves empty, must be empty for the same reason;
- files, directories, symbolic links, hard links, and GNU long names and long link targets for them;
- directories as `kometa/` with exactly one slash at the end; `kometa` and `./kometa/` are refused, since tar never
  writes the first and nobody called it with the second;
- the first member is `kometa/`, and every parent is an earlier directory member, so nothing is written through a link;
- a hard link leads to an earlier file; nothing comes twice; ids are 0-65535; only directories may have set-id bits;
- two zero blocks at the end, then at most 1 MiB of zeros.

A symbolic link may point anywhere: Kometa trees hold absolute ones, and nothing is written through them. The bytes that
fill up a member's last block are not looked at, as tar drops them.

What was forwarded is provisional until `finish()` returned: the end of an archive shows whether it is whole.
"""

import builtins
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from secrets import token_bytes
from typing import Literal, NamedTuple

from kometa_host.archive.errors import ArchiveError, DamagedError, NotAnArchiveError, RefusedError
from kometa_host.archive.printable import printable

TOP = b"kometa"
CONFIG = b"kometa/config.yml"
BLOCK = 512
END_MARK = 2 * BLOCK
MAX_CONFIG = 1 << 20  # bytes of config.yml that are kept
MAX_PADDING = 1 << 20  # GNU tar fills up to its record size, 10 KiB unless told otherwise
MAGIC = b"ustar  \0"
POSIX_MAGIC = b"ustar\0"
ZERO_BLOCK = bytes(BLOCK)
SET_ID_BITS = 0o6000
MAX_TARGET = 4095  # PATH_MAX without its NUL
LONG_NAME = b"././@LongLink"

# name, mode, uid, gid, size, mtime, checksum, type, link, magic, (user, group), (device numbers), rest
HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s64x16x167s")
CHECKSUM = slice(148, 156)

Kind = Literal["file", "directory", "symlink", "hardlink"]
KINDS: dict[bytes, Kind] = {b"0": "file", b"5": "directory", b"2": "symlink", b"1": "hardlink"}
REFUSED_TYPES = {
    b"\0": "a file in the format of before 1988",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a FIFO",
    b"7": "a contiguous file",
    b"S": "a sparse file (make the archive without --sparse)",
    b"x": "a PAX header (make the archive with --format=gnu)",
    b"X": "a PAX header (make the archive with --format=gnu)",
    b"g": "a global PAX header (make the archive with --format=gnu)",
    b"D": "an incremental backup's directory",
    b"M": "the continuation of a multi-volume archive",
    b"N": "an old GNU long name",
    b"V": "a volume label",
}


@dataclass(frozen=True)
class Limits:
    """The most that an archive may hold: members, bytes of the tar stream, bytes of a path and of one part of it."""

    members: int = 500_000
    total: int = 1 << 40
    path: int = 4095
    part: int = 255


class Member(NamedTuple):
    """One member. name: without a directory's slash; mtime: seconds since 1970; link: the target of either link."""

    name: bytes
    kind: Kind
    size: int
    mtime: int
    mode: int
    uid: int
    gid: int
    link: bytes


@dataclass(frozen=True)
class Contents:
    """What a whole archive held. bytes: of the files' data; tar_bytes: of the stream; newest_mtime: since 1970.

    config_yml: its text, cut where it is longer than MAX_CONFIG.
    """

    members: int
    bytes: int
    tar_bytes: int
    has_config_yml: bool
    newest_mtime: int
    config_yml: builtins.bytes = field(default=b"", repr=False)

    @property
    def newest(self) -> datetime:
        """The newest modification time; a time that no calendar has counts as the nearest one it has."""
        seconds = min(max(self.newest_mtime, -62_135_596_800), 253_402_300_799)
        return datetime.fromtimestamp(seconds, UTC)


class _Header(NamedTuple):
    name: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    type: bytes
    link: bytes


class Gate:
    """Forward a tar stream while it keeps the rules of this module.

    Once a call raised, every later one raises the same error: pyrage calls a writer again after it failed. `forward`
    must be done with its argument when it returns, since the buffer is used again. Memory: 100 bytes per member.
    """

    def __init__(
        self,
        forward: Callable[[bytes | memoryview], object],
        limits: Limits | None = None,
        on_member: Callable[[Member], object] | None = None,
    ) -> None:
        self._forward = forward
        self._limits = limits or Limits()
        self._on_member = on_member
        self._names = _Names()
        self._error: BaseException | None = None
        self._carried = b""  # the beginning of a header (with its long names) that is not complete yet
        self._body = 0  # bytes of the current member, padding included, that are still to come
        self._current = b""
        self._zeros = 0  # bytes of the end seen
        self._members = self._bytes = self._tar_bytes = 0
        self._newest: int | None = None
        self._has_config_yml = False
        self._config_yml = bytearray()
        self._config_left = 0  # bytes of config.yml that are still to be kept

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Check and forward data, return its length. Raise an ArchiveError, or what forward raised."""
        self._raise_earlier_error()
        try:
            self._pass(data)
        except BaseException as error:
            self._error = error
            raise
        return len(data)

    def finish(self) -> Contents:
        """Insist on the end of the archive and return what it held. Raise DamagedError if it is cut short."""
        self._raise_earlier_error()
        try:
            self._insist_on_end()
        except ArchiveError as error:
            self._error = error
            raise
        self._error = ValueError("the gate is closed: the archive has been finished")
        newest, config = self._newest or 0, bytes(self._config_yml)
        return Contents(self._members, self._bytes, self._tar_bytes, self._has_config_yml, newest, config)

    def _raise_earlier_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _pass(self, data: bytes | bytearray | memoryview) -> None:
        self._tar_bytes += len(data)
        if self._tar_bytes > self._limits.total:
            raise RefusedError(f"it unpacks to more than {self._limits.total} bytes, the most that is accepted")
        view = memoryview(self._carried + bytes(data) if self._carried else data)
        checked = self._checked_length(view)
        self._carried = bytes(view[checked:])
        if checked:
            self._forward(view[:checked])

    def _checked_length(self, view: memoryview) -> int:
        """The length of the part of view that may be forwarded: all but a header that is not complete."""
        position = 0
        while position < len(view):
            if self._body:
                step = min(self._body, len(view) - position)
                if self._config_left:
                    self._keep_config(view[position : position + step])
                self._body -= step
                position += step
            elif self._zeros or view[position : position + BLOCK] == ZERO_BLOCK:
                self._count_zeros(view[position:])
                return len(view)
            else:
                after = self._enter_member(view, position)
                if after is None:
                    return position
                position = after
        return position

    def _keep_config(self, data: memoryview) -> None:
        kept = data[: self._config_left]
        self._config_yml += kept
        self._config_left -= len(kept)

    def _count_zeros(self, rest: memoryview) -> None:
        zeros = len(rest) - len(bytes(rest).lstrip(b"\0"))
        self._zeros += zeros
        if zeros < len(rest):
            what = "one zero block stands where its end should be" if self._zeros < END_MARK else "data follow its end"
            raise DamagedError(f"the tar stream is damaged: {what} (after {self._after()})")
        if self._zeros > END_MARK + MAX_PADDING:
            raise RefusedError("more than 1 MiB of zeros follow its end")

    def _enter_member(self, view: memoryview, position: int) -> int | None:
        """Check the member whose header begins at position; return where its data begin, None if bytes are missing."""
        long: dict[bytes, bytes] = {}
        while position + BLOCK <= len(view):
            header = self._read_header(bytes(view[position : position + BLOCK]))
            position += BLOCK
            if header.type not in (b"L", b"K"):
                self._accept(_with_long_names(header, long))
                return position
            if header.type in long:
                raise RefusedError(f"two GNU long names follow one another (after {self._after()})")
            data = self._long_name(header, view[position:])
            if data is None:
                return None
            long[header.type] = data
            position += _padded(header.size)
        return None

    def _read_header(self, block: bytes) -> _Header:
        """Given 512 bytes, return the header's fields. Raise an ArchiveError unless they are as GNU tar writes them."""
        name, mode, uid, gid, size, mtime, checksum, kind, link, magic, rest = HEADER.unpack(block)
        if _octal(checksum) != sum(block) - sum(block[CHECKSUM]) + 8 * ord(" "):
            raise self._no_header()
        try:
            self._insist_on_gnu_format(magic, kind, rest)
            numbers = (_number("mode", mode), _id("uid", uid), _id("gid", gid), _number("size", size), _time(mtime))
            return _Header(_text(name), *numbers, kind, _text(link))
        except RefusedError as error:
            shown = printable(name.split(b"\0", 1)[0])
            raise RefusedError(f"the member {shown} is refused: {error}") from None

    def _no_header(self) -> ArchiveError:
        if not self._members:
            return NotAnArchiveError("its content is not a tar archive (the first header's checksum is wrong)")
        return DamagedError(f"the tar stream is damaged: the header after {self._after()} has a wrong checksum")

    def _insist_on_gnu_format(self, magic: bytes, kind: bytes, rest: bytes) -> None:
        if kind in b"xXg":
            raise RefusedError(f"it is {REFUSED_TYPES[kind]}")
        if magic.startswith(POSIX_MAGIC):
            raise RefusedError("the archive is in POSIX format (ustar); make it with GNU tar's --format=gnu")
        if magic != MAGIC:
            raise RefusedError("the archive is not in GNU tar's format")
        if kind not in KINDS and kind not in (b"L", b"K"):
            named = REFUSED_TYPES.get(kind, f"of the unknown type {printable(kind)}")
            raise RefusedError(f"it is {named}, and a backup holds only files, directories and links")
        if rest.strip(b"\0"):
            raise RefusedError("its header holds fields that GNU tar leaves empty")

    def _long_name(self, header: _Header, data: memoryview) -> bytes | None:
        """The name that follows a long-name header, None if it is not complete yet."""
        if header.name != LONG_NAME:
            raise RefusedError(
                f"the member {printable(header.name)} is refused: a GNU long name is called ././@LongLink"
            )
        # A little more than the limit is let through, so that the check of the path can name the member.
        longest = max(self._limits.path, MAX_TARGET) + 16
        if not 1 < header.size <= longest:
            raise RefusedError(
                f"a GNU long name of {header.size} bytes (after {self._after()}): 2 to {longest} are accepted"
            )
        if len(data) < _padded(header.size):
            return None
        name = bytes(data[: header.size])
        if name.find(b"\0") != header.size - 1:
            raise RefusedError(f"a GNU long name that does not end at its only NUL (after {self._after()})")
        return name[:-1]

    def _accept(self, header: _Header) -> None:
        """Check a member against the rules and those before it, and take note of it."""
        kind = KINDS[header.type]
        name = header.name.removesuffix(b"/") if kind == "directory" else header.name
        try:
            self._check_header(header, kind)
            self._check_path(name)
            self._names.add(name, kind, header.link)
            self._check_amounts(header)
        except RefusedError as error:
            raise RefusedError(f"the member {printable(header.name)} is refused: {error}") from None
        self._body = _padded(header.size)
        self._current = name
        self._note(Member(name, kind, header.size, header.mtime, header.mode, header.uid, header.gid, header.link))

    def _check_header(self, header: _Header, kind: Kind) -> None:
        if (kind == "directory") != header.name.endswith(b"/"):
            raise RefusedError(f"it is a {kind}, and only a directory's name ends with a slash")
        if kind != "file" and header.size:
            raise RefusedError(f"it is a {kind} of {header.size} bytes, and only files have data")
        if kind in ("symlink", "hardlink") and not header.link:
            raise RefusedError("it is a link to nothing")
        if kind in ("file", "directory") and header.link:
            raise RefusedError(f"it is a {kind} with a link target")
        if len(header.link) > MAX_TARGET:
            raise RefusedError(f"its target is longer than {MAX_TARGET} bytes")
        if header.mode > 0o7777:
            raise RefusedError(f"its mode {header.mode:o} has bits that are not permissions")
        if kind != "directory" and header.mode & SET_ID_BITS:
            raise RefusedError(f"its mode {header.mode:04o} has a set-user-ID or set-group-ID bit")

    def _check_path(self, name: bytes) -> None:
        if len(name) > self._limits.path:
            raise RefusedError(f"its path is {len(name)} bytes long, more than {self._limits.path}")
        if name.startswith(b"/"):
            raise RefusedError("its path is absolute")
        parts = name.split(b"/")
        if b".." in parts:
            raise RefusedError("its path leads upwards (..)")
        if b"" in parts or b"." in parts:
            raise RefusedError("its path has an empty part or a single dot")
        if parts[0] != TOP:
            raise RefusedError(
                "it is outside of kometa/, so this is another service's archive or none of a config tree"
            )
        if max(map(len, parts)) > self._limits.part:
            raise RefusedError(f"a part of its path is longer than {self._limits.part} bytes")

    def _check_amounts(self, header: _Header) -> None:
        if self._members >= self._limits.members:
            raise RefusedError(f"it is one more than the {self._limits.members} members that are accepted")
        if header.size > self._limits.total:
            raise RefusedError(f"its size of {header.size} bytes is more than a whole archive may have")

    def _note(self, member: Member) -> None:
        self._members += 1
        self._bytes += member.size
        self._newest = member.mtime if self._newest is None else max(self._newest, member.mtime)
        if member.name == CONFIG and member.kind != "directory":
            self._has_config_yml = True
            self._config_left = min(member.size, MAX_CONFIG)
        if self._on_member:
            self._on_member(member)

    def _insist_on_end(self) -> None:
        if self._body:
            raise DamagedError(
                f"it is cut short: {self._body} bytes of the member {printable(self._current)} are missing"
            )
        if self._carried:
            raise DamagedError(f"it is cut short inside the header after {self._after()}")
        if not self._members:
            raise NotAnArchiveError("it holds no files, so whatever wrote it had failed")
        if self._zeros < END_MARK or self._tar_bytes % BLOCK:
            raise DamagedError(f"it is cut short: the end of the tar stream is missing (after {self._after()})")

    def _after(self) -> str:
        return f"the member {printable(self._current)}" if self._members else "nothing"


class _Names:
    """The names seen, as keyed digests: 16 bytes each, and nobody can make two names fall together."""

    def __init__(self) -> None:
        self._key = token_bytes(16)
        self._files: set[int] = set()
        self._directories: set[int] = set()
        self._symlinks: set[int] = set()
        self._last_parent = b""

    def add(self, name: bytes, kind: Kind, link: bytes) -> None:
        """Raise RefusedError if the name came before, its parent did not, or a hard link leads to no earlier file."""
        self._check_parent(name, kind)
        digest = self._digest(name)
        if digest in self._files or digest in self._directories or digest in self._symlinks:
            raise RefusedError("the same name came before")
        if kind == "hardlink" and self._digest(link) not in self._files:
            raise RefusedError(f"it is a hard link to {printable(link)}, which is no earlier file of the archive")
        self._set_for(kind).add(digest)

    def _check_parent(self, name: bytes, kind: Kind) -> None:
        parent = name.rpartition(b"/")[0]
        if not parent and kind != "directory":
            raise RefusedError(f"the top of a backup is a directory, and this is a {kind}")
        if parent in (b"", self._last_parent):  # most members share theirs with the one before
            return
        if self._digest(parent) not in self._directories:
            raise RefusedError("its parent is no earlier directory of the archive")
        self._last_parent = parent

    def _digest(self, name: bytes) -> int:
        return int.from_bytes(blake2b(name, digest_size=16, key=self._key).digest(), "big")

    def _set_for(self, kind: Kind) -> set[int]:
        if kind == "directory":
            return self._directories
        return self._symlinks if kind == "symlink" else self._files


def _with_long_names(header: _Header, long: dict[bytes, bytes]) -> _Header:
    if b"K" in long and KINDS[header.type] not in ("symlink", "hardlink"):
        raise RefusedError(f"the member {printable(header.name)} is refused: it has a long link target and is no link")
    return header._replace(name=long.get(b"L", header.name), link=long.get(b"K", header.link))


def _text(field: bytes) -> bytes:
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise RefusedError("bytes follow the end of its name or link target")
    return text


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _octal(field: bytes) -> int | None:
    """Given digits that end with a NUL or a space, return the number; None for anything else."""
    digits = field.rstrip(b"\0 ")
    # int() alone would take signs, underscores and a 0o.
    if not digits.isdigit() or len(digits) == len(field) or b"8" in digits or b"9" in digits:
        return None
    return int(digits, 8)


def _number(what: str, field: bytes) -> int:
    """Given a header's number in octal or GNU's base 256, return it. Raise RefusedError if it is neither."""
    value = int.from_bytes(field[1:], "big") if field[0] == 0x80 else _octal(field)
    if value is None:
        raise RefusedError(f"its {what} is no number")
    return value


def _id(what: str, field: bytes) -> int:
    value = _number(what, field)
    if value > 65535:
        raise RefusedError(f"its {what} {value} is none of 0 to 65535, the ids inside the user namespace")
    return value


def _time(field: bytes) -> int:
    value = int.from_bytes(field, "big", signed=True) if field[0] == 0xFF else _number("time", field)
    if not -(1 << 63) <= value < 1 << 63:
        raise RefusedError("its time is out of range")
    return value
