"""For what each backup is kept: what programs/installed/retention.awk decides on the host, told in words. Pure."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from kometa_host.archive import names
from kometa_host.plans.backup import FoundArchive
from kometa_host.plans.retention import PERIODS
from kometa_host.plans.snapshots import PREFIX

NEWEST, PINNED, PROVED = "newest", "pinned", "proved"  # kept whatever kometa_backup_keep says


def with_reasons(archives: Sequence[FoundArchive], keep: Mapping[str, int], now: datetime) -> list[FoundArchive]:
    """Return the archives and snapshots, each with what it is kept for; those for nothing go at the next backup."""
    reasons: dict[str, list[str]] = {}
    whole = [archive for archive in archives if not names.is_partial(archive.name)]
    for is_snapshot in (False, True):
        place = [archive for archive in whole if archive.name.startswith(PREFIX) is is_snapshot]
        _add_reasons(reasons, place, keep, now)
    return [replace(archive, kept_as=tuple(dict.fromkeys(reasons.get(archive.name, ())))) for archive in archives]


def _add_reasons(
    reasons: dict[str, list[str]], place: Iterable[FoundArchive], keep: Mapping[str, int], now: datetime
) -> None:
    newest_first = sorted(place, key=lambda archive: archive.time, reverse=True)
    past = [archive for archive in newest_first if archive.time <= now]
    always = [
        *((archive, PINNED) for archive in newest_first if archive.pinned),
        *((archive, "of the future") for archive in newest_first if archive.time > now),
        *[(archive, PROVED) for archive in past if archive.proved][:1],
        *[(archive, NEWEST) for archive in past[:1]],
    ]
    for archive, reason in [*_by_class(past, keep), *always]:
        # a file and its unencrypted twin, of one moment, stay or go together
        for twin in (twin for twin in newest_first if twin.time == archive.time):
            reasons.setdefault(twin.name, []).append(reason)


def _by_class(past: Sequence[FoundArchive], keep: Mapping[str, int]) -> Iterable[tuple[FoundArchive, str]]:
    """Yield the archives that stand for a day, a week and so on; those made by hand are counted by themselves."""
    finest = next((name for name in PERIODS if keep.get(name)), None)
    pinned = {one.time for one in past if one.pinned}
    own = {one.time for one in past if one.by_hand}
    for name in PERIODS:
        for by_hand in (False, True):
            counted = [one for one in past if (one.time in own) is by_hand and one.time not in pinned]
            groups: dict[Hashable, list[FoundArchive]] = {}
            for archive in counted:
                groups.setdefault(PERIODS[name][1](archive.time), []).append(archive)
            for group in list(groups.values())[: keep.get(name, 0)]:
                # of the finest class, those made by hand do not push out each other
                yield from ((archive, name) for archive in (group if by_hand and name == finest else group[:1]))
