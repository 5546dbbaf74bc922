"""Programs on a host that take long and are watched: what they say is shown live, Ctrl-C ends them in good order."""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from math import inf
from types import FrameType

import gevent
from paramiko import SSHException
from pyinfra.api.host import Host

from kometa_host.state.programs import Actor
from operations.engine import transport
from operations.engine.becoming import Answer
from operations.engine.lock import HEARTBEAT
from operations.engine.process import ConnectionLostError, Listening, answered_within
from operations.engine.standstill import given_up_when_still
from operations.engine.transport import Completed


def run(
    host: Host,
    account: str,
    script: str,
    on_line: Callable[[str], None],
    data: Iterable[bytes] = (),
    patience: float | None = None,
) -> Completed:
    """Given a host and a bash program, run it there as the account, with data and then signs of life as its input.

    Each line of its standard error goes to on_line as it comes, however many there are: they are a log. The program
    ends its work when its input does: when this program is gone, or at Ctrl-C, after which what it still says is shown.
    A second Ctrl-C ends this program. Raise ConnectionLostError if the line breaks.

    + patience: seconds, after which the program is given up, and UserError raised; None where that is for Ctrl-C
    """
    try:
        with answered_within(patience):
            return _attended(host, account, script, on_line, data, patience is not None)
    except (OSError, EOFError, SSHException) as error:
        raise ConnectionLostError(f"the connection was lost ({error}).") from error


def _attended(
    host: Host, account: str, script: str, on_line: Callable[[str], None], data: Iterable[bytes], has_end: bool
) -> Completed:
    process = transport.start(host, Actor.ACCOUNT, account, script)
    feeder = gevent.spawn(_feed, process, data)
    watch = given_up_when_still(host, account, process) if has_end else nullcontext()
    try:
        with watch, Listening(process, on_line, most=inf) as listening, at_interrupt(process.close_input):
            output, said = listening.heard()
            return Completed(output, said, process.wait())
    finally:
        feeder.kill()


def _feed(process: Answer, data: Iterable[bytes]) -> None:
    # A program that has ended reads nothing more: its exit status says more than the broken pipe.
    try:
        for piece in data:
            process.write(piece)
        while True:
            gevent.sleep(HEARTBEAT)
            process.give_sign_of_life()
    except (OSError, EOFError):
        return


@contextmanager
def at_interrupt(action: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C do the action, for every host that is in here, and the second what it did before."""
    previous = signal.getsignal(signal.SIGINT)

    def once(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, previous)
        # Not in the handler itself, which may have interrupted anything.
        gevent.spawn(action)
        if getattr(previous, "is_ours", False) and callable(previous):
            previous(number, frame)

    once.is_ours = True  # type: ignore[attr-defined]
    signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is once:
            signal.signal(signal.SIGINT, previous)
