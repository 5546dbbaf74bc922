"""What the modules share: the logger and the error, named as in Kometa."""

from typing import Any

logger: Any = None


class Failed(Exception):  # noqa: N818  (its name there)
    """Kometa's own error: its text is for the user."""
