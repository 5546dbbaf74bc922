"""The header of an age file, read before pyrage sees it: which recipients it has, and where its payload begins.

The format is https://c2sp.org/age; armor is the strict PEM described there.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass

from kometa_host.archive.errors import DamagedError
from kometa_host.archive.source import Source

AGE_PREFIX = b"age-encryption.org/"
AGE_V1 = b"age-encryption.org/v1\n"
ARMOR_BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
ARMOR_END = b"-----END AGE ENCRYPTED FILE-----"
ARMOR_COLUMNS = 64
SCRYPT = "scrypt"  # the type of a recipient that is a passphrase
MAX_HEADER = 256 * 1024  # room for a thousand recipients
HEADER_END = re.compile(rb"\n--- ([^\n]*)\n")
STANZA = re.compile(rb"-> ([!-~]{1,64}(?: [!-~]+)*)\n((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)")


@dataclass(frozen=True)
class Stanza:
    """One recipient's part of the header: its type, as X25519 or scrypt, arguments and the wrapped file key."""

    type: str
    arguments: tuple[str, ...]
    body: bytes


@dataclass(frozen=True)
class Header:
    """The header of an age file; size: bytes up to the payload."""

    stanzas: tuple[Stanza, ...]
    size: int

    @property
    def recipient_types(self) -> tuple[str, ...]:
        """The type of each recipient, without the grease that age adds to keep readers tolerant."""
        return tuple(stanza.type for stanza in self.stanzas if not stanza.type.endswith("-grease"))

    @property
    def needs_passphrase(self) -> bool:
        """Whether the file opens with a passphrase (age -p)."""
        return SCRYPT in self.recipient_types

    @property
    def work(self) -> int:
        """The exponent of two of the work that the passphrase takes. Raise DamagedError if it is not said."""
        arguments = next((stanza.arguments for stanza in self.stanzas if stanza.type == SCRYPT), ())
        if len(arguments) != 2 or not arguments[1].isdecimal():
            raise DamagedError("its age header is damaged")
        return int(arguments[1][:4])


def is_age(start: bytes) -> bool:
    """Whether the first 64 bytes of some content are those of an age file, binary or armored."""
    return start.startswith(AGE_PREFIX) or start.lstrip().startswith(ARMOR_BEGIN)


def without_armor(source: Source) -> Source:
    """Given the source of an age file, return one of its binary form."""
    if source.peek(len(AGE_PREFIX)) == AGE_PREFIX:
        return source
    return Source(_Armor(source).read)


def peek_header(source: Source) -> Header:
    """Given the source of a binary age file, return its header; nothing is taken. Raise DamagedError."""
    if source.peek(len(AGE_V1)) != AGE_V1:
        raise DamagedError("its age header is damaged, or of a later format than age-encryption.org/v1")
    start, end = _find_end(source)
    stanzas = _stanzas(start[len(AGE_V1) : end.start() + 1])
    decoded(end[1])  # the authenticator: pyrage checks it, and that it is one can be said before
    return Header(stanzas, end.end())


def decoded(text: bytes) -> bytes:
    """Given base64 without padding, as age headers have it, return the bytes. Raise DamagedError."""
    data = _decode(text + b"=" * (-len(text) % 4))
    if data is None:
        raise DamagedError("its age header is damaged")
    return data


def _decode(text: bytes) -> bytes | None:
    """Given padded base64, return the bytes, None if it is not the one way to spell them."""
    try:
        data = a2b_base64(text, strict_mode=True)
    except Base64Error:
        return None
    return data if b2a_base64(data, newline=False) == text else None


def _find_end(source: Source) -> tuple[bytes, re.Match[bytes]]:
    size = 1024
    while True:
        start = source.peek(size)
        if end := HEADER_END.search(start):
            return start, end
        if len(start) < size:
            raise DamagedError("it is cut short inside its age header")
        if size > MAX_HEADER:
            raise DamagedError("its age header is damaged: it has no end")
        size *= 2


def _stanzas(text: bytes) -> tuple[Stanza, ...]:
    stanzas = []
    position = 0
    while position < len(text):
        match = STANZA.match(text, position)
        if not match:
            raise DamagedError("its age header is damaged")
        kind, *arguments = match[1].decode("ascii").split(" ")
        stanzas.append(Stanza(kind, tuple(arguments), decoded(match[2].replace(b"\n", b""))))
        position = match.end()
    if not stanzas:
        raise DamagedError("its age header is damaged: it names no recipient")
    return tuple(stanzas)


class _Armor:
    """Decode armor as a stream; bounded memory, strict lines."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._line = b""  # the part of a line that is not complete yet
        self._begun = self._short = self._ended = False

    def read(self, size: int) -> bytes:
        """Take the next bytes, empty at the end. Raise DamagedError."""
        while piece := self._source.read(size):
            *lines, self._line = (self._line + piece).split(b"\n")
            if len(self._line) > 4096:
                raise DamagedError("its age armor is damaged: a line has no end")
            if data := self._decode(lines):
                return data
        data, self._line = self._decode_line(self._line) if self._line else b"", b""
        if not data and not self._ended:
            raise DamagedError("it is cut short: the end of its age armor is missing")
        return data

    def _decode(self, lines: list[bytes]) -> bytes:
        return b"".join(filter(None, map(self._decode_line, lines)))

    def _decode_line(self, line: bytes) -> bytes:
        line = line.removesuffix(b"\r")
        if not self._begun:
            self._begun = line.strip() == ARMOR_BEGIN
        elif self._ended:
            if line.strip():
                raise DamagedError("its age armor is damaged: text follows its end")
        elif line.rstrip() == ARMOR_END:
            self._ended = True
        else:
            return self._decode_data(line)
        return b""

    def _decode_data(self, line: bytes) -> bytes:
        if self._short or not 0 < len(line) <= ARMOR_COLUMNS:
            raise DamagedError("its age armor is damaged")
        data = _decode(line)
        if data is None:
            raise DamagedError("its age armor is damaged")
        self._short = len(line) < ARMOR_COLUMNS or line.endswith(b"=")
        return data
