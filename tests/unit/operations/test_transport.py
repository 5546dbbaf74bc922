"""Carrying programs and data: what is cut or cannot be read ends the program and is told as what it is."""

import time
from collections.abc import Iterator, Mapping
from getpass import getuser
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import gevent
import pytest
from pyinfra.connectors.local import LocalConnector

from kometa_host.errors import UserError
from kometa_host.state.programs import Actor
from operations.engine import transport
from operations.engine.lock import _is_locked, hold_lock
from operations.engine.process import ConnectionLostError


class ThisMachine:
    """This machine as a host of pyinfra."""

    name = "here"
    connector = LocalConnector.__new__(LocalConnector)
    state = SimpleNamespace(config=SimpleNamespace(SUDO_PASSWORD=None))
    data: Mapping[str, object] = MappingProxyType({})


def here() -> Any:
    """Return this machine as a host that nothing is known of yet."""
    return ThisMachine()


def run(script: str, data: Any = b"") -> transport.Completed:
    return transport.run(here(), Actor.ACCOUNT, getuser(), script, data)


def test_a_program_reads_its_data_to_the_end_and_tells_its_status() -> None:
    done = run("cat; printf 'a\\nü' >&2; exit 7", iter([b"\0one", b"two\xff"]))
    assert (done.stdout, done.stderr, done.status) == (b"\0onetwo\xff", "a\nü", 7)


def test_data_that_cannot_be_read_ends_the_program_and_says_why(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise UserError("a became shorter while it was read; run the command again.")

    with pytest.raises(UserError, match="became shorter"):
        run(f"cat >{tmp_path}/got; mv {tmp_path}/got {tmp_path}/ended", broken())
    for _ in range(1000):
        if (tmp_path / "ended").exists():
            break
        time.sleep(0.02)
    assert (tmp_path / "ended").read_text() == "one"


def test_a_program_that_takes_no_more_input_is_judged_by_its_status() -> None:
    assert run("exec <&-; exit 3", (b"x" * 65536 for _ in range(100))).status == 3
    with pytest.raises(ConnectionLostError, match="ended before it had read everything"):
        run("exec <&-; exit 0", (b"x" * 65536 for _ in range(100)))


@pytest.mark.parametrize("pieces", [[b"locked\n"], [b"lock", b"ed\n"]])
def test_a_lock_is_held_once_the_host_says_so(pieces: list[bytes]) -> None:
    assert _is_locked(iter([*pieces, b""]).__next__)


def test_who_holds_the_lock_is_said_while_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class AtWork(ThisMachine):
        """What pyinfra calls `host`: it is there in the greenlet alone that works on it."""

        def __getattribute__(self, name: str) -> Any:
            assert gevent.getcurrent() is here_alone
            return said.append if name == "log" else super().__getattribute__(name)

    def read() -> bytes:
        gevent.sleep(0.01)
        return b"locked\n"

    here_alone, said, lines = gevent.getcurrent(), list[str](), iter([b"waiting for a backup\n", b""])
    process = SimpleNamespace(read=read, read_error=lines.__next__, write=lambda _: None)
    monkeypatch.setattr(transport, "start", lambda *_: process)
    host: Any = AtWork()
    assert hold_lock(host, "mms")
    assert said == ["waiting for a backup"]
    assert not hold_lock(host, "mms")


@pytest.mark.parametrize("pieces", [[], [b"lock"], [b"Welcome!\n"]])
def test_a_host_that_ends_without_saying_so_has_no_lock(pieces: list[bytes]) -> None:
    assert not _is_locked(iter([*pieces, b""]).__next__)
