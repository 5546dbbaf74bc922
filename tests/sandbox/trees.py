"""The root file systems of test hosts: built once per kind, then copied for each host and made its own."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox import packages
from tests.sandbox.cache import SOURCES, cached
from tests.sandbox.shell import SandboxError, run

KINDS = {"bare": packages.BARE, "ready": [*packages.BARE, *packages.READY]}
PASSWORD = "sandbox"  # noqa: S105  (of the account "careful" on throwaway hosts)
ADMINS = {"admin": "ALL=(ALL:ALL) NOPASSWD: ALL", "careful": "ALL=(ALL:ALL) ALL"}
MASKED = [  # nothing that a test did not start may take apt's lock or load the machine
    "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
    "dpkg-db-backup.timer", "console-getty.service", "getty@.service", "systemd-firstboot.service",
    "systemd-resolved.service", "systemd-modules-load.service", "systemd-networkd.service",
]  # fmt: skip
WANT_NETWORK = ["podman-restart.service", "podman-auto-update.service", "podman-auto-update.timer", "podman.service"]


@dataclass(frozen=True)
class Identity:
    """What makes a copy of a tree one particular host."""

    name: str
    address: str
    gateway: str
    key: Path  # of the user that logs in; its .pub is what the host trusts
    host_key: Path
    mirror: str
    registry: str
    network_online: bool
    suite: str = packages.RELEASE


def tree(kind: str, suite: str = packages.RELEASE) -> Path:
    """Return the cached root file system of `kind`, made of a Debian; built when there is none."""
    if kind not in KINDS:
        raise SandboxError(f"no kind of host is called {kind!r}; there are {', '.join(KINDS)} and what was saved")
    files = [SOURCES / "packages.py", SOURCES / "trees.py", SOURCES / "tree"]
    name = kind if suite == packages.RELEASE else f"{suite}-{kind}"
    return cached(name, [*files, packages.architecture()], lambda folder: _build(kind, suite, folder)) / "root"


def _build(kind: str, suite: str, folder: Path) -> None:
    repository = packages.repository(suite) / "debian"
    packages.prepare_machine()
    root = folder / "root"
    source = f"deb [trusted=yes] copy://{repository} {suite} main"
    run([
        "mmdebstrap", "--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io", "--format=directory",
        f"--include={','.join(KINDS[kind])}", suite, root, source,
    ])  # fmt: skip
    root.chmod(0o755)
    run(["cp", "-r", f"{SOURCES / 'tree'}/.", root])
    _add_accounts(root)
    _settle_units(root)


def _add_accounts(root: Path) -> None:
    """Add the accounts that administer the host; leave the subordinate ids to the account that the deploy makes."""
    for name, rule in ADMINS.items():
        run(["chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", name])
        rules = root / "etc" / "sudoers.d" / name
        rules.write_text(f"{name} {rule}\n")
        rules.chmod(0o440)
    run(["chroot", root, "sh", "-c", f"echo careful:{PASSWORD} | chpasswd"])
    for name in ("subuid", "subgid"):
        (root / "etc" / name).write_text("")
    linger = root / "var" / "lib" / "systemd" / "linger"
    linger.mkdir(parents=True, exist_ok=True)
    (linger / "root").touch()


def _settle_units(root: Path) -> None:
    (root / "var" / "log" / "journal").mkdir(exist_ok=True)
    (root / "etc" / "localtime").unlink(missing_ok=True)
    (root / "etc" / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    run(["systemctl", f"--root={root}", "enable", "sandbox-devices.service"])
    run(["systemctl", f"--root={root}", "mask", *MASKED])
    (root / "etc" / "machine-id").write_text("uninitialized\n")


def copy(source: Path, target: Path) -> None:
    """Copy the file system `source` to `target`, which must not be there, with all owners, modes and capabilities."""
    target.parent.mkdir(parents=True, exist_ok=True)
    run(["cp", "-a", "--reflink=auto", source, target])


def personalize(root: Path, identity: Identity) -> None:
    """Make the tree at `root` the host that `identity` describes."""
    _write(root, "etc/hostname", f"{identity.name}\n")
    _write(root, "etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {identity.name}\n::1 localhost\n")
    _write(root, "etc/machine-id", f"{uuid.uuid4().hex}\n")
    _write(root, "etc/resolv.conf", f"nameserver {identity.gateway}\noptions timeout:1 attempts:1\n")
    _write(root, "etc/apt/sources.list", "")
    _write(root, "etc/apt/sources.list.d/debian.sources", _apt_source(identity.mirror, identity.suite))
    _write(root, "etc/containers/registries.conf.d/sandbox.conf", _registries(identity.registry))
    _trust(root, identity)
    _choose_online(root, identity.network_online)


def _write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)


def _apt_source(mirror: str, suite: str) -> str:
    return f"Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nTrusted: yes\n"


def _registries(registry: str) -> str:
    """Return Podman's configuration that sends the names of the images to the sandbox's registry."""
    return "".join(
        f'[[registry]]\nprefix = "{prefix}"\nlocation = "{registry}{path}"\ninsecure = true\n\n'
        for prefix, path in (("lscr.io", ""), ("docker.io", ""))
    )


def _trust(root: Path, identity: Identity) -> None:
    """Let the sandbox's key in for root and the admins, and give the host its key."""
    for old in (root / "etc" / "ssh").glob("ssh_host_*"):
        old.unlink()
    for suffix, mode in (("", 0o600), (".pub", 0o644)):
        target = root / "etc" / "ssh" / f"ssh_host_ed25519_key{suffix}"
        shutil.copyfile(f"{identity.host_key}{suffix}", target)
        target.chmod(mode)
    public = Path(f"{identity.key}.pub").read_text()
    for home in (root / "root", *(root / "home" / name for name in ADMINS)):
        authorized = home / ".ssh" / "authorized_keys"
        authorized.parent.mkdir(mode=0o700, exist_ok=True)
        authorized.write_text(public)
        owner = home.stat()
        for path in (authorized.parent, authorized):
            shutil.chown(path, owner.st_uid, owner.st_gid)


def _choose_online(root: Path, network_online: bool) -> None:
    """Let something start network-online.target at boot, or see that nothing does (the trap for user Quadlets)."""
    if network_online:
        run(["systemctl", f"--root={root}", "enable", "sandbox-online.service"])
        return
    run(["systemctl", f"--root={root}", "disable", "sandbox-online.service"])
    run(["systemctl", f"--root={root}", "mask", *WANT_NETWORK])
