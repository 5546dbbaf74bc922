"""Closing a file descriptor when it is said."""

import os


def close_now(descriptor: int) -> None:
    """Close a file descriptor, at once.

    gevent's own close, which pyinfra puts in the place of os.close, waits until anything else happens: whoever reads a
    pipe to its end would wait for it, and it for them; and folders that have been looked at would all stay open.
    """
    os.closerange(descriptor, descriptor + 1)  # which gevent leaves as it is
