"""Restores of the config tree: what was asked for, and what it would change on the host. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from kometa_host.archive.printable import printable
from kometa_host.errors import UserError
from kometa_host.plans.backup import size_text
from kometa_host.settings.paths import checked_directory, overlap, refuse_account_internals
from kometa_host.settings.refusals import RefusalError
from kometa_host.settings.restic import checked_exclude, exclude_expression
from kometa_host.settings.variables import Settings
from kometa_host.state import answers
from kometa_host.state.observed import Observed

if TYPE_CHECKING:
    from kometa_host.archive.chain import Report
    from kometa_host.archive.gate import Contents, Member

TOP = b"kometa/"
MAX_WAIT = 6 * 3600  # seconds for a run in progress
SHOWN = 5  # names of each kind
DESTINATION_EXAMPLE = "/home/mms/restored"
PATHS_EXAMPLE = "paths=config.yml,collections"
# More than a file's bytes: its last block, its inode and its part of a directory.
BYTES_PER_MEMBER = 8192


@dataclass(frozen=True)
class Options:
    """What a restore was asked for.

    destination: a new directory on the host; paths: names in the tree; both empty: the whole live tree.
    wait: seconds for a run in progress to end; force: do not wait for it at all.
    """

    destination: str = ""
    paths: tuple[bytes, ...] = ()
    force: bool = False
    wait: int = MAX_WAIT

    @property
    def replaces_tree(self) -> bool:
        """Whether the whole live tree is replaced."""
        return not self.destination and not self.paths


def checked(settings: Settings, destination: object, paths: object, force: object, wait: object) -> Options:
    """Given arguments as they were typed, return the options. Raise UserError if one cannot work."""
    if not isinstance(force, bool):
        raise UserError(f"force is {force!r}; write force=true to end a run in progress.")
    if isinstance(wait, bool) or not isinstance(wait, int) or not 0 <= wait <= 7 * 86_400:
        raise UserError(f"wait is {wait!r}; write a whole number of seconds, for example wait=3600.")
    if destination is not None and paths is not None:
        raise UserError("destination= takes the whole archive, paths= goes into the live tree: give one of them.")
    return Options(
        "" if destination is None else _checked_destination(destination, settings),
        () if paths is None else _checked_paths(paths),
        force,
        wait,
    )


def _checked_destination(value: object, settings: Settings) -> str:
    example = DESTINATION_EXAMPLE.replace("/mms/", f"/{settings.mms_user}/")
    try:
        path = checked_directory(value, example)
        refuse_account_internals(path, settings.home, example)
    except RefusalError as refusal:
        raise UserError(f"destination: {refusal}.") from None
    for taken, what in ((settings.kometa_config_dir, "the live tree"), (settings.kometa_backup_dir, "the backups")):
        if overlap(path, taken):
            raise UserError(f"destination: {path} is, holds or lies in {taken}, where {what} are; name another.")
    return path


def _checked_paths(value: object) -> tuple[bytes, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple) or not value or not all(isinstance(name, str) for name in value):
        raise UserError(f"paths is {value!r}; write names in the config tree, for example {PATHS_EXAMPLE}.")
    names = sorted({_checked_path(name) for name in value})
    # What lies in another one of them is restored with that.
    return tuple(name for name in names if not any(name.startswith(other + b"/") for other in names))


def _checked_path(name: str) -> bytes:
    path = name.strip().rstrip("/")
    parts = path.split("/")
    if not path or path.startswith("/") or {"", ".", ".."} & set(parts) or "\0" in path or "\n" in path:
        raise UserError(
            f"paths: {name!r} is no name in the config tree; write it relative to /config, for example {PATHS_EXAMPLE}."
        )
    try:
        return path.encode()
    except UnicodeEncodeError:
        raise UserError(f"paths: {path!r} is not UTF-8; name the folder above it.") from None


def refuse_unready(settings: Settings, found: Observed) -> None:
    """Raise UserError if the host is not ready for a restore: nothing deployed yet, or nothing can be exchanged."""
    lacking = {
        f"the account {settings.mms_user} is not on the host": not found.host.accounts,
        "Podman is not on the host": not found.host.has_command("podman"),
        "tar is not on the host": not found.host.has_command("tar"),
        f"the services of {settings.mms_user} do not run": not found.text("bus"),
    }
    for what, lacks in lacking.items():
        if lacks:
            raise UserError(f"{what}. Deploy first: pyinfra inventory.py deploy.py")
    if found.files("config").is_mountpoint:
        raise UserError(
            f"{settings.kometa_config_dir} is a mount point itself, so nothing can be exchanged with it. "
            f"Set kometa_config_dir to a directory inside it, such as {settings.kometa_config_dir}/kometa."
        )


# What would change


class Fingerprint(NamedTuple):
    """What tells whether an entry is the same: kind (f, d, l or another letter of find), size, time, target of a link.

    time: whole seconds since 1970, as an archive has it. Of a directory only the kind counts.
    """

    kind: str
    size: int = 0
    mtime: int = 0
    link: bytes = b""


@answers.sensible("the config tree")
def parse_look(data: bytes, rounded: bool = False) -> tuple[dict[bytes, Fingerprint], list[str]]:
    """Given the gzipped records `kind size seconds name NUL target NUL` of a tree, return its entries by name.

    And the names of the trees beside it that restores replaced, the newest last: their kind is `kept`. rounded: times
    to the nearest second, as restic's stream has them.
    """
    fields = answers.parts(answers.inflated(data), b"\0") if data else []
    entries, kept = {}, []
    for facts, link in zip(fields[0::2], fields[1::2], strict=False):
        kind, size, mtime, name = facts.split(b" ", 3)
        if kind == b"kept":
            kept.append(name.decode("utf-8", "replace"))
        else:
            entries[name] = _mark(kind.decode("ascii"), int(size), _seconds(mtime, rounded), link)
    return entries, sorted(kept)


def _seconds(time: bytes, rounded: bool) -> int:
    whole, _, fraction = time.partition(b".")
    return int(whole) + (rounded and fraction[:1] >= b"5")


def _mark(kind: str, size: int, mtime: int, link: bytes) -> Fingerprint:
    if kind == "f":
        return Fingerprint("f", size, mtime)
    return Fingerprint(kind, link=link if kind == "l" else b"")


@dataclass
class Comparison:
    """What a restore changes, found while the archive's members go by. Names are relative to the tree.

    live: the entries of the live tree; what is left there at the end is what the restore removes.
    """

    live: dict[bytes, Fingerprint]
    paths: Sequence[bytes] = ()
    added: int = 0
    changed: int = 0
    same: int = 0
    first_added: list[bytes] = field(default_factory=list)
    first_changed: list[bytes] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)
    foreign_links: list[bytes] = field(default_factory=list)

    def note(self, member: "Member") -> None:
        """Take note of a member of the archive."""
        name = member.name.removeprefix(TOP)
        if member.name == TOP[:-1] or not self.covers(name):
            return
        if self.paths:
            self._note_path(name, member)
        if self.wanted(member) == self.live.get(name):
            self.same += 1
        elif name in self.live:
            self.changed += 1
            self.first_changed = [*self.first_changed, name][:SHOWN]
        else:
            self.added += 1
            self.first_added = [*self.first_added, name][:SHOWN]
        self.live.pop(name, None)

    def leave(self, patterns: Sequence[str]) -> None:
        """Take out of account what the archive's backup left out: it stays as it stands in the live tree."""
        if patterns:
            expression = re.compile(
                "|".join(f"{exclude_expression(pattern)}(/.*)?" for pattern in patterns).encode(), re.S
            )
            self.live = {name: mark for name, mark in self.live.items() if not expression.fullmatch(b"./" + name)}

    def covers(self, name: bytes) -> bool:
        """Return whether an entry is among what is restored."""
        return not self.paths or any(name == path or name.startswith(path + b"/") for path in self.paths)

    def _note_path(self, name: bytes, member: "Member") -> None:
        self.seen.update(path for path in self.paths if path == name)
        if member.kind == "hardlink" and not self.covers(member.link.removeprefix(TOP)):
            self.foreign_links.append(name)

    def wanted(self, member: "Member") -> Fingerprint:
        """Return what the member will be in the live tree."""
        if member.kind == "hardlink":
            # Its size is that of its target: the same file with the same time.
            here = self.live.get(member.name.removeprefix(TOP))
            return Fingerprint("f", here.size if here else 0, member.mtime)
        kind = {"file": "f", "directory": "d", "symlink": "l"}[member.kind]
        return _mark(kind, member.size, member.mtime, member.link)

    def removed(self) -> list[bytes]:
        """Return what the restore removes, in order; valid once all members went by."""
        return sorted(name for name in self.live if self.covers(name))

    def refuse_impossible(self, archive: str) -> None:
        """Raise UserError if the archive lacks a path that was asked for, or has one as a link to what was not."""
        missing = [path for path in self.paths if path not in self.seen]
        if missing:
            raise UserError(f"{archive} does not hold {_named(missing, len(missing))}; nothing was changed.")
        if self.foreign_links:
            raise UserError(
                f"{_named(self.foreign_links, len(self.foreign_links))} is a hard link to what paths= does not name; "
                "name both, or restore to a destination= and copy."
            )

    def lines(self) -> list[str]:
        """Return what would change: how many entries, then the first names of each kind."""
        removed = self.removed()
        told = (
            ("added", self.first_added, self.added),
            ("changed", self.first_changed, self.changed),
            ("removed", removed, len(removed)),
        )
        counts = [f"{number} {what}" for what, _, number in told]
        names = [f"{what}: {_named(names, number)}" for what, names, number in told if number]
        return [", ".join([*counts, f"{self.same} unchanged"]), *names]


