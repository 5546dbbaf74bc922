"""Differences of texts, for a preview: without a secret. Pure."""

import re
from collections.abc import Collection, Iterator
from difflib import unified_diff
from itertools import islice

from kometa_host.config_tree.redaction import SECRET_KEY
from kometa_host.config_tree.secret_patterns import MASK, masked

# Of a unit's Environment=, where a previous stack had its secrets: NAME=value, quoted or not.
ENVIRONMENT = re.compile(r"^(\s*Environment\s*=)(.*)", re.MULTILINE)
ASSIGNMENT = re.compile(r"\"(\w+)=((?:[^\"\\]|\\.)*)\"?|(?<![^\s'])(\w+)=(\S*)")


def unified(before: str, after: str) -> Iterator[str]:
    """Given two texts, return the lines of their unified diff, without file names."""
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return islice(lines, 2, None)  # a removed `-- text` looks like a file name too, so they are known by their place


def without_secrets(text: str, known_secrets: Collection[str]) -> str:
    """Return a text that is no config.yml, such as a unit's, with a mask in place of what is a secret or sounds so."""
    return masked(ENVIRONMENT.sub(lambda line: line[1] + ASSIGNMENT.sub(_assigned, line[2]), text), known_secrets)


def _assigned(found: re.Match[str]) -> str:
    name = found[1] or found[3]
    return f"{name}={MASK}" if SECRET_KEY.search(name) else found[0]
