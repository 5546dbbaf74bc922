"""Changes to files of the project that are made all together or not at all, whatever ends them.

Nothing is changed before a journal says what was there; whoever comes next puts it back if the change did not end.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from kometa_host.controller.project import ADOPTION_FOLDERS, ADOPTION_JOURNAL
from kometa_host.errors import UserError

PREFIX: Final = ADOPTION_FOLDERS.removesuffix("*")


class Staging:
    """Files that are to be put in place; until then they are in a folder of their own, in the project's.

    undone: whether a change that was cut off had to be undone first.
    """

    def __init__(self, folder: Path | None, *, undone: bool = False) -> None:
        self.folder, self.undone = folder, undone
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
        self._keep(self.folder)
        try:
            for target, staged in self.changes.items():
                target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                self._place(target, staged)
        except BaseException:
            _restore(self.folder)
            raise
        (self.folder / ADOPTION_JOURNAL).unlink()  # from here on the change is made

    def _keep(self, folder: Path) -> None:
        """Keep what is there, and write down what was not."""
        (folder / "before").mkdir()
        kept = {}
        for number, target in enumerate(self.changes):
            name = f"before/{number}" if _kept(target, folder / "before" / str(number)) else None
            kept[str(target.relative_to(folder.parent))] = name
        made = {str(made.relative_to(folder.parent)): None for target in self.changes for made in _missing(target)}
        written = folder / f"{ADOPTION_JOURNAL}.new"
        with written.open("w", encoding="utf-8") as stream:
            json.dump({"files": kept, "folders": list(made)}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        written.replace(folder / ADOPTION_JOURNAL)

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
    with _alone_in(project):
        undone = [_restore(left) for left in project.glob(ADOPTION_FOLDERS)]  # of those that were killed
        for left in project.glob(ADOPTION_FOLDERS):
            shutil.rmtree(left, ignore_errors=True)
        if dry:
            yield Staging(None, undone=any(undone))
            return
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=project))
        try:
            yield Staging(folder, undone=any(undone))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone_in(project: Path) -> Iterator[None]:
    descriptor = os.open(project, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("another adoption is at work in this project; wait for its end") from None
        yield
    finally:
        os.close(descriptor)


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


def _missing(target: Path) -> list[Path]:
    """Return the folders around a file that are not there, the outermost first."""
    return [folder for folder in target.parents if not folder.exists()][::-1]


def _kept(target: Path, kept: Path) -> bool:
    """Keep a file as it is, if there is one: by another name of it, since it is replaced and never written to."""
    if not target.exists():
        return False
    try:
        kept.hardlink_to(target)
    except OSError:  # a file system without such links
        shutil.copy2(target, kept)
    return True


def _restore(folder: Path) -> bool:
    """Put back what the journal of a staging area says; return whether it has one, so whether its change was begun."""
    journal = folder / ADOPTION_JOURNAL
    if not journal.exists():
        return False
    before = json.loads(journal.read_text(encoding="utf-8"))
    for name, kept in before["files"].items():
        target = folder.parent / name
        if kept is None:
            target.unlink(missing_ok=True)
        elif (folder / kept).exists():
            (folder / kept).replace(target)
    for name in reversed(before["folders"]):
        made = folder.parent / name
        if made.is_dir() and not any(made.iterdir()):
            made.rmdir()
    journal.unlink()
    return True
