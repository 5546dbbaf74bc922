"""Differences of texts, for a preview. Pure."""

from collections.abc import Iterator
from difflib import unified_diff
from itertools import islice


def unified(before: str, after: str) -> Iterator[str]:
    """Given two texts, return the lines of their unified diff, without file names."""
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return islice(lines, 2, None)  # a removed `-- text` looks like a file name too, so they are known by their place
