"""Messages that wait: sent once to each receiver, tried again, given up in the end, and never too many."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kometa_host.watcher import outbox
from kometa_host.watcher.outbox import PING
from kometa_host.watcher.words import Message

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FAILED = Message("nas: the run of 06:00 failed", "why", "failure", ("failure",), "/fail")


class Clock:
    """The time, which goes on only where a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, **lengths: float) -> None:
        """Let time pass."""
        self.now += timedelta(**lengths)


def deliver(folder: Path, clock: Clock, send: Callable[[int, Message], str]) -> list[str]:
    """Deliver once, within a minute."""
    return list(outbox.deliver(folder, send, clock, clock() + timedelta(minutes=1)))


class Services:
    """Receivers; those that are down say so."""

    def __init__(self, *down: int) -> None:
        self.down, self.took, self.asked = set(down), list[tuple[int, str]](), 0

    def __call__(self, place: int, message: Message) -> str:
        self.asked += 1
        if place in self.down:
            return f"service {place} is down"
        self.took.append((place, message.title))
        return ""


def test_who_gets_a_message_is_decided_by_its_topics() -> None:
    assert outbox.receivers(FAILED, 2, ["failure"], pings=True) == (PING, 1, 2)
    assert outbox.receivers(FAILED, 2, ["success"], pings=True) == (PING,)
    assert outbox.receivers(FAILED, 0, ["failure"], pings=False) == ()
    assert outbox.receivers(Message("a", "b", "info"), 1, [], pings=True) == (1,)
    assert outbox.receivers(Message("a", "b", "info", (), "/start"), 1, ["failure"], pings=True) == (PING,)


def test_a_message_is_sent_once_to_each(tmp_path: Path) -> None:
    clock, services = Clock(), Services()
    outbox.add(tmp_path, FAILED, (PING, 1, 2), NOW)
    outbox.add(tmp_path, FAILED, (PING, 1, 2), NOW)  # told again after a power failure, say
    assert deliver(tmp_path, clock, services) == []
    assert services.took == [(place, FAILED.title) for place in (PING, 1, 2)]
    assert outbox.waiting(tmp_path) == []


def test_who_did_not_take_it_is_asked_again_later_and_alone(tmp_path: Path) -> None:
    clock, services = Clock(), Services(2)
    outbox.add(tmp_path, FAILED, (1, 2), NOW)
    assert deliver(tmp_path, clock, services) == [f"{FAILED.title}: not sent: service 2 is down"]
    assert deliver(tmp_path, clock, services) == []
    assert services.took == [(1, FAILED.title)]
    services.down.clear()
    clock.goes_on(minutes=5)
    assert deliver(tmp_path, clock, services) == []
    assert services.took == [(1, FAILED.title), (2, FAILED.title)]


def test_what_cannot_be_sent_for_days_is_given_up_and_known(tmp_path: Path) -> None:
    clock, services = Clock(), Services(1)
    outbox.add(tmp_path, FAILED, (1,), NOW)
    tries = 0
    while outbox.waiting(tmp_path):
        tries += len(deliver(tmp_path, clock, services))
        clock.goes_on(minutes=3)
        assert clock() < NOW + timedelta(days=4)
    assert 60 < tries < 90
    (known,) = outbox.given_up(tmp_path)
    assert (known["title"], known["error"]) == (FAILED.title, "service 1 is down")
    outbox.forget_given_up(tmp_path)
    assert outbox.given_up(tmp_path) == []


def test_a_service_that_is_down_is_asked_once_a_look_and_costs_the_others_nothing(tmp_path: Path) -> None:
    services = Services(1)
    for number in range(5):
        outbox.add(tmp_path, Message(f"{number}", "", "failure"), (1, 2), NOW)
    deliver(tmp_path, Clock(), services)
    assert services.asked == 6
    assert len(services.took) == 5


def test_sending_ends_with_its_deadline(tmp_path: Path) -> None:
    clock, took = Clock(), list[str]()

    def slow(_: int, message: Message) -> str:
        took.append(message.title)
        clock.goes_on(seconds=50)
        return ""

    for number in range(5):
        outbox.add(tmp_path, Message(f"{number}", "", "failure"), (1,), NOW + timedelta(seconds=number - 10))
    deliver(tmp_path, clock, slow)
    assert took == ["0", "1"]


def test_of_several_pings_that_wait_only_the_newest_is_sent(tmp_path: Path) -> None:
    outbox.add(tmp_path, FAILED, (PING, 1), NOW)
    outbox.add(tmp_path, Message("good", "", "success", (), ""), (PING,), NOW)
    services = Services()
    deliver(tmp_path, Clock(), services)
    assert services.took == [(1, FAILED.title), (PING, "good")] or services.took == [(PING, "good"), (1, FAILED.title)]


def test_there_are_never_more_than_so_many(tmp_path: Path) -> None:
    for number in range(outbox.MAX_WAITING + 5):
        outbox.add(tmp_path, Message(f"{number}", "", "failure"), (1,), NOW + timedelta(seconds=number))
    waiting = outbox.waiting(tmp_path)
    assert len(waiting) == outbox.MAX_WAITING
    assert waiting[0].message.title == "5"
    assert [entry["title"] for entry in outbox.given_up(tmp_path)] == ["0", "1", "2", "3", "4"]


def test_a_file_that_is_broken_goes(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text(json.dumps({"message": 3}))
    assert outbox.waiting(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_message_that_waits_is_private(tmp_path: Path) -> None:
    outbox.add(tmp_path, FAILED, (1,), NOW)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o077 == 0
