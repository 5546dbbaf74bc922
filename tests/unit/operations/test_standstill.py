"""Who waits for a program that does not move is let go; who waits for one that works is not."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from getpass import getuser
from pathlib import Path

import gevent
import pytest

from kometa_host.errors import UserError
from kometa_host.state.programs import Actor
from operations.engine import attended, standstill, transport
from operations.engine.process import OpenSshProcess
from operations.engine.standstill import given_up_when_still
from tests.unit.operations.test_transport import here


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "ROUND", 0.05)
    monkeypatch.setattr(standstill, "MAX_STILL", 0.4)
    # as under pyinfra, where waiting for a process lets the others work
    monkeypatch.setattr(transport, "_OnThisMachine", lambda command: OpenSshProcess(["sh", "-c", command]))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where a program notes its number, so that nothing of it is left."""
    os.mkfifo(tmp_path / "fifo")
    yield tmp_path
    if (tmp_path / "pid").exists():
        with suppress(ProcessLookupError):
            os.killpg(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def watched(script: str) -> transport.Completed:
    return transport.run(here(), Actor.ACCOUNT, getuser(), script, watch=given_up_when_still)


def test_a_program_that_waits_for_what_never_comes_is_given_up(place: Path) -> None:
    with pytest.raises(UserError, match="nothing has moved on here"):
        watched(f"cd {place}; echo $$ >pid; read <fifo")
    assert watched("echo on").stdout == b"on\n"


def test_a_program_that_takes_no_input_is_given_up(place: Path) -> None:
    with pytest.raises(UserError, match="nothing has moved"):
        transport.run(
            here(),
            Actor.ACCOUNT,
            getuser(),
            f"echo $$ >{place}/pid; kill -STOP 0",
            bytes(1 << 22),
            watch=given_up_when_still,
        )


def test_signs_of_life_from_here_are_no_movement_there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attended, "HEARTBEAT", 0.05)
    with pytest.raises(UserError, match="nothing has moved"):
        attended.run(here(), getuser(), f"echo $$ >{place}/pid; kill -STOP 0", print, patience=1000)


def test_a_program_that_works_is_waited_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For as many rounds as one that stands still is not, and more."""
    seen: list[str] = []
    asked = standstill._cpu_time

    def counted(*of: object) -> str:
        seen.append(asked(*of))  # type: ignore[arg-type]
        if len(seen) == 16:
            os.killpg(int((place / "pid").read_text()), signal.SIGKILL)
        return seen[-1]

    monkeypatch.setattr(standstill, "_cpu_time", counted)
    assert watched(f"echo $$ >{place}/pid; while :; do (:); done").status
    assert all(time.strip().isdecimal() for time in seen[:15])


def test_words_are_movement_without_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "ROUND", 1)  # and two of them, in which it has to begin, are too long
    monkeypatch.setattr(standstill, "_cpu_time", lambda *_: "")
    assert watched("for i in {1..30}; do echo $i; sleep 0.1; done").status == 0


def test_only_what_does_not_change_for_long_is_still(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[float] = []
    monkeypatch.setattr(gevent, "sleep", rounds.append)
    monkeypatch.setattr(standstill, "ROUND", 150)
    monkeypatch.setattr(standstill, "MAX_STILL", 600)
    passed = iter([0, 0, 5, 5, *[5] * 99])
    times = iter(["1", "7", "7", "", "9", "9", "9", "", "9"])
    standstill._until_still(passed.__next__, times.__next__)
    assert len(rounds) == 10


def test_a_look_that_fails_is_no_movement(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> transport.Completed:
        raise UserError("the host has not answered within 150 s, and was given up.")

    monkeypatch.setattr(transport, "run", broken)
    assert standstill._cpu_time(here(), "mms", "marker") == ""
