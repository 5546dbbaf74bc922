"""The chain that opens an archive: age, zstd, then the gate; a stream from end to end, nothing on a disk.

pyrage, zstandard and GNU tar each accept some broken input in silence, and none of them alone shows that an archive is
whole. So the chain insists on all of it: the last chunk of the age file, the end of the tar stream, the end of the zstd
frame. What was forwarded before `open_archive` returned is provisional.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO, cast

import pyrage  # type: ignore[import-untyped]
import zstandard

from kometa_host.archive.errors import ArchiveError, DamagedError, NotAnArchiveError, WrongIdentityError
from kometa_host.archive.gate import Contents, Gate, Limits, Member
from kometa_host.archive.header import Header, is_age, peek_header, without_armor
from kometa_host.archive.identity import Identities
from kometa_host.archive.posix_tar import PosixToGnu
from kometa_host.archive.printable import printable
from kometa_host.archive.source import PIECE, Pace, Source

Write = Callable[[bytes], int]

REPOSITORY = "restic repository"  # in place of an archive's recipients
START = 512  # enough to tell what some content is, a plain tar included
MAX_WINDOW = 1 << 27  # that of zstd --long=27
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# A skippable frame in front of the data, with a title and the patterns of what was left out, one a line.
NOTE_MAGIC = b"\x50\x2a\x4d\x18"
NOTE_TITLE = "kometa-host left out"
# A frame of its own, fed in after the archive: it only comes out as it is if the frame before it was complete.
SENTINEL = b"the end of the archive"
SENTINEL_FRAME = zstandard.ZstdCompressor().compress(SENTINEL)

OTHER_FORMATS = (
    (b"\x1f\x8b", "a gzip file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"PK\x03\x04", "a zip file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file"),
    (b"\x04\x22\x4d\x18", "an lz4 file"),
    (b"-----BEGIN PGP MESSAGE", "a file encrypted with PGP"),
    (b"Salted__", "a file encrypted with openssl"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"-----BEGIN", "a PEM file"),
    (b"AGE-SECRET-KEY-", "an identity file"),
    (b"# created: ", "an identity file"),
    (b"<", "an HTML or XML page"),
)


@dataclass(frozen=True)
class Report:
    """A whole archive: the types of its recipients (none: it is not encrypted), its bytes and what it held.

    left_out: patterns of what its backup left out, as it says itself. sha256: of its bytes; empty for a snapshot.
    """

    recipient_types: tuple[str, ...]
    bytes_read: int
    contents: Contents
    left_out: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def encrypted(self) -> bool:
        """Whether it is an age file."""
        return bool(self.recipient_types)


def open_archive(
    read: Callable[[int], bytes],
    identities: Identities | None,
    forward: Callable[[bytes | memoryview], object],
    *,
    name: str = "the archive",
    limits: Limits | None = None,
    on_member: Callable[[Member], object] | None = None,
    on_left_out: Callable[[tuple[str, ...]], object] | None = None,
    yield_to_other_hosts: Callable[[], object] | None = None,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Given `read(size) -> bytes` of an archive, forward its tar stream to the end and return what it held.

    Whether it is encrypted is decided by its content; where name ends in .age, it has to be. `forward` gets pieces of
    up to 256 KiB and must be done with each when it returns. `yield_to_other_hosts` is called after every 64 KiB read
    and every piece forwarded, `progress` with the bytes read so far, `on_member` for each member before its data are
    forwarded, `on_left_out` with what the backup left out before anything is.

    Raise an ArchiveError that begins with name: NotAnArchiveError, WrongIdentityError, DamagedError, RefusedError.
    Whatever read, forward and the other callbacks raise comes out as it is, KeyboardInterrupt included.
    """
    source, paced_forward = _paced(read, forward, yield_to_other_hosts, progress)
    unpacker = _Unpacker(Gate(paced_forward, limits, on_member), on_left_out)
    try:
        if name.endswith(".age") and not is_age(source.peek(START)):
            raise NotAnArchiveError("it is not encrypted, and its name says that it is: no backup of ours is like that")
        types = _feed(source, unpacker, identities)
        return Report(types, source.bytes_read, unpacker.finish(), unpacker.left_out, source.sha256)
    except ArchiveError as error:
        raise type(error)(f"{name}: {error}") from None


