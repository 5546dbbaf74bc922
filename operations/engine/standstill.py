"""A program of a host that does not move any more is given up: its processes are the account's, who can stop them.

Whatever works takes CPU time, however slow the line or the disk is; a process that is stopped, or that waits for what
never comes, takes none. That is asked only of a program from which nothing has come, and to which nothing has gone, for
a while, by another one: root's where the connection can be that, whose processes the account cannot stop.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
from gevent import Greenlet
from paramiko import SSHException
from pyinfra.api.host import Host

from kometa_host.errors import UserError
from kometa_host.state import programs
from kometa_host.state.programs import Actor
from operations.engine import transport
from operations.engine.becoming import Answer

ROUND = 150  # seconds between two looks
MAX_ASKED = 100  # seconds for one of them
MAX_STILL = 600  # seconds in which nothing moves


class _Still(BaseException):
    """Nothing moves any more. As no error of what was done: nobody who judges those shall take it for one."""


@contextmanager
def given_up_when_still(host: Host, account: str, answer: Answer) -> Iterator[None]:
    """Raise UserError in what is done here once the program does not move any more."""
    worker, left = gevent.getcurrent(), False
    watch = Greenlet(_until_still, lambda: answer.passed, lambda: _cpu_time(host, account, answer.marker))

    def give_up(_: object) -> None:
        if not left:
            worker.throw(_Still())

    watch.link_value(give_up)
    watch.start()
    try:
        yield
    except _Still:
        raise UserError(_refusal(host.name, account)) from None
    finally:
        left = True
        watch.kill()


def _until_still(passed: Callable[[], int], cpu_time: Callable[[], str]) -> None:
    """Given what tells how many bytes have passed and how much CPU time was taken, wait until neither grows any more.

    A host that does not tell the time counts as one that takes none.
    """
    before, taken, still = passed(), "", 0
    while still < MAX_STILL:
        gevent.sleep(ROUND)
        if passed() != before:
            before, taken, still = passed(), "", 0
            continue
        now = cpu_time()
        still, taken = (still + ROUND, taken) if now in ("", taken) else (0, now)


def _cpu_time(host: Host, account: str, marker: str) -> str:
    script = programs.program("cpu_time", call="", marker=marker)
    try:
        return transport.run(host, Actor.ROOT_IF_POSSIBLE, account, script, patience=MAX_ASKED).stdout.decode()
    except (UserError, OSError, EOFError, SSHException, UnicodeDecodeError):
        return ""  # what is at work is judged, not the look at it


def _refusal(name: str, account: str) -> str:
    return (
        f"nothing has moved on {name} for {MAX_STILL // 60} minutes: no word, no data, and the program takes no CPU "
        f"time. It was given up. Look there (ps -fu {account}) whether its processes are stopped (T), or what they "
        "wait for; then run the command again."
    )