def _named(names: Sequence[bytes], number: int) -> str:
    shown = ", ".join(printable(name) for name in names[:SHOWN])
    return f"{shown}, ..." if number > SHOWN else shown


def left_out_line(report: "Report") -> list[str]:
    """Return what to say about what an archive was made without, nothing if it is all of a tree."""
    return [f"not in this archive: {', '.join(map(repr, report.left_out))}"] if report.left_out else []


def checked_left_out(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns of what an archive was made without. Raise UserError: an archive may come from anybody."""
    try:
        return checked_exclude(list(patterns))
    except RefusalError as refusal:
        raise UserError(f"what the archive says it was made without cannot be: {refusal}.") from None


def refuse_without_config(contents: "Contents", archive: str) -> None:
    """Raise UserError if an archive is a tree without config.yml: Kometa would halt with it."""
    if not contents.has_config_yml:
        raise UserError(
            f"{archive}: it is whole, but there is no config.yml in it, and Kometa does not run without. "
            "Restore it to a destination= to look at it; nothing was changed."
        )


def space_needed(contents: "Contents") -> int:
    """Return how many bytes the tree takes on a disk, a little too many."""
    return contents.bytes + contents.members * BYTES_PER_MEMBER


# What is said


def summary(name: str, report: "Report") -> str:
    """Return the sentence that says what was found in a whole archive."""
    contents = report.contents
    how = "encrypted" if report.encrypted else "not encrypted"
    return (
        f"{name} is whole: {contents.members} entries, {size_text(contents.bytes)}, {how}, "
        f"newest file of {contents.newest:%Y-%m-%d %H:%M} UTC"
    )


def progress_text(what: str, done: int, size: int, seconds: float) -> str:
    """Return how far a stream of so many bytes has come after so many seconds, in words."""
    share = f" ({100 * done // size} %)" if size else ""
    rate = f", {size_text(done / seconds)}/s" if seconds > 0 else ""
    return f"{what}: {size_text(done)} of {size_text(size)}{share}{rate}"


def outcome(lines: Iterable[str]) -> Mapping[str, str]:
    """Given what a program of the host printed, lines `name value`, return it by name."""
    return dict(line.split(" ", 1) for line in lines if " " in line)


def result(settings: Settings, options: Options, name: str, told: Mapping[str, str]) -> list[str]:
    """Given what the host told at the end of a restore, return what to say. kept: the path of what was replaced."""
    kept = told.get("kept", "")
    if options.destination:
        return [f"{name} is unpacked in {options.destination}, with the owners that it has in the container"]
    tree = settings.kometa_config_dir
    running = "Kometa runs with it" if told.get("active") else "Kometa was not running and stays so"
    if options.paths:
        names = ", ".join(path.decode() for path in options.paths)
        lines = [f"restored from {name}: {names}. Kometa reads it when its next run starts"]
        lines += [f"what was there before is kept in {kept}"] if kept else []
    else:
        lines = [f"{tree} is restored: {name}. {running}"]
        lines += [f"the previous tree is kept as {kept}; operations.restore.undo brings it back"] if kept else []
    return [*lines, "the next deploy puts back what the project declares (deploy.py --dry --diff shows what)"]
