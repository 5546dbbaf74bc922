"""What the modules share: the logger and the error, named as in Kometa."""

logger = None


class Failed(Exception):
    """Kometa's own error: its text is for the user."""
