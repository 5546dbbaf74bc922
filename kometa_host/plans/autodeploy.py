"""What is decided about updates: the names of their units on a host, and what they tell. Pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kometa_host.settings.variables import Settings
from kometa_host.state.autodeploy_files import fallback_unit_names, unit_stem
from kometa_host.state.observed import Observed

HISTORY = "autodeploy/history.jsonl"  # in the state directory


def names_taken(settings: Settings, found: Observed) -> bool:
    """Return whether somebody else's service or timer has one of the names; then both units get others."""
    return any(f"{settings.user_unit_dir}/{name}" in found.foreign for name in fallback_unit_names(settings))


def service_of(settings: Settings, found: Observed) -> str:
    """Return the name of the service that updates the group on this host."""
    return _unit_of(settings, found, "service")


def timer_of(settings: Settings, found: Observed) -> str:
    """Return the name of the timer that starts it."""
    return _unit_of(settings, found, "timer")


def _unit_of(settings: Settings, found: Observed, kind: str) -> str:
    own = f"{unit_stem(settings)}.{kind}"
    return fallback_unit_names(settings)[own] if names_taken(settings, found) else own


@dataclass(frozen=True)
class Event:
    """One thing that an update did to one container, or to the host as its git repository wants it.

    event: updated, current (nothing newer), postponed (a run was in progress), skipped (known as bad), pinned (left
    alone), rolled-back (the new image was bad, the previous one runs again) or failed. previous, new: ids of the
    images. For a repository container is `git`, image its URL and branch, previous and new are commits.
    """

    time: datetime
    group: str
    container: str
    image: str
    event: str
    previous: str
    new: str
    why: str

    def to_json(self) -> dict[str, object]:
        """Return what `pyinfra fact` prints."""
        return dict(vars(self))


def parse_history(lines: Iterable[str]) -> list[Event]:
    """Given the lines of the history, an object each, return its events, newest first; what is cut off is left out."""
    events = [event for line in reversed(list(lines)) if (event := _event(line)) is not None]
    return sorted(events, key=lambda event: event.time, reverse=True)


def _event(line: str) -> Event | None:
    try:
        found = json.loads(line)
        values = {name: str(found[name]) for name in Event.__dataclass_fields__ if name != "time"}
        return Event(time=datetime.fromisoformat(found["time"]), **values)
    except (ValueError, KeyError, TypeError):
        return None
