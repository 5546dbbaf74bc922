"""Sandbox: what a test run holds, and why a machine may not be able to."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import TracebackType

from tests.sandbox import packages, variants
from tests.sandbox.host import Host
from tests.sandbox.machine import control_groups
from tests.sandbox.registry import Registry
from tests.sandbox.session import Session, clean_up
from tests.sandbox.shell import SandboxError

_numbers = itertools.count(1)


@cache
def why_not() -> str | None:
    """Return in one sentence why sandbox hosts cannot run on this machine, or None when they can."""
    if os.geteuid() != 0:
        return "sandbox hosts need root (namespaces, mounts, a bridge)"
    if not _is_debian():
        return "sandbox hosts are built with apt: this machine is neither Debian nor Ubuntu"
    if not _may_make_namespaces():
        return "root may not make mount and network namespaces here (a container without privileges, or a chroot?)"
    groups = control_groups()
    if groups is None or not os.access(groups / "cgroup.procs", os.W_OK):
        return "sandbox hosts need a writable cgroup2 hierarchy, and this machine has none"
    missing = [device for device in ("/dev/fuse", "/dev/net/tun") if not _has_device(device)]
    if missing:
        return f"rootless Podman needs {' and '.join(missing)}, which this machine's kernel does not have"
    return None


def _is_debian() -> bool:
    release = Path("/etc/os-release")
    lines = release.read_text().splitlines() if release.exists() else []
    names = " ".join(line.partition("=")[2].strip('"') for line in lines if line.startswith(("ID=", "ID_LIKE=")))
    return bool({"debian", "ubuntu"} & set(names.split()))


def _may_make_namespaces() -> bool:
    try:
        command = ["unshare", "--mount", "--net", "mount", "-t", "tmpfs", "none", "/mnt"]
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def _has_device(device: str) -> bool:
    if not Path(device).exists():
        module = {"/dev/fuse": "fuse", "/dev/net/tun": "tun"}[device]
        subprocess.run(["modprobe", module], capture_output=True, check=False)
    return Path(device).exists()


class Sandbox:
    """The hosts and the registry of one test run: `with Sandbox() as sandbox:`. All of it is gone at the end."""

    def __init__(self) -> None:
        """Prepare nothing yet; entering does."""
        self._session = Session(f"{os.getpid()}-{next(_numbers)}")

    def __enter__(self) -> Sandbox:
        """Clean up after killed runs and begin a session of this process."""
        reason = why_not()
        if reason:
            raise SandboxError(reason)
        packages.prepare_machine()
        clean_up()
        self._session.begin(os.getpid())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Destroy every host of the session and stop its services."""
        self._session.end()
        clean_up()

    @property
    def key(self) -> Path:
        """The private key that every host lets in."""
        return self._session.key

    @property
    def known_hosts(self) -> Path:
        """The known_hosts file that names every host of this checkout."""
        return self._session.known_hosts

    @property
    def registry(self) -> Registry:
        """The registry that serves as lscr.io and docker.io for the session's hosts; running, with the good image."""
        self._session.registry.ensure()
        return self._session.registry

    @property
    def hosts(self) -> list[Host]:
        """The session's hosts."""
        return self._session.hosts()

    def host(
        self,
        kind: str = "ready",
        name: str | None = None,
        network_online: bool = True,
        like: str | Iterable[str] = (),
    ) -> Host:
        """Return a fresh, booted host: `kind` is "bare", "ready" or the name of something saved with Host.save().

        `like` names one of variants.VARIANTS or several: what this host is like.
        """
        host = self._session.add_host(kind, name, network_online, variants.chosen(like))
        host.boot()
        return host

    def save(self, kind: str, tree: Path) -> None:
        """Keep a copy of the root file system `tree`, of another session's host, as a new kind for this one."""
        self._session.save(kind, tree)

    def reset(self, host: Host, kind: str | None = None) -> None:
        """Give `host` a fresh tree of its kind (or of another) and boot it: same name, same address."""
        self._session.reset_host(host, kind)
