"""A session: hosts, registry and package mirror of one owner, on disk so that the next process can clean up.

The owner is a process (a test run), or nobody: the persistent session is what `up` makes and `down` removes.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.sandbox import network, packages, trees, variants
from tests.sandbox.address import FIRST_OCTET, OTHER_PORT, PERSISTENT, address6, prefix, state_directory
from tests.sandbox.host import Host, Record
from tests.sandbox.registry import Registry
from tests.sandbox.shell import SandboxError, daemon_pid, locked, process_start, run, start_daemon, stop_daemon

LAST_OCTET = 250
EPHEMERAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
OWN_PORTS = 10_000


def state_lock() -> contextlib.AbstractContextManager[None]:
    """Hold the lock on this checkout's state: for choosing addresses, cleaning up, and starting or ending services."""
    return locked(state_directory() / "lock")


class Session:
    """The folder `state/sessions/NAME` and what belongs to it."""

    def __init__(self, name: str) -> None:
        """Describe the session `name`, which need not exist."""
        state = state_directory()
        self.name = name
        self.folder = state / "sessions" / name
        self.key = state / "key"
        self.host_key = state / "host_key"
        self.known_hosts = state / "known_hosts"
        self.registry = Registry(self)

    @property
    def prefix(self) -> str:
        """The first three bytes of all addresses."""
        return prefix()

    @property
    def gateway(self) -> str:
        """The address of this machine on the test network."""
        return f"{self.prefix}.1"

    # -- beginning and end ---------------------------------------------------------------------------------------

    def begin(self, owner: int | None) -> None:
        """Make the session, owned by the process `owner` or by nobody; network and keys are there afterwards."""
        with state_lock():
            self.folder.mkdir(parents=True, exist_ok=True)
            record = {"pid": owner, "start": process_start(owner)} if owner else {}
            (self.folder / "owner.json").write_text(json.dumps(record))
            network.ensure_bridge()
            make_keys(state_directory())

    def is_abandoned(self) -> bool:
        """Tell whether the process that owned the session has ended."""
        try:
            owner = json.loads((self.folder / "owner.json").read_text())
        except (OSError, ValueError):
            return True
        return bool(owner) and process_start(owner["pid"]) != owner["start"]

    def end(self) -> None:
        """Destroy the session's hosts, stop its services and remove all that it kept."""
        for host in self.hosts():
            host.destroy()
        for folder in (self.folder / "hosts").glob("*"):
            run(["rm", "-rf", "--one-file-system", folder])
        self.stop_services()
        run(["rm", "-rf", "--one-file-system", self.folder])

    def restart_services(self) -> None:
        """Start again what a host was told the address of, after a restart of this machine or a killed service."""
        self.start_mirror()
        self.registry.ensure()
        self.registry.start()

    def stop_services(self) -> None:
        """Stop the registry and the package mirror."""
        for pid_file in self.folder.glob("*.pid"):
            stop_daemon(pid_file)

    # -- hosts ---------------------------------------------------------------------------------------------------

    def hosts(self) -> list[Host]:
        """Return the session's hosts, those switched off too."""
        folders = sorted((self.folder / "hosts").glob("*/host.json"))
        return [Host(self, path.parent) for path in folders]

    def add_host(self, kind: str, name: str | None, network_online: bool, like: Sequence[str] = ()) -> Host:
        """Make a host of `kind` with a fresh tree, like some variants; it is not booted yet."""
        source = self._source(kind, like)
        with state_lock():
            chosen = name or self._free_name(kind)
            folder = self.folder / "hosts" / chosen
            if folder.exists():
                raise SandboxError(f"there is a host named {chosen} already")
            folder.mkdir(parents=True)
            Record(chosen, kind, self._free_octet(chosen), network_online, tuple(like)).write(folder)
        host = Host(self, folder)
        host.install(source)
        return host

    def reset_host(self, host: Host, kind: str | None = None) -> None:
        """Give a host a fresh tree and boot it."""
        host.power_cut()
        host.install(self._source(kind or host.kind, host.like))
        host.boot()

    def _source(self, kind: str, like: Sequence[str]) -> Path:
        saved = self.folder / "saved" / kind
        return saved if saved.is_dir() else trees.tree(kind, variants.suite(like))

    def save(self, kind: str, tree: Path) -> Path:
        """Keep a copy of `tree` as the kind `kind` of this session; return its path."""
        if kind in trees.KINDS:
            raise SandboxError(f"the kind {kind} is built in; save under another name")
        saved = self.folder / "saved" / kind
        if saved.exists():
            shutil.rmtree(saved)
        trees.copy(tree, saved)
        return saved

    def _free_name(self, kind: str) -> str:
        number = 1
        while (self.folder / "hosts" / f"{kind}-{number}").exists():
            number += 1
        return f"{kind}-{number}"

    def _free_octet(self, name: str) -> int:
        if self.name == "persistent" and name == PERSISTENT:
            return FIRST_OCTET
        taken = set()
        for path in state_directory().glob("sessions/*/hosts/*/host.json"):
            with contextlib.suppress(FileNotFoundError):  # destroyed meanwhile
                taken.add(Record.read(path.parent).octet)
        free = [octet for octet in range(FIRST_OCTET + 1, LAST_OCTET) if octet not in taken]
        if not free:
            raise SandboxError("no free address is left; take hosts down")
        return free[0]

    def identity(self, host: Host) -> trees.Identity:
        """Return what makes a tree the given host of this session."""
        return trees.Identity(
            name=host.name, address=host.address, gateway=self.gateway, key=self.key, host_key=self.host_key,
            mirror=self.start_mirror(variants.suite(host.like)), registry=self.registry.ensure(),
            network_online=host.network_online, suite=variants.suite(host.like),
        )  # fmt: skip

    # -- services ------------------------------------------------------------------------------------------------

    def start_mirror(self, suite: str = packages.RELEASE) -> str:
        """Start the package mirror of a Debian unless it runs, and return its address."""
        name = "mirror" if suite == packages.RELEASE else f"{suite}-mirror"
        port = self.port(name)
        pid_file = self.folder / f"{name}.pid"
        if daemon_pid(pid_file) is None:
            repository = packages.repository(suite)
            place = ["--bind", self.gateway, "--directory", str(repository)]
            command = [sys.executable, "-m", "http.server", str(port), *place]
            start_daemon(command, Path(os.devnull), pid_file)
        return f"http://{self.gateway}:{port}/debian"

    def port(self, service: str) -> int:
        """Return the port of a service, chosen once for the session."""
        recorded = self.folder / f"{service}.port"
        if not recorded.exists():
            recorded.write_text(str(free_port(self.gateway)))
        return int(recorded.read_text())


