"""Differences of texts, for a preview. Pure."""

from collections.abc import Iterator
from difflib import unified_diff


def unified(before: str, after: str) -> Iterator[str]:
    """Given two texts, return the lines of their unified diff, without file names."""
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return (line for line in lines if not line.startswith(("--- ", "+++ ")))
