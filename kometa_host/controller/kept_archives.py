"""For what each backup is kept: programs/installed/retention.awk says it, here as on the host, where it decides."""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from kometa_host.archive import names
from kometa_host.errors import UserError
from kometa_host.plans.backup import MOMENT, FoundArchive
from kometa_host.plans.snapshots import PREFIX
from kometa_host.settings.variables import CLASSES
from kometa_host.state import programs

EMPTY: tuple[str, ...] = ("empty",)  # retention does not look at such a file


def with_reasons(archives: Sequence[FoundArchive], keep: Mapping[str, int], now: datetime) -> list[FoundArchive]:
    """Return the archives and snapshots, each with what it is kept for; those for nothing go at the next backup.

    Raise UserError if this machine has no awk.
    """
    whole = [archive for archive in archives if not names.is_partial(archive.name)]
    reasons = {archive.name: EMPTY for archive in whole if not archive.size and not _is_snapshot(archive)}
    for is_snapshot in (False, True):
        place = [archive for archive in whole if archive.name not in reasons and _is_snapshot(archive) is is_snapshot]
        reasons |= _reasons(place, keep, now)
    return [replace(archive, kept_as=reasons.get(archive.name, ())) for archive in archives]


def _is_snapshot(archive: FoundArchive) -> bool:
    return archive.name.startswith(PREFIX)


def _reasons(place: Sequence[FoundArchive], keep: Mapping[str, int], now: datetime) -> dict[str, tuple[str, ...]]:
    """Return by name what each archive of the directory, or each snapshot of the repository, is kept for."""
    by_name = {f"./{_counted_name(archive)}": archive.name for archive in place}
    told = (line.split("\t") for line in decided([*_marks(place), *by_name], keep, now, explain="yes"))
    return {by_name[name]: tuple(reasons.split(",")) if reasons else () for reasons, name in told if name in by_name}


def _counted_name(archive: FoundArchive) -> str:
    """Return the name by which retention knows an archive."""
    if not _is_snapshot(archive):
        return archive.name
    return f"kometa-{archive.time.astimezone(UTC):{MOMENT}}.restic.{archive.name.removeprefix(PREFIX)}"


def _marks(place: Iterable[FoundArchive]) -> Iterable[str]:
    for archive in place:
        marks = {"pinned": archive.pinned, "by-hand": archive.by_hand, "proved": archive.proved is not None}
        yield from (f"{mark} {_counted_name(archive)}" for mark, has_it in marks.items() if has_it)


def decided(
    lines: Iterable[str], keep: Mapping[str, int], now: datetime, awk: Sequence[str] = ("awk",), **more: str
) -> list[str]:
    """Given marks and then names, a line each, return the lines of retention.awk about them.

    + awk: the command that runs the program, in its words
    + more: further variables of the program

    Raise UserError if awk is missing or fails.
    """
    variables = {name: str(keep.get(name, 0)) for name in CLASSES}
    variables |= {"now": f"{now.astimezone(UTC):{MOMENT}}", **more}
    settings = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    command = [*awk, *settings, "-f", str(programs.path_of("retention.awk"))]
    return _run(command, "".join(f"{line}\n" for line in lines)).split("\n")[:-1]


def _run(command: Sequence[str], text: str) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)
    except FileNotFoundError:
        raise UserError(f"{command[0]} is not on this machine: install mawk or gawk.") from None
    if done.returncode:
        raise UserError(f"{command[0]} could not decide what retention keeps: {done.stderr.strip()}")
    return done.stdout
