"""Member names for messages: they come out of archives that anybody may have written."""

MAX_LENGTH = 160
ENDS = 70


def printable(name: bytes) -> str:
    """Given the bytes of a name, return it quoted, at most 160 characters long, with nothing that a terminal obeys.

    Control characters, invisible and bidirectional marks, quotes, backslashes and bytes that are not UTF-8 are escaped.
    The middle of a longer name is left out.
    """
    # A character takes one byte at least, so this many bytes are enough for the part that is shown.
    if len(name) > 4 * MAX_LENGTH:
        name = name[: 2 * MAX_LENGTH] + name[-2 * MAX_LENGTH :]
    text = "".join(_shown(character) for character in name.decode("utf-8", "surrogateescape"))
    if len(text) > MAX_LENGTH:
        text = f"{text[:ENDS]}...{text[-ENDS:]}"
    return f'"{text}"'


def _shown(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
