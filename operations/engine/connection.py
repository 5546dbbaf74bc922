"""The connection to a host: as strict as the user's own SSH settings, which hold here as they do for ssh.

pyinfra accepts every new key of a host by default, reads ~/.ssh/config by a parser of its own and drops every line of
known_hosts behind the first that it does not understand. Secrets go over this connection: so the OpenSSH client is
asked what holds for a host, and carries the connection itself where paramiko cannot honour that.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import gevent
from gevent import subprocess
from paramiko import BadHostKeyException
from pyinfra.api.command import StringCommand
from pyinfra.api.config import Config
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.output import echo
from pyinfra.api.state import State
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import CommandOutput, OutputLine, make_unix_command_for_host
from pyinfra.context import ctx_state

from kometa_host.controller import ssh_config
from kometa_host.controller.ssh_config import Effective, Given
from kometa_host.errors import UserError
from kometa_host.state import answers
from operations.engine.process import (
    CONNECTION_LOST,
    MAX_LOOK,
    Listening,
    OpenSshProcess,
    Process,
    SshChannel,
    answered_within,
)

CONNECTED = b"kometa-host-connected\n"
_numbers = itertools.count(1)
NEEDS_PARAMIKO = ("ssh_password", "ssh_key_password", "ssh_paramiko_connect_kwargs")


def connect_strictly() -> None:
    """Make the present pyinfra run connect to its SSH hosts in the way of this module."""
    state: State = ctx_state.get()  # type: ignore[no-untyped-call]
    original = state.init

    def init(inventory: Inventory, config: Config | None, initial_limit: list[Host] | None = None) -> None:
        for host in inventory:
            if host.connector_cls is SSHConnector:
                host.connector_cls = StrictConnector
        original(inventory, config, initial_limit=initial_limit)

    state.init = init  # type: ignore[method-assign]


class UnusableKeyError(ConnectError):
    """The key of ssh_key cannot be opened."""


class StrictConnector(SSHConnector):
    """pyinfra's SSH connector for hosts that have to show the key that is known of them.

    sharing: the OpenSSH client's command line, up to the command; empty where paramiko carries the connection.
    login: as whom we are connected, where the OpenSSH client carries it.
    """

    sharing: list[str]
    login: str
    _master: OpenSshProcess | None
    _effective: Effective

    def connect(self) -> None:
        """Connect, or raise ConnectError with what was found and what to do about it."""
        self.sharing, self.login, self._master = [], "", None
        given = _given(self.host)
        self._effective, default = _settings(given)
        texts = _texts(ssh_config.known_hosts_files(self._effective, given.known_hosts_file))
        reasons = ssh_config.beyond_paramiko(self._effective, default, texts)
        needs = [name for name in NEEDS_PARAMIKO if self.host.data.get(name)]
        if reasons and needs:
            raise ConnectError(
                f"{needs[0]} needs a way of connecting that cannot honour {reasons[0]}. Log in with a key instead."
            )
        if reasons:
            self._connect_with_openssh(given)
        else:
            self._connect_with_paramiko(given, list(texts))

    def make_paramiko_kwargs(self) -> dict[str, Any]:
        """Return what paramiko is told: all that holds for the host, and no file to look it up in."""
        given = _given(self.host)
        kwargs = self._kwargs_of_pyinfra(given.key)
        strict = ssh_config.strictness(self._effective, given.strict)
        files = ssh_config.known_hosts_files(self._effective, given.known_hosts_file)
        kwargs["hostname"] = ssh_config.first(self._effective, "hostname")
        kwargs["_pyinfra_ssh_config_file"] = os.devnull
        kwargs["_pyinfra_ssh_known_hosts_file"] = next(
            iter(_texts(files)), files[0] if strict == "accept-new" else os.devnull
        )
        kwargs["_pyinfra_ssh_strict_host_key_checking"] = strict
        kwargs.setdefault("port", int(ssh_config.first(self._effective, "port")))
        kwargs.setdefault("username", ssh_config.first(self._effective, "user"))
        if "pkey" not in kwargs:
            kwargs["key_filename"] = _identities(self._effective)
            kwargs["look_for_keys"] = False
        return kwargs

    def _kwargs_of_pyinfra(self, key: str) -> dict[str, Any]:
        """Return what pyinfra tells paramiko. Raise UnusableKeyError."""
        try:
            return super().make_paramiko_kwargs()
        except EOFError:
            raise UnusableKeyError(
                f"{key} (ssh_key) has a passphrase, and nobody is there to type it. "
                f"ssh-add {key} and leave ssh_key out, or set ssh_key_password."
            ) from None
        except PyinfraError:
            raise UnusableKeyError(
                f"{key} (ssh_key) cannot be opened: its passphrase (ssh_key_password) is another, or the file is "
                f"damaged. ssh-keygen -y -f {key} must ask for the passphrase and print the public key."
            ) from None

    def _connect_with_paramiko(self, given: Given, files: list[str]) -> None:
        try:
            super().connect()
        except UnusableKeyError:
            raise
        except ConnectError as error:
            cause = error.__context__
            if isinstance(cause, BadHostKeyException):
                name, port = (ssh_config.first(self._effective, setting) for setting in ("hostname", "port"))
                entry = name if port == "22" else f"[{name}]:{port}"
                raise ConnectError(ssh_config.changed_key(entry, files)) from None
            if str(cause).startswith("StrictPolicy"):
                command = ssh_config.acceptance(given, self._effective)
                raise ConnectError(ssh_config.unknown_key(self.host.name, command)) from None
            raise ConnectError(ssh_config.unreachable(cause or error, given, self._effective)) from None

    def _connect_with_openssh(self, given: Given) -> None:
        socket = f"{_folder().name}/{next(_numbers)}"
        strict = ssh_config.strictness(self._effective, given.strict)
        command = [*ssh_config.client(given, strict, socket), "echo kometa-host-connected; exec cat"]
        self._master = OpenSshProcess(command)
        try:
            with gevent.Timeout(max(20, self.state.config.CONNECT_TIMEOUT)):
                begun = _reads(self._master, CONNECTED)
        except gevent.Timeout:
            begun = False
        if not begun:
            self._give_up(given)
        self.sharing, self.login = ssh_config.sharing(socket), ssh_config.first(self._effective, "user")

    def _give_up(self, given: Given) -> None:
        """Raise ConnectError with what the client has said."""
        assert self._master is not None
        said = ""
        with suppress(gevent.Timeout), gevent.Timeout(1):
            said = b"".join(iter(self._master.read_error, b"")).decode("utf-8", "replace")
        self._master.close()
        raise ConnectError(ssh_config.failure(said, self.host.name, given, self._effective))

    def disconnect(self) -> None:
        """End the connection."""
        if self._master:
            self._master.close()
        super().disconnect()

    def run_shell_command(
        self, command: StringCommand, print_output: bool = False, print_input: bool = False, **arguments: Any
    ) -> tuple[bool, CommandOutput]:
        """Run a command of pyinfra's own, such as a fact that was asked for by name, and bound what it says.

        pyinfra itself reads all that comes, keeps an object for each line, prints it as it is, waits for ever, and
        asks for a password as soon as the command says that sudo wants one. Other people's operations that want a
        terminal, input or sudo are left to it where they can be.
        """
        if not self.sharing and any(map(arguments.get, ("_get_pty", "_stdin", "_sudo"))):
            return super().run_shell_command(command, print_output, print_input, **arguments)
        given = {name: arguments.pop(name, None) for name in ("_get_pty", "_timeout", "_stdin", "_success_exit_codes")}
        line = make_unix_command_for_host(self.state, self.host, command, **arguments).get_raw_value()
        if print_input:
            echo(f"{self.host.print_prefix}>>> {line}", err=True)
        try:
            with answered_within(given["_timeout"] or MAX_LOOK):
                status, output = self._finish(self.start(line), given["_stdin"] or ())
        except UserError as error:
            status, output = CONNECTION_LOST, CommandOutput([OutputLine("stderr", str(error))])
        if print_output:
            for said in output:
                echo(f"{self.host.print_prefix}{answers.shown(said.line)}", err=True)
        return status in (given["_success_exit_codes"] or [0]), output

    def start(self, command: str) -> Process:
        """Start a shell command on the host."""
        return OpenSshProcess([*self.sharing, command]) if self.sharing else SshChannel(self.client, command)

    def _finish(self, process: Process, stdin: str | Iterable[str]) -> tuple[int, CommandOutput]:
        """Return the exit status of a command, and its lines, the errors first. Raise UserError for too many."""
        with Listening(process) as listening:
            for line in [stdin] if isinstance(stdin, str) else stdin:
                process.write((line.removesuffix("\n") + "\n").encode())
            process.close_input()
            output, errors = listening.heard()
            lines = answers.parts(output.decode("utf-8", "replace"), "\n")
            said = [OutputLine("stderr", line) for line in answers.parts(errors, "\n")]
            return process.wait(), CommandOutput([*said, *(OutputLine("stdout", line) for line in lines)])


def _given(host: Host) -> Given:
    """Return what the inventory says of the connection to a host; what it does not say is no default of pyinfra's."""
    data = host.data
    return Given(
        destination=data.get("ssh_hostname") or host.name,
        user=data.get("ssh_user") or "",
        port=int(data.get("ssh_port") or 0),
        key=str(Path(data.get("ssh_key")).expanduser()) if data.get("ssh_key") else "",
        config_file=_expanded(data.get("ssh_config_file")),
        known_hosts_file=_expanded(data.get("ssh_known_hosts_file")),
        strict=data.get("ssh_strict_host_key_checking") or "",
        forward_agent=data.get("ssh_forward_agent"),
    )


