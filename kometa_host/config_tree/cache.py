"""What is remembered from one deploy to the next in the user's cache directory, and can be found out again."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from kometa_host import whole_file


def cache_directory() -> Path | None:
    """Return ~/.cache/kometa-host, or None if the user has no home."""
    with suppress(RuntimeError):
        base = os.environ.get("XDG_CACHE_HOME", "")
        return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "kometa-host"
    return None


@cache
def code_version() -> str:
    """Return what changes with the checks of the tree, so that no older answer is taken for theirs."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


class CacheFile:
    """A JSON mapping in the cache directory. It is only a cache: unreadable is empty, unwritable is not written."""

    def __init__(self, name: str) -> None:
        directory = cache_directory()
        self.path = directory / f"{name}.json" if directory else None

    def read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError, RecursionError):
            content = json.loads(self.path.read_bytes()) if self.path else {}
            return content if isinstance(content, dict) else {}
        return {}

    def write(self, content: Mapping[str, Any]) -> None:
        """Replace the file as a whole, so that runs at the same time read either one."""
        if self.path is None:
            return
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            text = json.dumps(content, separators=(",", ":"))
            whole_file.replace(self.path, text.encode(), 0o600, on_disk=False)
