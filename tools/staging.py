"""Changes to files of the project that are made all together or not at all."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PREFIX = ".kometa-adopt-"


class Staging:
    """Files that are to be put in place; until then they are in a folder of their own, beside what they replace."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.changes: dict[Path, Path | None] = {}
        self._modes: dict[Path, int] = {}
        self._staged = 0

    def put(self, target: Path, content: IO[bytes], mode: int = 0o644) -> str:
        """Stage a file: return "same" if it is there already with this content, else "new" or "changed"."""
        self._staged += 1
        staged = self.folder / str(self._staged) if self.folder else None
        digest = _copied(content, staged)
        if target.is_file() and digest_of(target) == digest:
            return "same"
        self.changes[target] = staged
        self._modes[target] = mode
        return "changed" if target.exists() else "new"

    def remove(self, target: Path) -> None:
        """Have a file taken away."""
        self.changes[target] = None
        self._modes[target] = -1

    def commit(self) -> None:
        """Put all files in place. If that fails, or is interrupted, everything is as it was before."""
        assert self.folder is not None
        before = self.folder / "before"
        before.mkdir()
        undo: list[tuple[Path, Path | None]] = []
        try:
            for number, (target, staged) in enumerate(self.changes.items()):
                undo += [(made, None) for made in _with_parents(target)]
                kept = before / str(number)
                undo.append((target, _kept(target, kept)))
                self._place(target, staged)
        except BaseException:
            _undo(undo)
            raise

    def _place(self, target: Path, staged: Path | None) -> None:
        if self._modes[target] < 0:
            target.unlink()
            return
        assert staged is not None
        staged.chmod(self._modes[target])
        staged.replace(target)


@contextmanager
def staging(project: Path, *, dry: bool) -> Iterator[Staging]:
    """Yield a staging area in the project's folder, gone afterwards; one that writes nothing if it is only to look."""
    for left in project.glob(f"{PREFIX}*"):  # of one that was killed
        shutil.rmtree(left, ignore_errors=True)
    if dry:
        yield Staging(None)
        return
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=project))
    try:
        yield Staging(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def digest_of(path: Path) -> str:
    """Return the digest of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _copied(content: IO[bytes], path: Path | None) -> str:
    """Copy a stream into a file that only its owner can read, if a path is given; return its digest."""
    digest = hashlib.sha256()
    descriptor = os.open(path or os.devnull, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        while block := content.read(1 << 20):
            digest.update(block)
            stream.write(block)
    return digest.hexdigest()


def _with_parents(target: Path) -> list[Path]:
    """Make the folders around a file; return those that were made, the outermost first."""
    missing = [folder for folder in target.parents if not folder.exists()][::-1]
    for folder in missing:
        folder.mkdir(mode=0o755)
    return missing


def _kept(target: Path, kept: Path) -> Path | None:
    """Keep a file as it is, if there is one."""
    if not target.exists():
        return None
    shutil.copy2(target, kept)
    return kept


def _undo(done: list[tuple[Path, Path | None]]) -> None:
    for target, kept in reversed(done):
        if kept is not None:
            shutil.copy2(kept, target)
        elif target.is_dir():
            target.rmdir()
        else:
            target.unlink(missing_ok=True)
