"""What people's hosts are like: each variant makes one thing true on a test host before it first boots."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox import packages, trees
from tests.sandbox.shell import SandboxError, run

Change = Callable[[Path], None]
FIRST_MAPPED = 1_234_567_168  # a multiple of 65,536 that no account's subordinate ids reach
DEVICES = ("--bind=/dev/fuse", "--bind=/dev/net/tun")
GREETING = "echo welcome to this host; echo 'and mind the step' >&2"
JOURNAL_DEFAULT = "[Journal]\nRateLimitIntervalSec=0\n"  # Storage=auto: volatile where /var/log/journal is missing


@dataclass(frozen=True)
class Variant:
    """One way in which a host differs.

    changes: made in order to the host's own tree, before it boots; install: packages, before that; boot: options of
    systemd-nspawn in place of the devices that rootless Podman opens; suite: the Debian that the tree is made of.
    """

    summary: str
    changes: tuple[Change, ...] = ()
    install: tuple[str, ...] = ()
    boot: tuple[str, ...] = DEVICES
    suite: str = packages.RELEASE


def keep_journal_in_memory(root: Path) -> None:
    """Let the journal be in memory alone, where an account that is in no special group cannot read its own part."""
    (root / "etc/systemd/journald.conf.d/sandbox.conf").write_text(JOURNAL_DEFAULT)
    shutil.rmtree(root / "var/log/journal", ignore_errors=True)


def move_home_to(place: str) -> Change:
    """Return what moves /home to another place and leaves a symbolic link to that, in the manner of the system."""

    def change(root: Path) -> None:
        target = root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        (root / "home").rename(target)
        (root / "home").symlink_to(place)

    return change


def log_in_with(shell: str) -> Change:
    """Return what gives the admins this login shell."""
    return lambda root: _chroot(root, *(f"usermod --shell {shell} {name}" for name in trees.ADMINS))


def greet_everybody(root: Path) -> None:
    """Let the start-up files of every account print something, for shells that nobody sits at, too."""
    start_files = ["etc/skel/.bashrc", "root/.bashrc", *(f"home/{name}/.bashrc" for name in trees.ADMINS)]
    for name in [*start_files, *(str(path.relative_to(root)) for path in (root / "home").glob("mms/.bashrc"))]:
        (root / name).write_text(f"{GREETING}\n")
    (root / "etc/csh.cshrc").write_text("echo welcome to this host\n")
    if (root / "etc/fish").is_dir():
        (root / "etc/fish/config.fish").write_text(f"{GREETING}\n")


def refuse_as_sudo_rs(root: Path) -> None:
    """Let sudo be sudo-rs, as on Ubuntu from 25.10."""
    (root / "usr/local/bin/sudo").symlink_to("/usr/bin/sudo-rs")


def have_doas_alone(root: Path) -> None:
    """Let doas take the place of sudo."""
    rules = root / "etc/doas.conf"
    rules.write_text("permit nopass admin as root\npermit careful as root\n")
    rules.chmod(0o400)
    (root / "usr/bin/sudo").unlink()


def want_slirp4netns(root: Path) -> None:
    """Let Podman reach the network as it does by default before version 5."""
    settings = '[network]\ndefault_rootless_network_cmd = "slirp4netns"\n'
    (root / "etc/containers/containers.conf.d/slirp4netns.conf").write_text(settings)


def lack_devices(root: Path) -> None:
    """Take away the devices that systemd-nspawn gives every machine, /dev/fuse since version 257."""
    unit = root / "etc/systemd/system/sandbox-devices.service"
    command = "sh -c 'umount /dev/net/tun /dev/fuse; rm -f /dev/net/tun /dev/fuse'"
    unit.write_text(unit.read_text().replace("/usr/bin/chmod 666 /dev/net/tun /dev/fuse", command))


def forbid_programs_in_home(root: Path) -> None:
    """Mount /home without the right to execute what is in it."""
    home = f"/{(root / 'home').readlink()}" if (root / "home").is_symlink() else "/home"
    (root / "etc/fstab").write_text(f"{home} {home} none bind,noexec 0 0\n")


def let_logind_see_its_boot(root: Path) -> None:
    """Keep logind of systemd 258 and newer in the machine's own /proc: it takes a process of another boot for foreign.

    systemd-nspawn puts the machine's boot id over the kernel's, and a unit with a /proc of its own sees the kernel's.
    """
    drop_in = root / "etc/systemd/system/systemd-logind.service.d/sandbox.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nProtectControlGroups=no\n")


VARIANTS: Mapping[str, Variant] = {
    "volatile-journal": Variant("Raspberry Pi OS, RHEL 9 as installed", (keep_journal_in_memory,)),
    "home-in-var": Variant("/home is a link to /var/home: Fedora Atomic, CoreOS", (move_home_to("var/home"),)),
    "home-in-data": Variant("/home is a link to another disk", (move_home_to("data/home"),)),
    "noexec-home": Variant("/home is mounted noexec", (forbid_programs_in_home,)),
    "unprivileged": Variant(
        "an unprivileged container: 65,536 ids, no /dev/net/tun, no /dev/fuse",
        (lack_devices,),
        boot=(f"--private-users={FIRST_MAPPED}:65536", "--private-users-ownership=map"),
    ),
    "legacy-zones": Variant("a host that knows US/Eastern, too", install=("tzdata-legacy",)),
    "slirp4netns-missing": Variant("slirp4netns is wanted and missing: Podman 4", (want_slirp4netns,)),
    "testing": Variant("the next Debian's Podman and systemd", (let_logind_see_its_boot,), suite="testing"),
    "tcsh": Variant("admins whose login shell is tcsh", (log_in_with("/usr/bin/tcsh"),), ("tcsh",)),
    "fish": Variant("admins whose login shell is fish", (log_in_with("/usr/bin/fish"),), ("fish",)),
    "talkative": Variant("every start-up file prints lines", (greet_everybody,)),
    "sudo-rs": Variant("sudo is sudo-rs", (refuse_as_sudo_rs,), ("sudo-rs",)),
    "doas": Variant("doas instead of sudo", (have_doas_alone,), ("opendoas",)),
}


def chosen(like: str | Iterable[str]) -> tuple[str, ...]:
    """Given the name of a variant or several, return their names. Raise SandboxError for one that is not known."""
    names = (like,) if isinstance(like, str) else tuple(like)
    for name in names:
        if name not in VARIANTS:
            raise SandboxError(f"no variant is called {name!r}; there are {', '.join(VARIANTS)}")
    return names


def suite(like: Iterable[str]) -> str:
    """Return the Debian that a host like these is made of."""
    others = {VARIANTS[name].suite for name in like} - {packages.RELEASE}
    return others.pop() if others else packages.RELEASE


def boot_options(like: Iterable[str]) -> tuple[str, ...]:
    """Return the options of systemd-nspawn for a host like these."""
    others = [VARIANTS[name].boot for name in like if VARIANTS[name].boot != DEVICES]
    return others[-1] if others else DEVICES


def apply(root: Path, like: Iterable[str]) -> None:
    """Make the tree at `root`, which is a host's own already, like these variants."""
    for name in like:
        variant = VARIANTS[name]
        if variant.install:
            command = "apt-get install -q -y --no-install-recommends"
            _chroot(root, "apt-get update -q", f"{command} {' '.join(variant.install)}")
        for change in variant.changes:
            change(root)


def _chroot(root: Path, *commands: str) -> None:
    run(["chroot", root, "sh", "-c", f"set -e; export PATH=$PATH:/usr/sbin:/sbin; {'; '.join(commands)}"])
