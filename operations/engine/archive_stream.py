"""Streams an archive, of a host or of this machine, through the chain that opens and checks it: for restore and verify.

The archive passes through this machine's memory alone. The identity stays here; what somebody typed is remembered until
this program ends, so that nobody is asked twice.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from getpass import getpass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from time import monotonic
from typing import TYPE_CHECKING

import gevent
from paramiko import SSHException
from pyinfra import host, logger

from kometa_host.archive import names
from kometa_host.controller.project import IDENTITY_VARIABLE
from kometa_host.errors import UserError
from kometa_host.plans import backup as backup_plan
from kometa_host.plans import origin, snapshots
from kometa_host.plans import restore as restore_plan
from kometa_host.plans.backup import LATEST, LOCAL
from kometa_host.plans.origin import Written
from kometa_host.plans.snapshots import Snapshot
from kometa_host.state import answers, programs
from kometa_host.state.programs import Actor
from operations.engine import openssh
from operations.engine.attended import at_interrupt
from operations.engine.operation import ask, settings
from operations.engine.process import (
    MAX_LOOK,
    MAX_STREAM,
    ConnectionLostError,
    Process,
    answered_within,
    read_errors,
)

if TYPE_CHECKING:
    from kometa_host.archive.chain import Report
    from kometa_host.archive.gate import Member
    from kometa_host.archive.identity import Identities

Forward = Callable[[bytes | memoryview], object]
Ask = Callable[[str], str]

_typed: dict[str, str] = {}
_identities: "dict[str, Identities]" = {}


@dataclass(frozen=True)
class Place:
    """Where an archive is: a path on the host, or on this machine; or a snapshot of the host's repository.

    written: what the host has written itself; elsewhere: whether the archive may be another one.
    """

    path: str
    local: bool = False
    snapshot: Snapshot | None = None
    written: Written = field(default=Written(), repr=False, compare=False)
    elsewhere: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path.rpartition("/")[2]

    @property
    def begun(self) -> datetime | None:
        """When the backup began, None if that is not known."""
        archive = names.parse(self.name)
        return self.snapshot.time if self.snapshot else archive.time if archive else None


def locate(backup: object, further: Mapping[str, object]) -> Place:
    """Given what was typed as backup= and from=, return where that archive is. Raise UserError if there is none."""
    known, elsewhere = settings(), origin.is_from_elsewhere(further)
    wanted = backup_plan.checked_backup(backup, known.kometa_backup_dir)
    if wanted == LATEST and not known.archives_enabled and known.kometa_backup_repository:
        wanted = f"{snapshots.PREFIX}{LATEST}"
    if snapshots.is_named(wanted):
        snapshot = snapshots.chosen(_listed_snapshots(), wanted)
        return Place(snapshot.name, snapshot=snapshot)
    lines = _listed_archives()
    written = backup_plan.parse_written(lines)
    if wanted == LATEST:
        return Place(f"{known.kometa_backup_dir}/{_latest(lines, written)}", written=written, elsewhere=elsewhere)
    path = wanted.removeprefix(LOCAL)
    return Place(path, local=wanted != path, written=written, elsewhere=elsewhere)


def _listed_archives() -> list[str]:
    known = settings()
    listed = ask("backup_archives", backup_dir=known.kometa_backup_dir)
    if listed.status:
        raise UserError(f"{known.kometa_backup_dir} could not be looked through: {listed.stderr.strip()}")
    return answers.parts(listed.stdout.decode("utf-8", "replace"), "\n")


def _latest(lines: Sequence[str], written: Written) -> str:
    chosen = backup_plan.latest(backup_plan.parse_archives(lines), written)
    missing = backup_plan.missing_newer(chosen, written)
    if missing:
        host.log(missing, logger.warning)
    return chosen.name


def origin_lines(place: Place, report: "Report") -> list[str]:
    """Return what to say of where an archive comes from. Raise UserError if that is elsewhere, and nobody said so."""
    if place.snapshot:
        return []  # whoever made it has the repository's password
    return origin.told(place.written, place.name, report, place.elsewhere)


def _listed_snapshots() -> list[Snapshot]:
    known = settings()
    if not known.kometa_backup_repository:
        raise UserError("kometa_backup_repository names no repository to restore from.")
    listed = ask("repository_snapshots", library_dir=known.library_dir)
    if listed.status:
        raise UserError(f"the repository could not be read: {listed.stderr.strip()}")
    return snapshots.parse(listed.stdout.decode("utf-8", "replace"))


def identities(identity: object) -> "Identities | None":
    """Given identity= or else KOMETA_AGE_IDENTITY, the path of an identity file on this machine, return what it holds.

    None if neither is given: an archive that is not encrypted opens without. Raise UserError if the file is of no use.
    """
    path = os.environ.get(IDENTITY_VARIABLE) if identity is None else identity
    if path is None or path == "":
        return None
    if not isinstance(path, str):
        raise UserError(f"identity is {path!r}; write the path of a file on this machine, such as age-identity.txt.")
    if path not in _identities:
        # Imported here: these modules are slow to load, and only what opens an archive needs them.
        from kometa_host.archive.identity import read_identities

        with _forgetting_what_was_wrong():
            _identities[path] = read_identities(path, asks())
        for warning in _identities[path].warnings:
            host.log(f"identity: {warning}")
    return _identities[path]


def asks() -> Ask | None:
    """Return what asks the user for a passphrase, each one once; None where nobody can be asked."""
    return _ask if sys.stdin.isatty() else None


def _ask(prompt: str) -> str:
    if prompt not in _typed:
        _typed[prompt] = getpass(prompt)
    return _typed[prompt]


@contextmanager
def _forgetting_what_was_wrong() -> Iterator[None]:
    try:
        yield
    except UserError:
        _typed.clear()
        raise


def stream(
    place: Place,
    keys: "Identities | None",
    forward: Forward,
    *,
    task: str,
    on_member: "Callable[[Member], object] | None" = None,
    on_left_out: Callable[[tuple[str, ...]], object] | None = None,
    proof: bool = False,
) -> "Report":
    """Given where an archive is, forward its tar stream to the end and return what it held, as `open_archive` does.

    + task: what is shown beside the progress, such as "checking"
    + on_left_out: called with what the backup left out, before anything is forwarded
    + proof: whether all of a snapshot has to come from the repository itself, nothing from the host's cache

    Other hosts get their turn meanwhile. Raise UserError if the archive cannot be read, opened or accepted, and at
    Ctrl-C; what forward and on_member raise comes out as it is.
    """
    stopped: list[bool] = []

    def yield_to_other_hosts() -> None:
        gevent.sleep(0)
        if stopped:
            raise UserError("interrupted.")

    with (
        answered_within(MAX_STREAM),
        _opened(place, proof) as (size, read),
        _forgetting_what_was_wrong(),
        at_interrupt(lambda: stopped.append(True)),
    ):
        return _opener(place, read, keys)(
            forward,
            name=place.name,
            on_member=on_member,
            on_left_out=on_left_out,
            yield_to_other_hosts=yield_to_other_hosts,
            progress=Progress(f"{task} {place.name}", size),
        )


Read = Callable[[int], bytes]


def _opener(place: Place, read: Read, keys: "Identities | None") -> "Callable[..., Report]":
    from kometa_host.archive.chain import open_archive, open_snapshot

    if place.snapshot:
        return partial(open_snapshot, read, left_out=place.snapshot.left_out)
    return partial(open_archive, read, keys)


@contextmanager
def _opened(place: Place, proof: bool) -> Iterator[tuple[int, Read]]:
    """Open the archive for reading: yield its size in bytes, of a snapshot that of its files, and what reads it."""
    if place.local:
        with _local_file(place.path) as opened:
            yield opened
    else:
        reader = _HostSnapshot(place.snapshot, proof) if place.snapshot else _HostFile(place.path)
        try:
            yield reader.size, reader.read
        finally:
            reader.process.close()


@contextmanager
def _local_file(name: str) -> Iterator[tuple[int, Read]]:
    path = Path(name).expanduser()
    try:
        status = path.stat()
        if S_ISDIR(status.st_mode):
            raise UserError(f"{name} is a directory of this machine; name the archive in it.")
        if not S_ISREG(status.st_mode):
            raise UserError(f"{name} is no regular file, and an archive is read twice.")
        with path.open("rb") as file:
            yield status.st_size, file.read
    except FileNotFoundError:
        raise UserError(f"there is no file {name} on this machine.") from None
    except PermissionError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}.") from None


class _HostStream:
    """What a program of the host writes, read through a channel of its own."""

    def __init__(self, name: str, **variables: object) -> None:
        script = programs.program(name, call="", **variables)
        self.process: Process = openssh.start(host, Actor.ACCOUNT, settings().mms_user, script)

    def _next(self) -> bytes:
        try:
            with answered_within(MAX_LOOK):
                return self.process.read()
        except (OSError, EOFError, SSHException) as error:
            raise ConnectionLostError(f"the connection was lost ({error}). Run the command again.") from error

    def _ending(self) -> tuple[str, int]:
        """Return what the program said, and its exit status."""
        try:
            with answered_within(MAX_LOOK):
                return read_errors(self.process).strip(), self.process.wait()
        finally:
            self.process.close()


class _HostSnapshot(_HostStream):
    """A snapshot of the host's repository; size is that of its files. The program's status tells of its end."""

    def __init__(self, snapshot: Snapshot, proof: bool) -> None:
        library = settings().library_dir
        super().__init__("repository_dump", id=snapshot.id, no_cache=proof, library_dir=library)
        self.size = snapshot.size

    def read(self, _size: int) -> bytes:
        """Return the next piece, empty at the end. Raise UserError if restic could not read all of it."""
        piece = self._next()
        if not piece:
            said, status = self._ending()
            if status:
                raise UserError(f"restic could not read the snapshot to its end (status {status}). It says: {said}")
        return piece


class _HostFile(_HostStream):
    """A file of the host, which tells its size first."""

    def __init__(self, path: str) -> None:
        super().__init__("backup_read", path=path)
        start = b""
        while b"\n" not in start:
            piece = self._next()
            if not piece:
                raise self._failure()
            start += piece
            if len(start) > answers.MAX_LINE:
                break
        size, _, self._rest = start.partition(b"\n")
        with answers.sensible("the archive"):
            self.size = self._left = int(size)

    def read(self, _size: int) -> bytes:
        """Return the next piece, empty at the end. Raise UserError if the file could not be read to its end."""
        piece, self._rest = self._rest or self._next(), b""
        self._left -= len(piece)
        if not piece and self._left:
            raise self._failure()
        return piece

    def _failure(self) -> UserError:
        said, status = self._ending()
        return UserError(said or f"the archive could not be read to its end on the host (status {status}).")


class Progress:
    """Tells how far a stream has come: every second on a terminal that shows one host, else every ten seconds."""

    def __init__(self, what: str, size: int) -> None:
        """Given what is done and the size of the whole in bytes, begin to count."""
        self._what, self._size = what, size
        self._alone = sys.stderr.isatty() and len(host.state.activated_hosts) == 1
        self._began = self._told = monotonic()
        self._lines = 0

    def __call__(self, done: int) -> None:
        """Take note of the bytes that are done."""
        now = monotonic()
        if now - self._told < (1 if self._alone else 10):
            return
        self._told = now
        # Over the previous line, which is the one above that of pyinfra's spinner.
        back = "\033[A\r\033[K" if self._alone and self._lines else ""
        self._lines += 1
        text = restore_plan.progress_text(self._what, done, self._size, now - self._began)
        print(f"{back}{host.print_prefix}{text}", file=sys.stderr, flush=True)
