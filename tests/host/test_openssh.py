"""The OpenSSH client beside pyinfra's connection, with a real sshd: its own key, a lost line, a wrong host key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.host import Host as PyinfraHost
from pyinfra.context import ctx_state

from kometa_host.state.programs import Actor
from operations.engine import openssh
from operations.engine.process import ConnectionLostError, OpenSshProcess, Process
from operations.engine.run_state import run_state
from tests.sandbox import Host, Sandbox


@pytest.fixture(scope="module")
def host(sandbox: Sandbox) -> Iterator[Host]:
    """A host with nothing on it: sshd is enough."""
    with sandbox.host("bare") as made:
        yield made


@pytest.fixture
def connected(host: Host) -> Iterator[PyinfraHost]:
    """The host as pyinfra has connected to it."""
    inventory = Inventory(([(host.name, host.pyinfra_data)], {}))  # type: ignore[no-untyped-call]
    state = State(inventory, Config())  # type: ignore[no-untyped-call]
    with ctx_state.use(state):
        connect_all(state)
        yield next(iter(state.inventory))
        disconnect_all(state)


def start(connected: PyinfraHost, script: str) -> Process:
    """Start a program as root, which the OpenSSH client carries: it is known how it logs in."""
    assert openssh.client_arguments(connected)
    return openssh.start(connected, Actor.ROOT, "mms", script)


def test_a_stream_goes_there_and_back_whole(connected: PyinfraHost) -> None:
    process = start(connected, "sha256sum; printf said >&2; exit 3")
    for _ in range(64):
        process.write(bytes(65536))
    process.close_input()
    zeros = b"bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8"
    assert b"".join(iter(process.read, b"")).split()[0] == zeros
    assert b"".join(iter(process.read_error, b"")) == b"said"
    assert process.wait() == 3


def test_nothing_of_the_program_is_in_an_argument(host: Host, connected: PyinfraHost) -> None:
    process = start(connected, "word=in-no-argument; read -r _")
    seen = host.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
    assert "in-no-argument" not in seen
    process.close_input()
    assert process.wait() == 1  # of read, whose input has ended


def test_a_host_with_another_key_is_not_talked_to(connected: PyinfraHost) -> None:
    arguments = openssh.client_arguments(connected)
    known = next(word for word in arguments if word.startswith("UserKnownHostsFile="))
    other = "kometa-host ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    path = Path(known.partition("=")[2])
    right = path.read_text()
    path.write_text(other)
    try:
        process = OpenSshProcess([*arguments, "true"])
        assert b"Host key verification failed" in b"".join(iter(process.read_error, b""))
        with pytest.raises(ConnectionLostError):
            process.wait()
    finally:
        path.write_text(right)


def test_without_its_key_the_client_is_not_used(connected: PyinfraHost, monkeypatch: pytest.MonkeyPatch) -> None:
    run_state(connected).openssh = None
    monkeypatch.setattr(openssh, "_identities", lambda _: ["-o", "IdentityFile=none", "-o", "IdentitiesOnly=yes"])
    assert openssh.client_arguments(connected) == []


def test_a_line_that_is_lost_ends_the_command_here(
    host: Host, connected: PyinfraHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = tuple(re.sub(r"^(ServerAliveInterval)=.*", r"\1=1", option) for option in openssh.OPTIONS)
    assert impatient != openssh.OPTIONS
    monkeypatch.setattr(openssh, "OPTIONS", impatient)
    process = start(connected, "while :; do printf x; sleep 0.2; done")
    assert process.read()
    host.cut_line()
    try:
        while process.read():
            pass
        with pytest.raises(ConnectionLostError):
            process.wait()
    finally:
        host.mend_line()
