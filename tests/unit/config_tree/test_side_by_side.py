"""Shares are done in processes of their own, and what one of those does not tell is found out here."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from kometa_host.config_tree import side_by_side as module
from kometa_host.config_tree.side_by_side import side_by_side

HERE = os.getpid()
OPEN = Path("/proc/self/fd")


@pytest.fixture(autouse=True)
def three_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_processors", lambda: 3)


def where(share: int) -> list[int]:
    return [share, os.getpid()]


@pytest.mark.parametrize("count", range(8))
def test_answers_come_in_the_order_of_the_shares(count: int) -> None:
    found = side_by_side(where, range(count))
    assert [share for share, _ in found] == list(range(count))
    assert len({process for _, process in found}) == min(count, 3)


def fails(share: int) -> int:
    if os.getpid() != HERE:
        raise OSError(share)
    return share


def is_killed(share: int) -> int:
    if os.getpid() != HERE:
        os.kill(os.getpid(), signal.SIGKILL)
    return share


def is_interrupted(share: int) -> int:
    if os.getpid() != HERE:
        os.kill(os.getpid(), signal.SIGINT)
    return share


@pytest.mark.parametrize("do", [fails, is_killed, is_interrupted])
def test_what_another_process_does_not_tell_is_found_out_here_without_a_word(
    do: Callable[[int], int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert side_by_side(do, range(6)) == list(range(6))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("missing", ["fork", "pipe"])
def test_where_there_can_be_no_other_process_this_one_does_all(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    before = len(list(OPEN.iterdir()))
    monkeypatch.setattr(os, missing, refuse)
    assert side_by_side(where, range(4)) == [[share, HERE] for share in range(4)]
    assert len(list(OPEN.iterdir())) == before
