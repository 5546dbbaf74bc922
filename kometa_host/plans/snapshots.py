"""The snapshots of a restic repository, as `restic snapshots --json` tells of them. Pure."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kometa_host.errors import UserError
from kometa_host.state import answers

PREFIX = "restic:"
TAG = "kometa-host"  # of what is a backup; what only prepared one, or is somebody else's, lacks it
SHORT = 8  # digits of an id that tell it from others, as restic shows it


@dataclass(frozen=True)
class Snapshot:
    """A snapshot. id: its first digits; time: aware; size: bytes of its files, 0 if not known; left_out: patterns."""

    id: str
    time: datetime
    size: int = 0
    tags: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called wherever a backup is named."""
        return f"{PREFIX}{self.id}"


def parse(text: str) -> list[Snapshot]:
    """Given what restic prints, return the snapshots that are backups, the newest first. Raise UserError."""
    try:
        found = [_snapshot(entry) for entry in json.loads(answers.json_text(text)) or []]
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise UserError(
            "restic's list of snapshots could not be read; is its version on the host 0.16 or newer?"
        ) from None
    return sorted((one for one in found if TAG in one.tags), key=lambda one: one.time, reverse=True)


def _snapshot(entry: dict[str, object]) -> Snapshot:
    (tree,) = _texts(entry["paths"])
    summary = entry.get("summary")
    size = summary.get("total_bytes_processed", 0) if isinstance(summary, dict) else 0
    left_out = (pattern.removeprefix(f"{tree}/") for pattern in _texts(entry.get("excludes")))
    return Snapshot(
        str(entry["id"])[:SHORT],
        datetime.fromisoformat(re.sub(r"\.\d+", "", str(entry["time"]))),
        int(size),
        frozenset(_texts(entry.get("tags"))),
        tuple(left_out),
    )


def _texts(value: object) -> Iterable[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def is_named(backup: str) -> bool:
    """Return whether what was typed as backup= names a snapshot. Raise UserError if it cannot be one's name."""
    if not backup.startswith(PREFIX):
        return False
    if not re.fullmatch(r"latest|[0-9a-f]{4,64}", backup.removeprefix(PREFIX)):
        raise UserError(f"backup={backup}: write restic:latest or restic:ID, as facts.backup.Archives shows it")
    return True


def chosen(snapshots: list[Snapshot], backup: str) -> Snapshot:
    """Given snapshots, newest first, and restic:latest or restic:ID, return the one that is meant. Raise UserError."""
    wanted = backup.removeprefix(PREFIX)
    found = snapshots[:1] if wanted == "latest" else [one for one in snapshots if one.id.startswith(wanted[:SHORT])]
    if len(found) != 1:
        what = "no backup" if not found else f"{len(found)} backups"
        raise UserError(f"{what} in the repository for backup={backup}; facts.backup.Archives lists what is there")
    return found[0]
