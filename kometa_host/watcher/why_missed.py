"""Why a run was missed, and what to do about it. Pure: decided on what the host says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

DIAGNOSE = "pyinfra inventory.py operations.kometa.diagnose"
NOTHING = "nothing, if that was on purpose"


@dataclass(frozen=True)
class Reason:
    """Why something happened, and what to do about it."""

    cause: str
    remedy: str


@dataclass(frozen=True)
class HostFacts:
    """What the host says of itself: when it booted, the service's state and since when it is active, whether its
    container is frozen and whether Kometa lives in it.
    """

    booted: datetime
    service: str
    since: datetime | None
    is_frozen: bool
    is_alive: bool


def reasons(missed: Iterable[datetime], ask: Callable[[], HostFacts]) -> list[Reason]:
    """Return why nothing began at each of some times; the host is asked once."""
    found = ask()
    return [why(due, found) for due in missed]


def why(due: datetime, found: HostFacts) -> Reason:
    """Return why nothing began at a time, and what to do."""
    if found.booted > due:
        return Reason(f"the host was off; it came up at {_clock(found.booted, due)}", NOTHING)
    if found.service != "active":
        return Reason(f"kometa.service is {found.service}", "systemctl --user start kometa   (as the account)")
    if found.since and found.since > due:
        return Reason(f"kometa.service was started at {_clock(found.since, due)}, after that time", NOTHING)
    if found.is_frozen:
        return Reason("its container is frozen: a backup was cut off", "podman unpause kometa   (as the account)")
    if not found.is_alive:
        return Reason("the container is up, but no Kometa lives in it", DIAGNOSE)
    return Reason(
        "Kometa lives, but began nothing: it waits for a run whose process was killed, or the clock was changed",
        "systemctl --user restart kometa   (as the account)",
    )


def _clock(time: datetime, like: datetime) -> str:
    return f"{time.astimezone(like.tzinfo):%Y-%m-%d %H:%M}"
