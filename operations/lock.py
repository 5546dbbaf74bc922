"""The one lock of a host, held from the first change of a run until the connection ends."""

import os
import socket
from collections.abc import Callable

import gevent
from pyinfra.api.host import Host

from kometa_host import shell
from kometa_host.errors import UserError
from kometa_host.shell import Actor
from operations import transport

WAIT = 120  # seconds for somebody else to finish
HEARTBEAT = 20  # seconds between signs of life; the host gives the lock back after three were missed


def hold_lock(host: Host, account: str) -> None:
    """Take the host's lock unless this run has it. Raise UserError, naming the holder, if it stays taken."""
    if host.connector_data.get("kometa_host_lock"):
        return
    holder = f"pyinfra on {socket.gethostname()}, process {os.getpid()}"
    script = shell.program("lib", "lock", "hold_lock", wait=WAIT, holder=holder, patience=3 * HEARTBEAT)
    process = transport.start(host, Actor.ACCOUNT, account, script)
    answer = process.read().decode("utf-8", "replace").strip()
    if answer != "locked":
        said = process.read_error().decode("utf-8", "replace").strip()
        raise UserError(said or "the lock of the host could not be taken.")
    host.connector_data["kometa_host_lock"] = process
    gevent.spawn(_stay_alive, process.write)


def _stay_alive(write: Callable[[bytes], None]) -> None:
    while True:
        gevent.sleep(HEARTBEAT)
        try:
            write(b"\n")
        except (OSError, EOFError):
            return
