"""A test host: a booted Debian with an address, an SSH server and a plug that can be pulled."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sandbox import network, trees, variants
from tests.sandbox.address import address6, bridge_name, connection_data
from tests.sandbox.machine import Machine
from tests.sandbox.shell import SOON, SandboxError, daemon_pid, run, wait_until, write_whole

if TYPE_CHECKING:
    from tests.sandbox.session import Session

LOGINS = ("root", *trees.ADMINS)
SOCKETS = Path("/run/kometa-host-sandbox")  # short: the path of a socket may have 107 bytes
BOOT_SECONDS = 120.0
PLEX_IMAGE = "docker.io/plexinc/pms-docker:latest"
PLEX_TOKEN = "sandbox-plex-token"  # noqa: S105  (of the stand-in)
PLEX_QUADLET = f"""\
[Unit]
Description=The stand-in for Plex

[Container]
ContainerName=plex
Image={PLEX_IMAGE}
Network=mms.network
Environment=PLEX_STANDIN_TOKEN={PLEX_TOKEN}

[Service]
Restart=always

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True)
class Completed:
    """What a command on a host printed, and its exit status."""

    stdout: str
    stderr: str
    returncode: int
    stdout_bytes: bytes


@dataclass(frozen=True)
class Record:
    """What is kept of a host on disk, so that another process can find it."""

    name: str
    kind: str
    octet: int
    network_online: bool
    like: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Read the record of the host in `folder`."""
        told = json.loads((folder / "host.json").read_text())
        return cls(**{**told, "like": tuple(told["like"])})

    def write(self, folder: Path) -> None:
        """Write the record into `folder`."""
        write_whole(folder / "host.json", json.dumps(vars(self)))


class Host:
    """One test host of a session. Made by Sandbox.host(); all its files are below `folder`."""

    def __init__(self, session: Session, folder: Path) -> None:
        """Given the session and the folder that has the host's record, describe the host as it is."""
        record = Record.read(folder)
        self.session = session
        self.folder = folder
        self.name = record.name
        self.kind = record.kind
        self.network_online = record.network_online
        self.like = record.like
        self.address = f"{session.prefix}.{record.octet}"
        self.address6 = address6(self.address)
        self.tree = folder / "root"
        self.label = f"{bridge_name()}-{record.octet}"
        self._machine = Machine(self.label, self.name, self.tree, folder, variants.boot_options(self.like))

    # -- making and removing -------------------------------------------------------------------------------------

    def install(self, source: Path) -> None:
        """Give the host a fresh copy of the file system `source`, as its own."""
        if self.tree.exists():
            shutil.rmtree(self.tree)
        trees.copy(source, self.tree)
        trees.personalize(self.tree, self.session.identity(self))
        variants.apply(self.tree, self.like)

    def __enter__(self) -> Host:
        """Lend the host to a `with` statement, at whose end it is destroyed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Destroy it."""
        self.destroy()

    def destroy(self) -> None:
        """End the host and remove all of it."""
        self._close_connections()
        self._machine.kill()
        network.disconnect(self.label)
        run(["rm", "-rf", "--one-file-system", self.folder])

    # -- power ---------------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Switch the host on and wait until it lets one log in."""
        if self._machine.is_running():
            return
        network.connect(self.label, self.address, self.session.gateway)
        self._machine.start()
        self._wait_for_login()

    def power_cut(self) -> None:
        """Kill all of the host at once. boot() starts it again from what is on its disk."""
        self._close_connections()
        self._machine.kill()

    def poweroff(self) -> None:
        """Shut the host down in an orderly way."""
        if not self._machine.is_running():
            return
        self.run("systemctl poweroff", check=False)
        self._close_connections()
        self._machine.wait_for_end(120)

    def reboot(self) -> None:
        """Shut the host down in an orderly way and start it again."""
        self.poweroff()
        self.boot()

    def is_running(self) -> bool:
        """Tell whether the host is switched on."""
        return self._machine.is_running()

    def save(self, kind: str) -> Path:
        """Keep the host as it is now as a new kind for the session: shut down, copied, and started again if it ran.

        Return the path of the copy.
        """
        was_running = self.is_running()
        self.poweroff()
        saved = self.session.save(kind, self.tree)
        if was_running:
            self.boot()
        return saved

    def _wait_for_login(self) -> None:
        try:
            wait_until(self._answers, f"{self.name} answers on port 22", BOOT_SECONDS, SOON)
            self.run("while [ -e /run/nologin ] || ! systemctl is-active -q dbus.socket; do sleep 0.1; done")
        except SandboxError as error:
            raise SandboxError(f"{error}\nconsole of {self.name}:\n{self._machine.console()}") from None

    def _answers(self) -> bool:
        if not self._machine.is_running() and (self.folder / "machine.pid").exists():
            self._fail_when_dead()
        try:
            with socket.create_connection((self.address, 22), timeout=0.5) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def _fail_when_dead(self) -> None:
        if daemon_pid(self.folder / "machine.pid") is None:
            raise SandboxError(f"{self.name} ended while it booted")

    # -- the line ------------------------------------------------------------------------------------------------

    def cut_line(self) -> None:
        """Pull the network cable: packets vanish and open connections hang."""
        network.cut(self.label)

    def mend_line(self) -> None:
        """Put the network cable back."""
        network.mend(self.label)

    def delay(self, milliseconds: float) -> None:
        """Delay each packet to the host by `milliseconds`; 0 ends that."""
        network.delay(self.label, milliseconds)

    def let_in_only_from(self, other: Host) -> None:
        """Let nobody in but from `other`, so that the host is reached by a jump through that. Until the next boot."""
        self.run(
            f"printf 'AllowUsers *@%s *@%s\n' {other.address} {other.address6} >/run/jump.conf"
            " && ln -sfn /run/jump.conf /etc/ssh/sshd_config.d/jump.conf && systemctl reload ssh"
        )

    def slow_disk(self, bytes_per_second: int) -> None:
        """Let the host write that many bytes a second to its disk, as far as it waits for them; 0 ends that."""
        self._machine.slow_disk(bytes_per_second)

    # -- commands ------------------------------------------------------------------------------------------------

    @property
    def ssh_options(self) -> list[str]:
        """The options with which `ssh USER@ADDRESS` reaches the host, without anything from the user's own settings."""
        return [
            "-F", "none", "-i", str(self.session.key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
            "-o", f"UserKnownHostsFile={self.session.known_hosts}", "-o", "GlobalKnownHostsFile=/dev/null",
            "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR",
        ]  # fmt: skip

    @property
    def pyinfra_data(self) -> dict[str, object]:
        """The host's data for a pyinfra inventory: as root; set "ssh_user" for another account."""
        return connection_data(self.address)

    def run(
        self, command: str, user: str = "root", input: bytes = b"", check: bool = True, timeout: float = 120
    ) -> Completed:
        """Run the shell text `command` on the host as `user`.

        root, admin and careful log in as themselves; any other account is entered from root, with its home, its runtime
        directory and its bus. Raise SandboxError when the command fails (unless `check` is off) or takes too long.
        """
        login = user if user in LOGINS else "root"
        text = command if user in LOGINS else as_user(command, user)
        arguments = ["ssh", *self.ssh_options, *self._sharing(login), f"{login}@{self.address}", text]
        try:
            done = subprocess.run(arguments, input=input, capture_output=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise SandboxError(f"{self.name}: {command!r} took more than {timeout} s") from None
        result = Completed(
            done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), done.returncode, done.stdout
        )
        if check and result.returncode:
            raise SandboxError(
                f"{self.name}: {command!r} as {user}: exit status {result.returncode}\n{result.stdout}{result.stderr}"
            )
        return result

    def _socket(self, login: str) -> Path:
        return SOCKETS / f"{self.label}-{self.session.name}-{login}"

    def _sharing(self, login: str) -> list[str]:
        """Return the options that let commands of one account share a connection."""
        SOCKETS.mkdir(mode=0o700, exist_ok=True)
        return [
            "-o", "ControlMaster=auto", "-o", f"ControlPath={self._socket(login)}", "-o", "ControlPersist=300",
            "-o", "ServerAliveInterval=5",
        ]  # fmt: skip

    def _close_connections(self) -> None:
        for login in LOGINS:
            path = self._socket(login)
            if path.exists():
                run(["ssh", "-o", f"ControlPath={path}", "-O", "exit", self.address], check=False)
                path.unlink(missing_ok=True)

    # -- Plex ----------------------------------------------------------------------------------------------------

    def start_plex(self, token: str = PLEX_TOKEN) -> None:
        """Start the stand-in for Plex in the network mms of the account mms, under the name plex."""
        self.session.registry.publish("plex")
        self.run(
            "podman run --quiet --detach --replace --name plex --network mms"
            f" --env PLEX_STANDIN_TOKEN={shlex.quote(token)} {PLEX_IMAGE}",
            user="mms",
        )
        self._wait_for_plex()

    def install_plex(self) -> None:
        """Make the stand-in for Plex a service of mms, as people do it: the Quadlet plex.container."""
        self.session.registry.publish("plex")
        folder = '"$HOME/.config/containers/systemd"'
        self.run(f"mkdir -p {folder} && cat >{folder}/plex.container", user="mms", input=PLEX_QUADLET.encode())
        self.run("systemctl --user daemon-reload && systemctl --user start plex", user="mms")
        self._wait_for_plex()

    def _wait_for_plex(self) -> None:
        alive = "podman exec plex curl -sf http://127.0.0.1:32400/identity"
        wait_until(lambda: self.run(alive, user="mms", check=False).returncode == 0, "Plex answers")


def as_user(command: str, user: str) -> str:
    """Return the shell text that root runs to run `command` as `user`, with what a login of that account would have."""
    account = shlex.quote(user)
    inner = shlex.quote(command)
    return (
        f'uid=$(id -u {account}) && home=$(getent passwd {account} | cut -d: -f6) && cd "$home" && '
        f'exec runuser -u {account} -- env HOME="$home" USER={account} LOGNAME={account} SHELL=/bin/sh'
        f' XDG_RUNTIME_DIR="/run/user/$uid" DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" sh -c {inner}'
    )
