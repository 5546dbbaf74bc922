"""A sandbox host with backups, looked at from outside: what lies under final names, what is frozen, what leaked."""

import base64
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyrage  # type: ignore[import-untyped]

from kometa_host.archive import names
from kometa_host.archive.chain import Report, open_archive
from kometa_host.archive.gate import Member
from kometa_host.archive.identity import Identities, read_identities
from tests.host.driver import CONFIG
from tests.sandbox import Completed, Host

BACKUPS = "/data/backups/config/kometa"
LIBRARY = "/home/mms/.local/lib/kometa-host"
SCRIPT = f"{LIBRARY}/kometa-backup"
UNIT = "kometa-backup.service"
SHIMS = "/opt/shims"
WRITTEN = "/home/mms/.local/state/kometa-host/archives-written"
MARKER = "the-plaintext-that-nobody-may-find-outside-of-the-tree"


def turns(sample: int, whole: int) -> int:
    """Return how many turns a fault campaign takes: a sample, or all of it (KOMETA_HOST_TORTURE: full, or a number)."""
    wanted = os.environ.get("KOMETA_HOST_TORTURE", "")
    return int(wanted) if wanted.isdigit() else whole if wanted else sample


@dataclass(frozen=True)
class Key:
    """An age identity: the path of its file and its recipient."""

    path: Path
    recipient: str

    @classmethod
    def make(cls, folder: Path) -> "Key":
        """Make one in a folder."""
        identity = pyrage.x25519.Identity.generate()
        path = folder / "identity.txt"
        path.write_text(f"{identity}\n")
        path.chmod(0o600)
        return cls(path, str(identity.to_public()))

    def identities(self) -> Identities:
        """Return what the chain wants."""
        return read_identities(self.path)