def _paced(
    read: Callable[[int], bytes],
    forward: Callable[[bytes | memoryview], object],
    yield_to_other_hosts: Callable[[], object] | None,
    progress: Callable[[int], object] | None,
) -> tuple[Source, Callable[[bytes | memoryview], None]]:
    """Return what reads and what forwards, at the pace of both together."""
    pace = Pace(yield_to_other_hosts)

    def paced_forward(data: bytes | memoryview) -> None:
        forward(data)
        pace.count(len(data))

    return Source(read, pace, progress), paced_forward


def open_snapshot(
    read: Callable[[int], bytes],
    forward: Callable[[bytes | memoryview], object],
    *,
    name: str,
    left_out: tuple[str, ...] = (),
    limits: Limits | None = None,
    on_member: Callable[[Member], object] | None = None,
    on_left_out: Callable[[tuple[str, ...]], object] | None = None,
    yield_to_other_hosts: Callable[[], object] | None = None,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Given `read(size) -> bytes` of what `restic dump` writes, do with it as `open_archive` does with an archive.

    What was left out is known, and restic itself has decrypted it, and checked every piece by its digest.
    """
    source, paced_forward = _paced(read, forward, yield_to_other_hosts, progress)
    if on_left_out:
        on_left_out(left_out)
    gate = Gate(paced_forward, limits, on_member)
    translator = PosixToGnu(gate.write)
    try:
        while piece := source.read(PIECE):
            translator.write(piece)
        translator.finish()
        return Report((REPOSITORY,), source.bytes_read, gate.finish(), left_out)
    except ArchiveError as error:
        raise type(error)(f"{name}: {error}") from None


def _feed(source: Source, unpacker: "_Unpacker", identities: Identities | None) -> tuple[str, ...]:
    """Push the whole archive through the unpacker, return the types of its recipients."""
    start = source.peek(START)
    if not is_age(start):
        _insist_on_zstd(start)
        while piece := source.read(PIECE):
            unpacker.write(piece)
        return ()
    binary = without_armor(source)
    header = peek_header(binary)
    if header.needs_passphrase:
        raise WrongIdentityError(
            "it is encrypted to a passphrase (age -p), which no backup of ours is, and only the age command opens it: "
            "age -d ARCHIVE | age -R RECIPIENTS -o COPY, and restore the copy"
        )
    _decrypt(binary, header, identities, unpacker.write)
    return header.recipient_types


class _Kept:
    """Callbacks for pyrage, which turns their exceptions into its own and calls them again after they failed."""

    def __init__(self, read: Callable[[int], bytes], write: Write) -> None:
        self._read = read
        self._write = write
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        self.raise_error()
        try:
            return self._read(size)
        except BaseException as error:
            self.error = error
            raise

    def write(self, data: bytes) -> int:
        self.raise_error()
        try:
            return self._write(data)
        except BaseException as error:
            self.error = error
            raise

    def raise_error(self) -> None:
        if self.error is not None:
            raise self.error


def _decrypt(source: Source, header: Header, identities: Identities | None, write: Write) -> None:
    if identities is None:
        raise WrongIdentityError(
            f"it is encrypted to {_listed(header.recipient_types)}; give the identity that opens it (identity=PATH)"
        )
    kept = _Kept(source.read, write)
    try:
        pyrage.decrypt_io(kept, kept, list(identities.keys))
    except BaseException as error:
        kept.raise_error()
        raise _explained(error, source, header, identities) from None
    kept.raise_error()


def _explained(error: BaseException, source: Source, header: Header, identities: Identities) -> BaseException:
    """Given an error of pyrage's own, return the one that the user should see."""
    if isinstance(error, pyrage.DecryptError):
        if "No matching keys" in str(error):
            return _wrong_identity(header, identities)
        if "whole buffer" in str(error):  # fewer than the 16 bytes between header and payload
            return _damaged_payload(source)
        return DamagedError("its age header is damaged")
    # pyrage reports a damaged payload as an OSError without a number, and a fault of its own as a PanicException.
    if (isinstance(error, OSError) and error.errno is None) or type(error).__name__ == "PanicException":
        return _damaged_payload(source)
    return error


def _damaged_payload(source: Source) -> DamagedError:
    """Return the error for a payload that could not be decrypted at the place that source has reached."""
    if source.exhausted:
        return DamagedError("it is cut short, or its last 64 KiB are damaged")
    return DamagedError(f"it is damaged near byte {source.position}")


def _wrong_identity(header: Header, identities: Identities) -> WrongIdentityError:
    missing = "".join(f"; {reason}" for reason in identities.unusable)
    return WrongIdentityError(
        f"no identity in {identities.source} opens it: it is encrypted to {_listed(header.recipient_types)}, "
        f"and the file holds {_counted(identities.kinds)}{missing}"
    )


def _listed(types: tuple[str, ...]) -> str:
    noun = "recipient" if len(types) == 1 else "recipients"
    return f"{len(types)} {noun} ({_counted(types)})"


def _counted(kinds: Iterable[str]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(Counter(kinds).items())[:8])


class _Target:
    """All that zstandard wants of a file."""

    def __init__(self, write: Write) -> None:
        self.write = write


class _Unpacker:
    """Decompress into the gate. Dead after its first error, as the gate is."""

    def __init__(self, gate: Gate, on_left_out: Callable[[tuple[str, ...]], object] | None) -> None:
        self._gate = gate
        self._on_left_out = on_left_out
        self.left_out: tuple[str, ...] = ()
        self._start: bytes | None = b""  # what came before it was clear that this is zstd; None from then on
        self._sentinel: bytearray | None = None  # set once the archive is over
        self._error: BaseException | None = None
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        self._decompressor = decompressor.stream_writer(cast(BinaryIO, _Target(self._take)))

    def write(self, data: bytes) -> int:
        """Decompress data into the gate, return its length."""
        if self._error is not None:
            raise self._error
        try:
            self._decompress(data)
        except BaseException as error:
            self._error = error
            raise
        return len(data)

    def finish(self) -> Contents:
        """Insist on the end of the zstd frame and on that of the tar stream, return what the archive held."""
        if self._start is not None:
            self._begin(self._start)
        if not self._frame_ended():
            raise DamagedError("it is cut short, or something follows its end: the zstd frame is not complete")
        return self._gate.finish()

    def _frame_ended(self) -> bool:
        self._sentinel = bytearray()
        try:
            self.write(SENTINEL_FRAME)
        except DamagedError:
            return False
        return self._sentinel == SENTINEL

    def _decompress(self, data: bytes) -> None:
        if self._start is None:
            self._push(data)
        elif len(self._start) + len(data) < START:
            self._start += data
        else:
            self._begin(self._start + data)

    def _begin(self, start: bytes) -> None:
        self._start = None
        _insist_on_zstd(start)
        self.left_out = left_out_of(start)
        if self._on_left_out:
            self._on_left_out(self.left_out)
        self._push(start)

    def _push(self, data: bytes) -> None:
        try:
            self._decompressor.write(data)
        except zstandard.ZstdError as error:
            raise _explained_zstd(str(error)) from None

    def _take(self, data: bytes) -> int:
        if self._sentinel is None:
            return self._gate.write(data)
        self._sentinel += data
        return len(data)


def _explained_zstd(text: str) -> ArchiveError:
    if "too much memory" in text:
        return NotAnArchiveError("it is compressed with a window of more than 128 MiB, and no backup is")
    if "ictionary" in text:
        return NotAnArchiveError("it is compressed with a dictionary, and no backup is")
    return DamagedError("its compressed data are damaged")


def _insist_on_zstd(start: bytes) -> None:
    """Given the beginning of some content, raise an ArchiveError that names it unless it is zstd's."""
    if is_zstd(start):
        return
    if not start:
        raise NotAnArchiveError("it is empty, so whatever wrote it had failed")
    raise NotAnArchiveError(f"it is {_named(start)}, and a backup is a tar.zst file, encrypted with age or plain")


def left_out_of(start: bytes) -> tuple[str, ...]:
    """Given the beginning of compressed content, return what its backup left out: see programs/installed/backup.sh."""
    if not start.startswith(NOTE_MAGIC):
        return ()
    size = int.from_bytes(start[4:8], "little")
    title, *patterns = start[8 : 8 + size].decode("utf-8", "replace").splitlines() or [""]
    return tuple(patterns) if title == NOTE_TITLE else ()


def is_zstd(start: bytes) -> bool:
    """Whether content that begins so is compressed by zstd; pzstd puts a skippable frame first."""
    return start.startswith(ZSTD_MAGIC) or (b"\x50" <= start[:1] <= b"\x5f" and start[1:4] == b"\x2a\x4d\x18")


def _named(start: bytes) -> str:
    for magic, format_name in OTHER_FORMATS:
        if start.startswith(magic):
            return format_name
    if is_age(start):
        return "an age file inside of an age file"
    if start[257:262] == b"ustar":
        return "a tar archive that is not compressed"
    if not any(start):
        return "nothing but zeros at its beginning"
    return f"an unknown file that begins with {printable(start[:16])}"