def _expanded(path: str | None) -> str:
    return str(Path(path).expanduser()) if path else ""


def _settings(given: Given) -> tuple[Effective, Effective]:
    """Return the user's SSH settings for a host, and those of a user who has none. Raise ConnectError."""
    if shutil.which("ssh") is None:
        raise ConnectError("this machine has no ssh. Install the OpenSSH client (the package openssh-client).")
    return _asked(tuple(ssh_config.query(given))), _asked(("ssh", "-F", "none", "-G", "--", "default"))


@cache
def _asked(command: tuple[str, ...]) -> Effective:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ConnectError(f"the SSH settings cannot be used: {done.stderr.strip()}")
    return ssh_config.parse(done.stdout)


def _texts(files: list[str]) -> dict[str, str]:
    """Return the texts of those files that name keys of hosts, and that exist."""
    paths = {str(Path(name).expanduser()): Path(name).expanduser() for name in files}
    return {name: path.read_text(errors="replace") for name, path in paths.items() if path.is_file()}


def _identities(effective: Effective) -> list[str]:
    paths = [Path(name).expanduser() for name in effective.get("identityfile", ())]
    return [str(path) for path in paths if path.is_file()]


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="kometa-host-")


def _reads(process: OpenSshProcess, line: bytes) -> bool:
    """Return whether a process prints this line, behind whatever start-up files say, before it ends."""
    said = b""
    while not said.endswith(line):
        piece = process.read()
        if not piece:
            return False
        said = (said + piece)[-(1 << 16) :]
    return True
