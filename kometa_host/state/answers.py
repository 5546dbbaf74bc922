"""What a host says, before anybody believes it: bounded in size, printable, and sensible or refused by name.

The account of a host is not trusted (SECURITY.md): its answers may be of any size and form, and hold what a
terminal obeys.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import AnyStr

from kometa_host.errors import UserError

MAX_ANSWER = 64 << 20  # bytes of one program's output; the listing of a tree of 100,000 files takes a tenth of it
MAX_TEXT = 4 << 20  # bytes of what is told about one thing, such as all units
MAX_JSON = 16 << 20  # bytes; restic tells a kilobyte of each snapshot
MAX_PARTS = 1_000_000  # lines, or whatever an answer consists of; a manifest has one for each file
MAX_LINE = 16 << 10  # bytes of a line that is shown
MAX_SAID = 1 << 20  # characters of what a program said that are kept for its error; the last ones
MAX_SHOWN = 16 << 20  # characters that a program may say; a backup of two days tells of its progress in a third of it
LAST_MOMENT = 253_370_764_800  # the first of the year 9999, in seconds since the epoch
_NONSENSE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, zlib.error)


def inflated(data: bytes, limit: int = MAX_ANSWER) -> bytes:
    """Given what gzip made, return what it was made from. Raise UserError if that is more than limit bytes, or none."""
    inflater = zlib.decompressobj(wbits=31)
    with sensible("compressed text"):
        content = inflater.decompress(data, limit)
    if inflater.unconsumed_tail or not inflater.eof:
        raise UserError(f"the host's answer is cut short, or inflates to more than {limit >> 20} MiB.")
    return content


def parts(text: AnyStr, end: AnyStr) -> list[AnyStr]:
    """Return the parts of a text, such as lines, each ended by this. Raise UserError if there are more than any has.

    A few bytes become an object of a hundred and more: the size of an answer bounds no memory.
    """
    if text.count(end) > MAX_PARTS:
        raise UserError(f"the host's answer has more than {MAX_PARTS:,} parts, and none has.")
    found = text.split(end)
    return found if found[-1] else found[:-1]


def json_text(text: AnyStr) -> AnyStr:
    """Return a JSON text of a host's. Raise UserError if it is larger than any is."""
    if len(text) > MAX_JSON:
        raise UserError(f"the host's answer is a JSON text of more than {MAX_JSON >> 20} MiB, and none is.")
    return text


def inflated_lines(data: bytes) -> list[str]:
    """Return the lines of a text that came compressed, none of no data; of a line no more than MAX_LINE.

    Raise UserError as `inflated` and `parts`.
    """
    return [line[:MAX_LINE] for line in parts(inflated(data).decode("utf-8", "replace"), "\n")] if data else []


def told_lines(data: bytes) -> list[str]:
    """Return the lines of what a reading program printed. Raise UserError if there are more than any has."""
    return parts(data.decode("ascii", "replace"), "\n")


@contextmanager
def sensible(what: str) -> Iterator[None]:
    """Make what comes of an answer that makes no sense a UserError which names it; also as a decorator."""
    try:
        yield
    except _NONSENSE as error:
        raise UserError(
            f"the host's answer about {what} makes no sense ({type(error).__name__}). Look at the host: either it is "
            "damaged, or somebody there wants to mislead you."
        ) from None


def moment(seconds: str) -> datetime:
    """Given seconds since the epoch as a host tells them, return the moment, in UTC. Raise ValueError for no number.

    And where it is before the epoch, or so far ahead that another time zone has no year for it.
    """
    if not 0 <= (number := int(seconds)) < LAST_MOMENT:
        raise ValueError(number)
    return datetime.fromtimestamp(number, UTC)


def shown(text: str) -> str:
    """Return a line of a host's with nothing that a terminal obeys: control characters and invisible marks escaped."""
    return text if text.isprintable() else "".join(map(_shown_character, text))


def _shown_character(character: str) -> str:
    if character.isprintable() or character == "\t":
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def lines(read: Callable[[], bytes]) -> Iterator[str]:
    """Given what returns the next bytes of a program, empty at the end, yield its lines as they may be shown.

    What is longer than MAX_LINE comes in pieces.
    """
    rest = b""
    while piece := read():
        *whole, rest = (rest + piece).split(b"\n")
        while len(rest) > MAX_LINE:
            whole.append(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        yield from map(_line, whole)
    if rest:
        yield _line(rest)


def _line(data: bytes) -> str:
    return shown(data[:MAX_LINE].decode("utf-8", "replace").removesuffix("\r"))
