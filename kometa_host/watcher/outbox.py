"""Messages that wait to be sent: a file each, tried again until sent or too old. What is done with one is pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kometa_host.watcher.files import read_bounded, replace_file
from kometa_host.watcher.words import Message

DIRECTORY = "messages"  # in the state directory
TRIED = "tried"  # there: what tells the addresses that a trial message was sent to
GIVEN_UP = "given-up.json"  # there: the last few that could not be sent
PING = 0  # the place of kometa_notify_url; addresses of kometa_notify are counted from 1
WAITS = (timedelta(minutes=4), timedelta(minutes=15), timedelta(hours=1))  # the last one again and again
TOO_OLD = timedelta(days=3)
MAX_WAITING = 50
MAX_GIVEN_UP = 20
MAX_BYTES = 64 << 10


@dataclass(frozen=True)
class Waiting:
    """A message that waits: to whom, since when, how often it was tried, when next, and why it was not sent."""

    message: Message
    pending: tuple[int, ...]
    since: datetime
    next_try: datetime
    tries: int = 0
    error: str = ""

    @property
    def name(self) -> str:
        """The name of its file; the same message is there once."""
        text = f"{self.message.title}\n{self.message.body}\n{self.message.ping}"
        return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"

    def to_json(self) -> dict[str, Any]:
        """Return the content of its file."""
        times = {"since": self.since.isoformat(), "next_try": self.next_try.isoformat()}
        return {**asdict(self), **times}


def receivers(message: Message, services: int, notify_on: Collection[str], pings: bool) -> tuple[int, ...]:
    """Return to whom a message goes: the places of the addresses of kometa_notify, and PING."""
    is_wanted = message.topics is None or any(topic in notify_on for topic in message.topics)
    numbers = range(1, services + 1) if is_wanted else ()
    return (*([PING] if pings and message.ping is not None else []), *numbers)


def after_try(entry: Waiting, failed: Mapping[int, str], now: datetime) -> Waiting | None:
    """Given to whom a message could not be sent, and why, return it as it waits on, None if it waits no more."""
    if not failed:
        return None
    wait = WAITS[min(entry.tries, len(WAITS) - 1)]
    errors = "; ".join(dict.fromkeys(failed.values()))
    return replace(entry, pending=tuple(failed), tries=entry.tries + 1, next_try=now + wait, error=errors)


def is_given_up(entry: Waiting, now: datetime) -> bool:
    """Return whether a message is too old to be tried again."""
    return now - entry.since > TOO_OLD


def waiting(directory: Path) -> list[Waiting]:
    """Return the messages that wait, the oldest first; a file that cannot be read is removed."""
    found = []
    for path in directory.glob("*.json"):
        if path.name == GIVEN_UP:
            continue
        try:
            found.append(_from_json(json.loads(read_bounded(path, MAX_BYTES))))
        except (OSError, ValueError, KeyError, TypeError):
            path.unlink(missing_ok=True)
    return sorted(found, key=lambda entry: entry.since)


def _from_json(found: Mapping[str, Any]) -> Waiting:
    message = found["message"]
    topics = message["topics"]
    times = {name: datetime.fromisoformat(found[name]) for name in ("since", "next_try")}
    return Waiting(
        message=Message(**{**message, "topics": tuple(topics) if topics is not None else None}),
        pending=tuple(map(int, found["pending"])),
        tries=int(found["tries"]),
        error=str(found["error"]),
        **times,
    )


def add(directory: Path, message: Message, to: tuple[int, ...], now: datetime, order: int = 0) -> None:
    """Let a message wait to be sent, the order-th of one moment. Of several pings only the newest counts, and of too
    many messages.
    """
    if not to:
        return
    entry = Waiting(message, to, now + timedelta(microseconds=order), now)
    others = [other for other in waiting(directory) if other.name != entry.name]
    for other in _too_many(others):
        _remove(directory, other)
        _note_given_up(directory, replace(other, error="too many messages waited"))
    if PING in to:
        for other in others:
            if PING in other.pending:
                _put(directory, other, replace(other, pending=tuple(place for place in other.pending if place != PING)))
    _put(directory, entry, entry)


def _too_many(entries: list[Waiting]) -> list[Waiting]:
    return entries[: max(0, len(entries) + 1 - MAX_WAITING)]


def _put(directory: Path, before: Waiting, after: Waiting | None) -> None:
    if after is None or not after.pending:
        _remove(directory, before)
    else:
        replace_file(directory / after.name, json.dumps(after.to_json()) + "\n")


def _remove(directory: Path, entry: Waiting) -> None:
    (directory / entry.name).unlink(missing_ok=True)


def deliver(
    directory: Path, send: Callable[[int, Message], str], now: Callable[[], datetime], deadline: datetime
) -> Iterator[str]:
    """Send what waits and is due, until a deadline; yield what went wrong. A service that fails is left for later."""
    down: dict[int, str] = {}
    for entry in waiting(directory):
        if now() >= deadline:
            return
        if entry.next_try > now():
            continue
        failed = {}
        for place in entry.pending:
            error = down.get(place) or send(place, entry.message)
            if error:
                failed[place] = down[place] = error
        after = after_try(entry, failed, now())
        if after and is_given_up(after, now()):
            _note_given_up(directory, after)
            after = None
        _put(directory, entry, after)
        if failed:
            yield f"{entry.message.title}: not sent: {'; '.join(failed.values())}"


def given_up(directory: Path) -> list[dict[str, Any]]:
    """Return the last few messages that could not be sent: title, since and error of each."""
    with suppress(OSError, ValueError):
        found = json.loads(read_bounded(directory / GIVEN_UP, MAX_BYTES))
        return [entry for entry in found if isinstance(entry, dict)]
    return []


def _note_given_up(directory: Path, entry: Waiting) -> None:
    note_given_up(directory, entry.message, entry.since, entry.error)


def note_given_up(directory: Path, message: Message, since: datetime, error: str) -> None:
    """Remember that a message could not be sent, the last few of those."""
    known = {"title": message.title, "since": since.isoformat(), "error": error}
    replace_file(directory / GIVEN_UP, json.dumps([*given_up(directory), known][-MAX_GIVEN_UP:]) + "\n")


def forget_given_up(directory: Path) -> None:
    """Forget what could not be sent: messages arrive again."""
    (directory / GIVEN_UP).unlink(missing_ok=True)