@dataclass
class BackupHost:
    """The host, its key, and what is known to be good."""

    host: Host
    key: Key
    good: set[str] = field(default_factory=set)

    # --- doing ------------------------------------------------------------------------------------------------------

    def account(self, command: str, check: bool = True, timeout: float = 120) -> Completed:
        """Run a command as the account."""
        return self.host.run(command, user="mms", check=check, timeout=timeout)

    def start(self, check: bool = True, timeout: float = 120) -> bool:
        """Start the unit, wait for its end and return whether it succeeded."""
        self.account(f"systemctl --user reset-failed {UNIT} 2>/dev/null || true")
        self.mark()
        done = self.account(f"systemctl --user start {UNIT}", check=False, timeout=timeout).returncode == 0
        assert done or not check, self.last_words()
        return done

    def by_hand(self, before: str = "", check: bool = True, timeout: float = 120) -> Completed:
        """Run the script itself, with some assignments before it."""
        return self.account(f"{before} bash {SCRIPT}", check=check, timeout=timeout)

    def shim(self, name: str, text: str) -> str:
        """Put a program in front of one of the host's and return the assignment that makes the script find it."""
        self.host.run(f"mkdir -p {SHIMS}; cat >{SHIMS}/{name}; chmod 755 {SHIMS}/{name}", input=text.encode())
        return f"PATH={SHIMS}:$PATH"

    def mark(self) -> None:
        """Let last_words return what is said from now on."""
        self.host.run("journalctl --sync")
        self.account("journalctl --user -n 0 --show-cursor | sed -n 's/^-- cursor: //p' >~/cursor")

    def last_words(self) -> str:
        """Return what backups have said since the last one was started from here; see words_of_job in programs/lib."""
        return self._words('--after-cursor="$(cat ~/cursor)" SYSLOG_IDENTIFIER=kometa-backup')

    def journal(self) -> str:
        """Return all that the account's journal has."""
        return self._words("")

    def _words(self, which: str) -> str:
        self.host.run("journalctl --sync")
        return self.account(f"journalctl --user -o cat --no-pager {which}").stdout

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The backup directory, seen from this machine."""
        return self.host.tree / BACKUPS.lstrip("/")

    @property
    def tree(self) -> Path:
        """The config tree, seen from this machine."""
        return self.host.tree / CONFIG.lstrip("/")

    def archives(self) -> list[str]:
        """Return the names of our archives, oldest first."""
        return sorted(path.name for path in self.folder.iterdir() if names.parse(path.name))

    def partials(self) -> list[str]:
        """Return the names of what is being written or was cut off."""
        return [path.name for path in self.folder.iterdir() if names.is_partial(path.name)]

    def open(self, name: str, on_member: Callable[[Member], object] | None = None) -> Report:
        """Read an archive to its end; raises if anything is wrong with it."""
        with (self.folder / name).open("rb") as file:
            return open_archive(file.read, self.key.identities(), len, name=name, on_member=on_member)

    def newest(self) -> str:
        """Return the name of the newest archive."""
        return self.archives()[-1]

    def members(self, name: str) -> dict[bytes, Member]:
        """Return what an archive holds, by name."""
        found: dict[bytes, Member] = {}
        self.open(name, lambda member: found.update({member.name: member}))
        return found

    def state(self) -> str:
        """Return the state of Kometa's container: running, paused, or empty where there is none."""
        found = self.account("podman inspect -f '{{.State.Status}}' kometa", check=False)
        return found.stdout.strip() if found.returncode == 0 else ""

    def leaks(self) -> str:
        """Return the files outside of the tree that hold the tree's text in plain text."""
        places = f"/data /tmp /var/tmp /run/user/3000 /home/mms {SHIMS}"
        found = self.host.run(f"grep -rlaFs --exclude-dir=kometa --exclude-dir=overlay {MARKER} {places}", check=False)
        inside = self.host.run(f"grep -rlaFs {MARKER} {BACKUPS}", check=False)
        return found.stdout + inside.stdout

    def assert_sound(self, state: str = "running") -> None:
        """After a fault: every final name is whole, nothing is in plain text, the container is as it was."""
        for name in self.archives():
            if name not in self.good:
                assert self.open(name).contents.has_config_yml
                self.good.add(name)
        assert self.state() == state
        assert self.leaks() == ""

    def assert_next_is_good(self) -> None:
        """After a fault is over: a backup succeeds, is whole, and nothing cut off is left."""
        before = set(self.archives())
        assert self.start()
        new = set(self.archives()) - before
        assert len(new) == 1
        assert self.partials() == []
        self.assert_sound()

    # --- the tree ---------------------------------------------------------------------------------------------------

    def inside(self, command: str) -> str:
        """Run a command inside the account's user namespace, in the config tree."""
        text = base64.b64encode(command.encode()).decode()
        program = f'cd {CONFIG} && eval "$(echo {text} | base64 -d)"'
        return self.account(f"podman unshare bash -c '{program}'").stdout

    def listing(self, directory: str = CONFIG) -> list[bytes]:
        """Return a record for each entry below a directory: kind, mode, owner inside the namespace, name, time."""
        find = (
            "find . \\( -type d -o -type f -o -type l \\) -printf '%y %m %U:%G %P %Ts %l\\0' -type f "
            "-exec sha256sum -z {} +"
        )
        done = self.account(f'podman unshare bash -c "cd {directory} && {find}"')
        return sorted(re.sub(rb"^\\", b"", record) for record in done.stdout_bytes.split(b"\0"))


def odd_tree(tree: Path, owner: int) -> None:
    """Put everything below a directory that a file system allows and that programs stumble over."""
    odd = tree / "odd"
    odd.mkdir()
    names_ = [
        b"new\nline", b"\xff\xfe not UTF-8", b"-rf", b"--checkpoint-action=exec=sh", b" spaces ", b"quote'\"", b"tab\t",
        b"back\\slash", b"*", b"\x1b[31mred", b"n" * 255, b"kometa-2026-01-01T000000Z.tar.zst.age", "ümläut".encode(),
    ]  # fmt: skip
    root = bytes(odd)
    for name in names_:
        Path(str(root + b"/" + name, "utf-8", "surrogateescape")).write_bytes(name)
    deep = odd
    for number in range(12):
        deep = deep / f"{number:d}{'d' * 100}"
        deep.mkdir()
    (deep / "leaf").write_text(MARKER)
    (odd / "empty").mkdir()
    (odd / "nothing").touch()
    (odd / "secret").write_text(MARKER)
    (odd / "secret").chmod(0o000)
    (odd / "absolute").symlink_to("/etc/passwd")
    (odd / "dangling").symlink_to("./not/there")
    (odd / "hard").hardlink_to(odd / "nothing")
    with (odd / "sparse").open("wb") as sparse:
        sparse.truncate(3_000_000)
        sparse.seek(2_000_000)
        sparse.write(b"data")
    (odd / "set-id").write_text("set-id")
    for path in [odd, *odd.rglob("*")]:
        # what no text can name is found by os.walk all the same
        _give(path, owner)
    (odd / "set-id").chmod(0o4755)


def _give(path: Path, owner: int) -> None:
    os.lchown(path, owner, owner)