def free_port(address: str) -> int:
    """Return a port of `address` on which nobody listens, of those that the kernel gives to no connection by itself."""
    highest = max(int(EPHEMERAL_PORTS.read_text().split()[0]), 2 * OWN_PORTS)
    for port in random.sample(range(OWN_PORTS, highest), 50):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            return port
    raise SandboxError(f"no port of {address} is free")


def make_keys(state: Path) -> None:
    """Make the key that logs in to every host and the key that every host has, and trust the latter."""
    for name in ("key", "host_key"):
        if not (state / name).exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"sandbox {name}", "-f", state / name])
    kind, data = (state / "host_key.pub").read_text().split()[:2]
    addresses = [f"{prefix()}.{octet}" for octet in range(2, 255)]
    names = [*addresses, *map(address6, addresses)]
    known = f"{','.join([*names, *(f'[{name}]:{OTHER_PORT}' for name in names)])} {kind} {data}\n"
    path = state / "known_hosts"
    if not path.exists() or path.read_text() != known:
        path.write_text(known)


def all_sessions() -> Iterator[Session]:
    """Yield every session of this checkout."""
    for folder in sorted((state_directory() / "sessions").glob("*")):
        yield Session(folder.name)


def clean_up() -> None:
    """Remove what killed runs of this checkout left, and the bridge when nobody uses it."""
    with state_lock():
        for session in all_sessions():
            if session.is_abandoned():
                session.end()
        if not any((state_directory() / "sessions").glob("*")):
            network.remove_bridge()
