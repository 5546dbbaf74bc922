"""The one lock of a host, held from the first change of a run until the connection ends."""

import os
import socket
from collections.abc import Callable

import gevent
from pyinfra.api.host import Host

from kometa_host.errors import UserError
from kometa_host.state import programs
from kometa_host.state.programs import Actor
from operations.engine import transport
from operations.engine.process import answered_within, read_errors
from operations.engine.run_state import run_state

LOCKED = b"locked\n"
WAIT = 120  # seconds for somebody else to finish
HEARTBEAT = 20  # seconds between signs of life; the host gives the lock back after three were missed


def hold_lock(host: Host, account: str) -> bool:
    """Take the host's lock unless this run has it. Raise UserError, naming the holder, if it stays taken.

    Return whether somebody else was at work meanwhile: then what this run has seen of the host is forgotten.
    """
    known = run_state(host)
    if known.lock:
        return False
    holder = f"pyinfra on {socket.gethostname()}, process {os.getpid()}"
    script = programs.program("hold_lock", lock_wait=WAIT, holder=holder, patience=3 * HEARTBEAT)
    process = transport.start(host, Actor.ACCOUNT, account, script)
    was_waited_for = False
    log = host.log  # now: pyinfra's name for the host at work means nothing in another greenlet

    def pass_on(line: str) -> None:
        nonlocal was_waited_for
        was_waited_for = True
        log(line)

    gevent.spawn(read_errors, process, pass_on).link_exception(lambda failed: log(str(failed.exception)))
    with answered_within(2 * WAIT):
        has_lock = _is_locked(process.read)
        if not has_lock:
            process.wait()
    if not has_lock:
        raise UserError("the lock of the host could not be taken; nothing was changed.")
    if was_waited_for:
        known.observed = None
    known.lock = process
    gevent.spawn(_stay_alive, process.write)
    return was_waited_for


def _is_locked(read: Callable[[], bytes]) -> bool:
    answer = b""
    while len(answer) < len(LOCKED) and (piece := read()):
        answer += piece
    return answer == LOCKED


def _stay_alive(write: Callable[[bytes], None]) -> None:
    while True:
        gevent.sleep(HEARTBEAT)
        try:
            write(b"\n")
        except (OSError, EOFError):
            return
