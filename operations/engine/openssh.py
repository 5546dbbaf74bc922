"""Carries many bytes to and from a host: through the OpenSSH client where the connection allows it.

That takes half of the CPU and three quarters of the time of paramiko, which is the way where the client cannot be used:
a password or an unlocked key that only pyinfra knows. What paramiko cannot honour at all is in connection.py.
Nothing secret is in an argument: the command is the one of `kometa_host.state.programs.evaluated`, the rest goes to
its input.
"""

import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from socket import socket

import gevent
from paramiko import PKey, SSHException, Transport
from pyinfra.api.host import Host
from pyinfra.connectors.ssh import SSHConnector

from kometa_host.state.programs import Actor
from operations.engine import transport
from operations.engine.becoming import Answer
from operations.engine.connection import StrictConnector
from operations.engine.process import ConnectionLostError, OpenSshProcess, Process
from operations.engine.run_state import run_state

PROBE = 20  # seconds for the client to log in
OPTIONS = (
    "BatchMode=yes", "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=none", "HostKeyAlias=kometa-host",
    "UpdateHostKeys=no", "ControlMaster=no", "ControlPath=none", "ForwardAgent=no", "ForwardX11=no",
    "PermitLocalCommand=no", "Compression=no", "LogLevel=ERROR", "ServerAliveInterval=15", "ServerAliveCountMax=4",
)  # fmt: skip


def start(host: Host, actor: Actor, account: str, script: str) -> Answer:
    """Given a host and a bash program, start it there as the actor; what is written next is the program's input.

    Raise ConnectionLostError if it cannot be started.
    """
    try:
        return transport.start(host, actor, account, script, _connect)
    except (OSError, EOFError, SSHException) as error:
        raise ConnectionLostError(f"the connection was lost ({error}). Run the command again.") from error


def _connect(host: Host, command: str) -> Process:
    arguments = client_arguments(host)
    if arguments:
        return OpenSshProcess([*arguments, command])
    if isinstance(host.connector, SSHConnector) and host.connector.client:
        # So that a dropped connection is noticed at all.
        connection = host.connector.client.get_transport()
        if connection:
            connection.set_keepalive(15)
    return transport.connect(host, command)


def client_arguments(host: Host) -> list[str]:
    """Return the OpenSSH client's command line for a host, up to the command; empty where it cannot be used.

    It goes to the same address as pyinfra's connection and insists on the same host key; whether it may log in is
    tried once a run.
    """
    known = run_state(host)
    if known.openssh is None:
        known.openssh = _usable(host)
    return known.openssh


def _usable(host: Host) -> list[str]:
    connector = host.connector
    if isinstance(connector, StrictConnector) and connector.sharing:
        return connector.sharing
    if not isinstance(connector, SSHConnector) or connector.client is None or host.data.get("ssh_password"):
        return []
    connection = connector.client.get_transport()
    program = shutil.which("ssh")
    if connection is None or program is None or not isinstance(connection.sock, socket):
        return []
    try:
        arguments = [program, *_target(connection), *_identities(host)]
    except (OSError, SSHException):
        return []
    return arguments if _logs_in(arguments) else []


def _target(connection: Transport) -> list[str]:
    """Return the arguments that lead to the very host that pyinfra is connected to."""
    peer: tuple[str, int] = connection.getpeername()[:2]
    address, port = peer
    key = connection.get_remote_server_key()
    options = (*OPTIONS, f"UserKnownHostsFile={_known_hosts(key)}", f"HostKeyAlgorithms={_algorithms(key)}")
    flags = [argument for option in options for argument in ("-o", option)]
    return ["-F", "none", "-T", *flags, "-p", str(port), "-l", connection.get_username() or "root", address]


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="kometa-host-")


def _known_hosts(key: PKey) -> str:
    """Return the path of a file that names the host's public key; it is removed when this program ends."""
    path = Path(_folder().name) / key.get_fingerprint().hex()
    path.write_text(f"kometa-host {key.get_name()} {key.get_base64()}\n")
    return str(path)


def _algorithms(key: PKey) -> str:
    return "rsa-sha2-512,rsa-sha2-256" if key.get_name() == "ssh-rsa" else key.get_name()


def _identities(host: Host) -> list[str]:
    """Return the arguments that name the keys with which pyinfra may have logged in."""
    given = host.data.get("ssh_key")
    if given:
        return ["-i", str(Path(given).expanduser()), "-o", "IdentitiesOnly=yes"]
    client = getattr(host.connector, "client", None)
    agent = getattr(client, "identity_agent", None)
    configured = getattr(client, "_ssh_config", {}).get("key_filename") or []
    names = [configured] if isinstance(configured, str) else configured
    keys = [argument for name in names for argument in ("-i", str(Path(name).expanduser()))]
    return [*keys, *(["-o", f"IdentityAgent={agent}"] if isinstance(agent, str) else [])]


def _logs_in(arguments: Sequence[str]) -> bool:
    process = OpenSshProcess([*arguments, "true"])
    try:
        with gevent.Timeout(PROBE):
            return process.wait() == 0
    except (gevent.Timeout, ConnectionLostError):
        return False
    finally:
        process.close()
