"""What the watcher remembers from one look to the next: a small file of JSON in the state directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kometa_host.state.kometa_log import Outcome
from kometa_host.watcher.files import read_bounded, replace_file

FILE = "runs/watch.json"  # in the state directory
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Open:
    """A run that was in progress at the last look: start, and whether it was told that it hangs."""

    started: datetime
    hangs: bool = False


@dataclass(frozen=True)
class Memory:
    """What was known at the last look.

    since: when watching began; what was over before is not told. checked: up to when times were looked at for missed
    runs. done: logs that need no second look. open: the run in progress. trouble: how the newest run went if it is one
    to be told of when it is over. jobs: for each unit when its last job ended that was told. updates: the time of the
    newest update that was told.
    """

    since: datetime
    checked: datetime
    done: tuple[str, ...] = ()
    open: Open | None = None
    trouble: Outcome | None = None
    jobs: Mapping[str, str] | None = None
    updates: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {
            "version": 1,
            "since": self.since.isoformat(),
            "checked": self.checked.isoformat(),
            "done": list(self.done),
            "open": {"started": self.open.started.isoformat(), "hangs": self.open.hangs} if self.open else None,
            "trouble": self.trouble.value if self.trouble else None,
            "jobs": dict(self.jobs or {}),
            "updates": self.updates,
        }


def load(path: Path, now: datetime) -> Memory:
    """Return what the file holds; without one, or with one that cannot be read, watching begins now."""
    try:
        return _from_json(json.loads(read_bounded(path, MAX_BYTES)))
    except (OSError, ValueError, KeyError, TypeError):
        return Memory(now, now)


def _from_json(found: Mapping[str, Any]) -> Memory:
    current = found["open"]
    return Memory(
        since=datetime.fromisoformat(found["since"]),
        checked=datetime.fromisoformat(found["checked"]),
        done=tuple(map(str, found["done"])),
        open=Open(datetime.fromisoformat(current["started"]), bool(current["hangs"])) if current else None,
        trouble=Outcome(found["trouble"]) if found["trouble"] else None,
        jobs={str(name): str(time) for name, time in found["jobs"].items()},
        updates=str(found["updates"]),
    )


def save(memory: Memory, path: Path) -> None:
    """Write the whole file, in one step."""
    replace_file(path, json.dumps(memory.to_json()) + "\n")
