"""Sets of files that a host shall have: wanted, found, and what to change. Pure.

A set is a directory of which some entries are ours. The host keeps a manifest of what was written there: a look
at sizes and times tells whether it still holds, and a file that is no longer wanted is known as ours. Owners are
ids inside the account's user namespace: 0 is the account itself.
"""

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BufferedIOBase

from kometa_host.state import answers

MANIFEST_FORMAT = 1


@dataclass(frozen=True)
class WantedFile:
    """A file as it shall be: permission bits, size in bytes, SHA-256 in hexadecimal, and how to read it."""

    mode: int
    size: int
    sha256: str
    open: Callable[[], BufferedIOBase] = field(compare=False, repr=False)

    @classmethod
    def of(cls, data: bytes | str, mode: int) -> "WantedFile":
        """Return the file that holds the data; text is encoded as UTF-8."""
        content = data.encode() if isinstance(data, str) else data
        return cls(mode, len(content), hashlib.sha256(content).hexdigest(), lambda: io.BytesIO(content))

    def text(self) -> str:
        """Return the whole content as text."""
        with self.open() as stream:
            return stream.read().decode()


@dataclass(frozen=True)
class FileSet:
    """Files and directories below one root on the host, by relative name; the root itself is the directory `.`."""

    name: str
    root: str
    files: Mapping[str, WantedFile]
    directories: Mapping[str, int]
    uid: int = 0
    gid: int = 0
    declared_digest: str | None = None

    @cached_property
    def digest(self) -> str:
        """What distinguishes this set from any other: names, modes, owners and contents.

        Where a file is written otherwise than declared (config.yml, with Kometa's additions) it is what was declared.
        """
        if self.declared_digest:
            return self.declared_digest
        lines = [f"{MANIFEST_FORMAT} {self.root} {self.uid} {self.gid}"]
        lines += [f"- {mode:o} {name}" for name, mode in sorted(self.directories.items())]
        lines += [f"{file.sha256} {file.mode:o} {name}" for name, file in sorted(self.files.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """An entry of the manifest: SHA-256 (None for a directory), permission bits and owner."""

    sha256: str | None
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class FoundSet:
    """A set as the host has it.

    manifest is told only where the digest is not the wanted one or the followed text differs; deviations maps a name to
    the set of ways in which it is not as written: missing, kind, owner, changed.
    """

    root: Entry | None = None
    digest: str | None = None
    manifest: Mapping[str, Entry] = field(default_factory=dict)
    deviations: Mapping[str, frozenset[str]] = field(default_factory=dict)
    text: str | None = None
    text_sha256: str | None = None
    declared: str | None = None
    pending: bool = False
    is_mountpoint: bool = False


@dataclass(frozen=True)
class Changes:
    """What makes a set as wanted: entries to write, to give mode and owner, to remove; and those to keep a copy of.

    retyped: those that were written as a file and are to be a directory, or the other way round.
    """

    directories: Sequence[str] = ()
    write: Sequence[str] = ()
    adjust: Sequence[str] = ()
    remove: Sequence[str] = ()
    save: Sequence[str] = ()
    retyped: Sequence[str] = ()
    finish_pending: bool = False
    rewrite_manifest: bool = False
    since: str | None = None  # digest of the state that they start from

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__dataclass_fields__ if name != "since")

    @property
    def files(self) -> Sequence[str]:
        """Names of all entries that change."""
        return sorted({*self.directories, *self.write, *self.adjust, *self.remove})


def changes(wanted: FileSet, found: FoundSet) -> Changes:
    """Given the wanted and the found state of a set, return what has to change."""
    if found.digest == wanted.digest:
        return _repairs(wanted, found)
    return _transition(wanted, found)


def _repairs(wanted: FileSet, found: FoundSet) -> Changes:
    def deviating(*kinds: str) -> list[str]:
        return sorted(name for name, how in found.deviations.items() if how & set(kinds))

    lost = deviating("missing", "kind", "changed")
    return Changes(
        directories=[name for name in lost if name in wanted.directories],
        write=[name for name in lost if name in wanted.files],
        adjust=[name for name in deviating("owner") if name not in lost],
        save=[name for name in deviating("changed", "kind") if name in wanted.files],
        finish_pending=found.pending,
        since=found.digest,
    )


def _transition(wanted: FileSet, found: FoundSet) -> Changes:
    known, deviations = found.manifest, found.deviations
    gone = {name for name, how in deviations.items() if "missing" in how}
    modified = {name for name, how in deviations.items() if how & {"changed", "kind"}}

    def as_wanted(name: str, file: WantedFile) -> bool:
        return name in known and name not in gone | modified and known[name].sha256 == file.sha256

    known_directories = {name for name, entry in known.items() if entry.sha256 is None}
    write = [name for name, file in wanted.files.items() if not as_wanted(name, file)]
    remove = [name for name in known if name not in {*wanted.files, *wanted.directories, *gone}]
    retyped = {name for name in wanted.directories if name in known and name not in known_directories}
    retyped |= {name for name in wanted.files if name in known_directories}
    return Changes(
        directories=sorted(name for name in wanted.directories if name not in known_directories - gone - modified),
        write=sorted(write),
        adjust=sorted(_misowned(wanted, found) - set(write) - gone),
        remove=sorted(remove, key=_deepest_first),
        save=sorted(name for name in {*write, *remove, *retyped} if name not in known or name in modified),
        retyped=sorted(retyped),
        finish_pending=found.pending,
        rewrite_manifest=True,
        since=found.digest,
    )


def _deepest_first(name: str) -> tuple[int, str]:
    """Return what to sort by so that a directory comes behind all that is in it, and beside its neighbours."""
    return (-name.count("/"), name)


def _misowned(wanted: FileSet, found: FoundSet) -> set[str]:
    modes = {**wanted.directories, **{name: file.mode for name, file in wanted.files.items()}}
    deviating = {name for name, how in found.deviations.items() if "owner" in how and name in modes}
    return deviating | {
        name
        for name, entry in found.manifest.items()
        if name in modes and (entry.mode, entry.uid, entry.gid) != (modes[name], wanted.uid, wanted.gid)
    }


def manifest_of(wanted: FileSet) -> str:
    """Return the manifest without what only the host knows: a line `sha256 mode uid gid TAB name` for each entry."""
    owner = f"{wanted.uid} {wanted.gid}"
    lines = [f"- {mode:o} {owner}\t{name}" for name, mode in sorted(wanted.directories.items())]
    lines += [f"{file.sha256} {file.mode:o} {owner}\t{name}" for name, file in sorted(wanted.files.items())]
    return f"{wanted.digest}\n" + "".join(f"{line}\n" for line in lines)


def parse_manifest(text: str) -> dict[str, Entry]:
    """Given a manifest of the host, `sha256 size mtime ctime mode uid gid TAB name` a line, return its entries."""
    entries = {}
    for line in answers.parts(text, "\n")[1:]:
        facts, _, name = line.partition("\t")
        sha256, _, _, _, mode, uid, gid = facts.split(" ")
        entries[name] = Entry(None if sha256 == "-" else sha256, int(mode, 8), int(uid), int(gid))
    return entries


def parse_deviations(text: str) -> dict[str, frozenset[str]]:
    """Given the host's lines `missing|kind|changed NAME` and `owner MODE UID GID NAME`, return the words by name."""
    found: dict[str, set[str]] = {}
    for line in answers.parts(text, "\n"):
        what, _, rest = line.partition(" ")
        name = rest.split(" ", 3)[3] if what == "owner" else rest
        found.setdefault(name, set()).add(what)
    return {name: frozenset(how) for name, how in found.items()}
