"""Things that take long to build, built once: each lives under the content of its recipe and is renamed when whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.sandbox.address import CHECKOUT, checkout_id
from tests.sandbox.shell import locked, say, write_whole

SOURCES = Path(__file__).parent


def cache_directory() -> Path:
    """Return the cache's directory (KOMETA_HOST_SANDBOX_CACHE overrides it)."""
    return Path(os.environ.get("KOMETA_HOST_SANDBOX_CACHE", "/var/cache/kometa-host-sandbox"))


def recipe_digest(parts: Sequence[Path | str]) -> str:
    """Return a digest of a recipe: strings, names and contents of files, and of all files below folders."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode() + b"\0")
            continue
        for file in [part] if part.is_file() else sorted(part.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(SOURCES)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def cached(name: str, recipe: Sequence[Path | str], build: Callable[[Path], None]) -> Path:
    """Return the cached folder `name` of `recipe`; when there is none, `build` makes it (given an empty folder)."""
    entry = f"{name}-{recipe_digest(recipe)}"
    path = cache_directory() / entry
    if path.is_dir() and _is_noted(name, entry):
        return path
    with locked(cache_directory() / f"{name}.lock"):
        if not path.is_dir():
            _build(path, name, build)
        _note(name, entry)
        _prune(name)
    return path


def _build(path: Path, name: str, build: Callable[[Path], None]) -> None:
    draft = path.with_name(f"{path.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    say(f"building {name} (once; kept in {path.parent})")
    build(draft)
    draft.rename(path)


def _users(name: str) -> Path:
    return cache_directory() / "users" / name


def _is_noted(name: str, entry: str) -> bool:
    note = _users(name) / checkout_id()
    return note.is_file() and json.loads(note.read_text())["entry"] == entry


def _note(name: str, entry: str) -> None:
    _users(name).mkdir(parents=True, exist_ok=True)
    write_whole(_users(name) / checkout_id(), json.dumps({"entry": entry, "checkout": str(CHECKOUT)}))


def _prune(name: str) -> None:
    """Remove the entries of `name` that no existing checkout uses, and drafts that a killed build left."""
    used = set()
    for note in _users(name).glob("[!.]*"):
        record = json.loads(note.read_text())
        if Path(record["checkout"]).is_dir():
            used.add(record["entry"])
        else:
            note.unlink()
    for path in cache_directory().glob(f"{name}-*"):
        if path.name not in used:
            shutil.rmtree(path)
