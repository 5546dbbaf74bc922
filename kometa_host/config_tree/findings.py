"""What the checks of the config tree have to say."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from kometa_host.config_tree.yaml12 import Document, KeyPath

Severity = Literal["error", "warning"]
ALLOW: Final = re.compile(r"#.*\bkometa-host: allow\b")


@dataclass(frozen=True)
class Finding:
    """Something to change: an error stops a deploy. line counts from 1, 0 is the whole file; kind is for the checks."""

    severity: Severity
    file: str
    line: int
    message: str
    remedy: str
    kind: str = ""

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{self.severity}: {where}: {self.message}; {self.remedy}"


@dataclass(frozen=True)
class Place:
    """A YAML file as messages call it, with its document: turns paths of values into lines."""

    file: str
    document: Document

    def error(self, path: KeyPath, message: str, remedy: str) -> Finding:
        """Return a finding about the value at a path that stops a deploy."""
        return Finding("error", self.file, self.document.line_of(path), message, remedy)

    def warning(self, path: KeyPath, message: str, remedy: str) -> Finding:
        """Return a finding about the value at a path that stops nothing."""
        return Finding("warning", self.file, self.document.line_of(path), message, remedy)

    def name(self, path: KeyPath) -> str:
        """Return a path as messages show it, such as plex.token: where the value is written, not where it is repeated.

        So the findings about a value that an alias repeats are equal, and told once.
        """
        return dotted(self.document.origin(path))


def dotted(path: KeyPath) -> str:
    """Return a path as messages show it, such as plex.token."""
    return ".".join(str(key) for key in path)


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that stop a deploy."""
    return [finding for finding in findings if finding.severity == "error"]


def summarised(told: Iterable[tuple[Hashable, Finding]], most: int = 1) -> Iterator[Finding]:
    """Given findings, each with its kind, yield so many of each kind, the last with the number of the others."""
    distinct = list(dict.fromkeys(told))
    totals = Counter(kind for kind, _ in distinct)
    seen: Counter[Hashable] = Counter()
    for kind, finding in distinct:
        seen[kind] += 1
        others = totals[kind] - most if seen[kind] == most else 0
        more = f" (and in {others} more {'place' if others == 1 else 'places'})" if others > 0 else ""
        if seen[kind] <= most:
            yield replace(finding, message=finding.message + more)


def is_allowed(lines: Sequence[str], number: int) -> bool:
    """Return whether the line of this number, from 1, ends with the comment that allows what stands in it.

    What is about a whole file (number 0) is allowed in its first line, what is about its end in its last.
    """
    return bool(lines) and bool(ALLOW.search(lines[min(max(number, 1), len(lines)) - 1]))
