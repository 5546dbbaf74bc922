"""Doing the same with each of several shares in processes of their own, on a machine that has processors for them."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, NoReturn, TextIO, TypeVar

S = TypeVar("S")


def side_by_side(do: Callable[[S], Any], shares: Iterable[S]) -> list[Any]:
    """Return what do makes of each share, as map does; it is to be JSON, and comes as such from another process.

    What another process does not tell, whatever the cause, this one finds out.
    """
    every = list(shares)
    workers = min(len(every), _processors())
    dealt = [every[number::workers] for number in range(workers)]
    others = [_begun(do, hand) for hand in dealt[1:]]
    found = [list(map(do, hand)) for hand in dealt[:1]]
    found += [told() or list(map(do, hand)) for told, hand in zip(others, dealt[1:], strict=True)]
    return [found[number % workers][number // workers] for number in range(len(every))]


def _processors() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return 1  # a process that did not begin with exec may be killed by a library of the system's


def _begun(do: Callable[[S], Any], shares: Sequence[S]) -> Callable[[], list[Any] | None]:
    """Begin with shares in another process; return what waits for its answers and returns None if there are none."""
    try:
        reads, writes = os.pipe()
    except OSError:
        return lambda: None
    # Closed as files: gevent puts os.close off until its loop runs, and what is told would have no end.
    told, telling = os.fdopen(reads, "r"), os.fdopen(writes, "w")
    with telling, suppress(OSError):
        if os.fork() == 0:
            _tell_and_end(do, shares, telling)

    def wait() -> list[Any] | None:
        with told, suppress(ValueError):
            answers: list[Any] = json.loads(told.read())
            return answers
        return None

    return wait


def _tell_and_end(do: Callable[[S], Any], shares: Sequence[S], telling: TextIO) -> NoReturn:
    """Tell the answers, or nothing, and end without a word and without anything that a run of ours ends with."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        telling.write(json.dumps([do(share) for share in shares]))
        telling.flush()
    finally:
        os._exit(0)
