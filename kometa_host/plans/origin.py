"""Where an archive comes from: a host knows what it has written. Pure.

age says who can read an archive, not who wrote it: anybody can encrypt to a public recipient, or call an old archive by
a new name. So a host keeps the digest of each archive that it writes where only its account can write
(programs/lib/backup_marks.sh), and what it does not find there is from elsewhere.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kometa_host.archive import names
from kometa_host.config_tree import redaction, yaml12
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.secret_patterns import MASK
from kometa_host.config_tree.yaml12 import KeyPath, Value, YamlError
from kometa_host.errors import UserError
from kometa_host.settings.urls import parts_of
from kometa_host.state import answers

if TYPE_CHECKING:
    from kometa_host.archive.chain import Report

FROM, ELSEWHERE = "from", "elsewhere"
SHOWN = 40  # addresses
WRITTEN = re.compile(r"([0-9a-f]{64}) ([0-9]{1,18}) (.+)")
ADDRESS_KEY = re.compile(r"url|uri|host|server|address|webhook|proxy", re.IGNORECASE)
NOTHING = "nothing"


@dataclass(frozen=True)
class Written:
    """The archives that a host has written: digest and size in bytes by name, in the order of their writing."""

    archives: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Written":
        """Given lines `SHA256 SIZE NAME`, the newest last, return them; others are passed over."""
        found: dict[str, tuple[str, int]] = {}
        for line in lines:
            if match := WRITTEN.fullmatch(line):
                found.pop(match[3], None)  # its place is that of its last writing
                found[match[3]] = (match[1], int(match[2]))
        return cls(found)

    def has(self, name: str, size: int) -> bool:
        """Return whether the host has written an archive of that name and size; its digest says whether this is it."""
        return self.archives.get(name, ("", -1))[1] == size

    def why_foreign(self, name: str, sha256: str) -> str | None:
        """Given an archive's name and digest, return why it is not taken for the host's own, None if it is."""
        if self.archives.get(name, ("",))[0] == sha256:
            return None
        same = next((other for other, (digest, _) in self.archives.items() if digest == sha256), None)
        if same and names.parse(name):
            return f"{name} is what this host wrote as {same}, under another name"
        if name in self.archives:
            return f"{name} is not what this host wrote under that name: it was replaced or damaged"
        return None if same else f"this host does not know of having written {name}"


def is_from_elsewhere(further: Mapping[str, object]) -> bool:
    """Given further arguments as typed, return whether they are from=elsewhere. Raise UserError for others."""
    for name, value in further.items():
        if name != FROM:
            raise UserError(f"{name}={value} is no argument of this operation.")
        if value != ELSEWHERE:
            raise UserError(f"from={value} is not known; from=elsewhere takes an archive that this host did not write.")
    return FROM in further


def told(written: Written, name: str, report: "Report", elsewhere: bool) -> list[str]:
    """Return what to say of where an archive comes from. Raise UserError if that is elsewhere, and nobody said so."""
    why = written.why_foreign(name, report.sha256)
    if why is None:
        return [f"{name} is as this host wrote it"]
    if not elsewhere:
        raise UserError(
            f"{why}. Anybody who can write to its place could have put it there, with addresses to which Kometa would "
            "send its secrets. If you know where it comes from, say so with from=elsewhere; what it changes about "
            "addresses is shown before anything is put in place."
        )
    return [f"{why}; from=elsewhere says that you know where it comes from"]


# --- what an archive would change about where Kometa sends what -------------------------------------------------------


def address_changes(live: str | None, archived: bytes) -> list[str]:
    """Given the live config.yml and an archive's, return the lines about addresses and placeholders that change."""
    try:
        after = _leaves(yaml12.load(archived, CONFIG).value)
    except YamlError as error:
        return [f"config.yml of the archive cannot be read, by Kometa neither: {answers.shown(str(error))}"]
    before = _leaves_of(live)
    # Each leads somewhere, or says what goes there; what stands beside a secret comes first.
    changed = [path for path in after if _is_address(path, after[path]) and after[path] != before.get(path)]
    beside = {path[:-1] for path, value in after.items() if _is_secret(path, value)}
    changed.sort(key=lambda path: path[:-1] not in beside)
    lines = [_change(path, before.get(path), after[path]) for path in changed[:SHOWN]]
    return [*lines, *([f"and {len(changed) - SHOWN} further addresses"] if len(changed) > SHOWN else [])]


def _leaves_of(text: str | None) -> dict[KeyPath, Value]:
    try:
        return _leaves(yaml12.load(text or "", CONFIG).value)
    except YamlError:
        return {}


def _leaves(value: Value) -> dict[KeyPath, Value]:
    return dict(_walk(value, ()))


def _walk(value: Value, path: KeyPath) -> Iterator[tuple[KeyPath, Value]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path, value
        return
    for key, item in items:
        yield from _walk(item, (*path, key))


def _is_address(path: KeyPath, value: Value) -> bool:
    if not isinstance(value, str):
        return False
    says_so = "://" in value or bool(redaction.PLACEHOLDER.search(value))
    return says_so or any(ADDRESS_KEY.search(str(key)) for key in path)


def _is_secret(path: KeyPath, value: Value) -> bool:
    return redaction.is_secret_path(path) or bool(redaction.PLACEHOLDER.search(str(value)))


def _change(path: KeyPath, before: Value, after: Value) -> str:
    where = ".".join(map(str, path))
    return answers.shown(f"{where}: {_shown(path, before)} -> {_shown(path, after)}")


def _shown(path: KeyPath, value: Value) -> str:
    if value is None:
        return NOTHING
    shown = str(redaction.redacted_value(value, path))
    return f"{_origin_of(value)}/{MASK}" if shown == MASK and "://" in str(value) else shown


def _origin_of(address: str) -> str:
    """Return scheme and host of an address whose path is a secret."""
    parts = parts_of(address.strip())
    return f"{parts.scheme}://{parts.hostname or ''}"
