"""Text as the page shows it: what looks like a secret masked, nothing that disturbs, of bounded length. Pure."""

from kometa_host.config_tree.secret_patterns import masked

MAX_TEXT = 600  # characters


def shown(text: str) -> str:
    """Return a text that came from a host as it stands in the page, which escapes it."""
    one_line = "".join(character if character.isprintable() else " " for character in masked(text))
    return one_line if len(one_line) <= MAX_TEXT else f"{one_line[: MAX_TEXT - 1]}…"
