"""What the checks of the config tree have to say."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something to change: an error stops a deploy. line counts from 1, 0 is the whole file."""

    severity: Severity
    file: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{self.severity}: {where}: {self.message}; {self.remedy}"


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that stop a deploy."""
    return [finding for finding in findings if finding.severity == "error"]
