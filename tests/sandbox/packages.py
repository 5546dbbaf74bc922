"""Debian packages for the hosts: one download through this machine's own apt, then a small repository of our own.

Everything is built from that repository, and test hosts install from it, so nothing but apt's own mirror is ever asked.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.sandbox.cache import SOURCES, cache_directory, cached
from tests.sandbox.shell import SandboxError, locked, run, say

RELEASE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

ESSENTIAL = ["?essential", "?priority(required)", "apt"]
BARE = [
    "systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "openssh-server", "sudo", "iproute2",
    "tzdata",
]  # fmt: skip
READY = [
    "podman", "crun", "passt", "netavark", "aardvark-dns", "uidmap", "fuse-overlayfs", "nftables", "age", "zstd", "tar",
    "curl", "ca-certificates", "python3",
]  # fmt: skip
OFFERED = [
    "restic", "restic-rest-server",
    "slirp4netns", "sqlite3", "python3-minimal", "acl", "procps", "less", "iptables",
    "git", "openssh-client", "python3", "python3-venv", "tzdata-legacy", "tcsh", "fish", "sudo-rs", "opendoas",
    "apprise",
]  # fmt: skip
IMAGE = [
    "base-files", "libc-bin", "dash", "bash", "coreutils", "procps", "curl", "tzdata", "python3", "python3-yaml",
    "python3-ruamel.yaml", "netcat-openbsd", "grep", "sed", "findutils", "sqlite3",
]  # fmt: skip

NEEDED = {  # program: the package of this machine that brings it
    "mmdebstrap": "mmdebstrap",
    "dpkg-scanpackages": "dpkg-dev",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "unshare": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}


def mirror() -> str | None:
    """Return a Debian mirror's address: KOMETA_HOST_SANDBOX_MIRROR, else that of this machine's own apt sources."""
    override = os.environ.get("KOMETA_HOST_SANDBOX_MIRROR")
    if override:
        return override
    found = _mirror_in_lists()
    if found is None:  # a machine without package lists does not know whose its sources are
        with apt_alone():
            run(["apt-get", "update"], check=False)
        found = _mirror_in_lists()
    return found


def _mirror_in_lists() -> str | None:
    lines = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages"], check=False)
    found = [line.split()[0] for line in lines.splitlines() if line.split()[1:] == ["Debian"]]
    return found[0] if found else None


def missing_tools(path: str | None = None) -> list[str]:
    """Return the packages that this machine lacks for making hosts."""
    folders = (path or f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin").split(":")
    lacking = {
        package for program, package in NEEDED.items() if not any(Path(folder, program).exists() for folder in folders)
    }
    if not KEYRING.exists():
        lacking.add("debian-archive-keyring")
    return sorted(lacking)


def apt_alone() -> contextlib.AbstractContextManager[None]:
    """Hold the lock under which this machine's own apt is used: it waits for no other apt."""
    return locked(cache_directory() / "machine.lock")


@cache
def prepare_machine() -> None:
    """Install on this machine what making hosts needs and is not there yet."""
    with apt_alone():
        packages = missing_tools()
        if packages:
            say(f"installing on this machine: {' '.join(packages)}")
            run(["apt-get", "update"], check=False)
            run(["apt-get", "install", "-y", "--no-install-recommends", *packages])


def architecture() -> str:
    """Return Debian's name of this machine's architecture."""
    return run(["dpkg", "--print-architecture"]).strip()


class PrivateApt:
    """apt with lists, cache and status of its own, so that it sees an empty Debian of one suite, not this machine."""

    def __init__(self, folder: Path, suite: str) -> None:
        """Prepare `folder` and fetch the package lists of `suite`."""
        self.folder = folder
        found = mirror()
        if found is None:
            raise SandboxError("no Debian mirror in this machine's apt sources; name one in KOMETA_HOST_SANDBOX_MIRROR")
        for name in ("state/lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {found} {suite} main\n")
        (folder / "apt.conf").write_text(self._settings())
        self.run("update")

    def _settings(self) -> str:
        lines = {
            "Dir::State": self.folder / "state",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "Dir::Etc::sourcelist": self.folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Sandbox::User": "root",
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        return "".join(f'{key} "{value}";\n' for key, value in lines.items())

    def run(self, *arguments: str) -> str:
        """Run apt-get with `arguments` and return its output."""
        return run(["apt-get", "-q", "-y", *arguments], env={"APT_CONFIG": str(self.folder / "apt.conf")})

    def closure(self, packages: Sequence[str]) -> list[str]:
        """Return the names of the package files of `packages` and all that they depend on."""
        lines = self.run("install", "--print-uris", *packages).splitlines()
        return [line.split()[1] for line in lines if line.startswith("'")]

    def download(self, packages: Sequence[str]) -> list[Path]:
        """Download `packages` and all that they depend on."""
        self.run("install", "--download-only", *packages)
        return sorted((self.folder / "cache" / "archives").glob("*.deb"))


def repository(suite: str = RELEASE) -> Path:
    """Return the folder of the local repository: `debian/` as a mirror has it; `image.txt` names the image's files."""
    name = "packages" if suite == RELEASE else f"{suite}-packages"
    recipe: list[Path | str] = [SOURCES / "packages.py", architecture()]
    return cached(name, recipe, lambda folder: _build_repository(folder, suite))


def _build_repository(folder: Path, suite: str) -> None:
    prepare_machine()
    private = folder / "apt"
    private.mkdir()
    apt = PrivateApt(private, suite)
    say(f"downloading packages of Debian {suite} (about 100 MB)")
    files = apt.download([*ESSENTIAL, *BARE, *READY, *OFFERED, *IMAGE])
    pool = folder / "debian" / "pool"
    pool.mkdir(parents=True)
    for file in files:
        file.rename(pool / file.name)
    (folder / "image.txt").write_text("\n".join(apt.closure(IMAGE)))
    run(["rm", "-rf", private])
    _write_index(folder / "debian", suite)


def _write_index(root: Path, suite: str) -> None:
    """Write the index files of the repository at `root`, so that apt takes it for an ordinary mirror."""
    index = root / "dists" / suite / "main" / f"binary-{architecture()}"
    index.mkdir(parents=True)
    packages = run(["dpkg-scanpackages", "--multiversion", "pool"], cwd=root).encode()
    (index / "Packages").write_bytes(packages)
    (index / "Packages.gz").write_bytes(gzip.compress(packages, mtime=0))
    lines = [
        "Origin: Debian", "Label: Debian", f"Suite: {suite}", f"Codename: {suite}", "Components: main",
        f"Architectures: {architecture()}", "Date: Sat, 01 Nov 2025 00:00:00 UTC", "SHA256:",
    ]  # fmt: skip
    for file in sorted(index.iterdir()):
        data = file.read_bytes()
        name = file.relative_to(root / "dists" / suite)
        lines.append(f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}")
    (root / "dists" / suite / "Release").write_text("\n".join(lines) + "\n")
