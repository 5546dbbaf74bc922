"""A sandbox host that config trees are restored to: archives of known trees, and what the host shows of them."""

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import zstandard

from tests.host.driver import CONFIG, Outcome, Pyinfra, wait_for_kometa
from tests.sandbox import Host
from tests.sandbox.shell import SandboxError, wait_until

STATE = "/home/mms/.local/state/kometa-host"
UNIT = "kometa.service"
ALIVE = "podman exec kometa pgrep -f '[k]ometa/kometa.py'"
# What only the archives hold, so that what Kometa writes by itself does not count.
MARKED = "assets marker"
DIGEST = (
    f"cd {CONFIG} && [ -s config.yml ] && {{ find {MARKED} -printf '%P %y %m %U %G %l\\n' | sort;"
    f" find {MARKED} -type f -print0 | sort -z | xargs -0 sha256sum; }} | sha256sum"
)
CONFIG_YML = """\
libraries:
  Movies:
    collection_files:
    - file: config/collections/movies.yml
plex:
  url: http://plex:32400
  token: <<plextoken>>
tmdb:
  apikey: <<tmdbapikey>>
"""


def full(count: int, sample: int) -> int:
    """Return how often a campaign does what it does: KOMETA_HOST_TORTURE is a number or `full`; else a sample."""
    told = os.environ.get("KOMETA_HOST_TORTURE", "")
    return int(told) if told.isdecimal() else count if told else sample


def make_tree(folder: Path, name: str, files: int = 60, size: int = 40_000) -> Path:
    """Make a config tree that is told from others by its name, below folder/name."""
    numbers = random.Random(name)  # noqa: S311  (not for secrets)
    tree = folder / name / "kometa"
    (tree / "assets").mkdir(parents=True)
    (tree / "collections").mkdir()
    (tree / "config.yml").write_text(CONFIG_YML)
    (tree / "collections" / "movies.yml").write_text(f"collections: {{{name}: {{plex_all: true}}}}\n")
    (tree / "marker").write_text(f"{name}\n")
    for number in range(files):
        place = tree / "assets" / f"{name} {number % 7}"
        place.mkdir(exist_ok=True)
        (place / f"poster {number}.jpg").write_bytes(numbers.randbytes(numbers.randrange(2 * size)))
    (tree / "assets" / "link").symlink_to("/config/marker")
    (tree / "assets" / "other name").hardlink_to(tree / "marker")
    return tree


def packed(tree: Path, owner: int = 3000) -> bytes:
    """Return the tar.zst of a tree, as the backup makes it."""
    made = subprocess.run(
        ["tar", "--format=gnu", "--numeric-owner", f"--owner={owner}", f"--group={owner}", "-C", tree.parent,
         "-c", "kometa"],
        check=True, capture_output=True,
    )  # fmt: skip
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(made.stdout)


@dataclass
class RestoreHost:
    """The host, the command line for it and the key of its archives."""

    host: Host
    pyinfra: Pyinfra
    folder: Path
    key: object = field(default_factory=pyrage.x25519.Identity.generate)

    def __post_init__(self) -> None:
        self.identity.write_text(f"{self.key}\n")
        self.identity.chmod(0o600)

    @property
    def identity(self) -> Path:
        """The path of the identity file."""
        return self.folder / "identity.txt"

    def sealed(self, data: bytes, name: str) -> Path:
        """Encrypt data to the host's key; return the path of the file, below the folder."""
        path = self.folder / f"{name}.tar.zst.age"
        path.write_bytes(pyrage.encrypt(data, [self.key.to_public()]))  # type: ignore[attr-defined]
        return path

    def archive(self, name: str, **size: int) -> Path:
        """Make an encrypted archive of a tree of that name; return its path on this machine."""
        return self.sealed(packed(make_tree(self.folder, name, **size)), name)

    # --- doing ------------------------------------------------------------------------------------------------------

    def arguments(self, archive: Path | str, *more: str) -> list[str]:
        """Return the arguments of a restore from an archive of this machine."""
        return [
            "operations.restore.config",
            f"backup=local:{archive}",
            f"identity={self.identity}",
            "from=elsewhere",
            *more,
        ]

    def restore(self, archive: Path | str, *more: str, status: int = 0) -> Outcome:
        """Restore."""
        return self.pyinfra.run(*self.arguments(archive, *more), "-y", status=status)

    def preview(self, archive: Path | str, *more: str, status: int = 0) -> Outcome:
        """Only look what a restore would do."""
        return self.pyinfra.run(*self.arguments(archive, *more), "--dry", status=status)

    def make_live(self, archive: Path) -> None:
        """See that the tree of an archive that `archive` has made is live, whatever was before."""
        if self.marker() != archive.name.partition(".")[0]:
            self.restore(archive)

    def account(self, command: str, check: bool = True) -> str:
        """Run a command as the account, return what it printed."""
        return self.host.run(command, user="mms", check=check, timeout=120).stdout

    def start(self) -> None:
        """Start Kometa's service and wait until it is alive."""
        self.account(f"systemctl --user start {UNIT}")
        wait_for_kometa(self.host)

    def inner(self, script: str) -> str:
        """Run a script inside the account's namespace, return what it printed."""
        return self.host.run(f"podman unshare sh -eu -c '{script}'", user="mms").stdout

    # --- looking ----------------------------------------------------------------------------------------------------

    def marker(self) -> str:
        """Return which tree is live, nothing where it has come from no archive."""
        return self.host.run(f"cat {CONFIG}/marker 2>/dev/null || true").stdout.strip()

    def digest(self) -> str:
        """Return what tells an entire tree from another; raise SandboxError if there is no tree."""
        return self.host.run(DIGEST).stdout

    def is_active(self) -> bool:
        """Return whether Kometa's service runs."""
        return self.account(f"systemctl --user is-active {UNIT}", check=False).strip() == "active"

    def story(self) -> str:
        """Return what the host has to tell of the last restore, for a test that fails."""
        return self.account(
            f"systemctl --user status {UNIT}; journalctl --user -n 60 --no-pager; cat {STATE}/restore*",
            False,
        )

    def leftovers(self) -> str:
        """Return what a restore has left that is not meant to stay."""
        return self.host.run(f"ls -d {STATE}/restore {CONFIG}.stage-* {CONFIG}.previous 2>/dev/null; true").stdout

    def kept(self) -> list[str]:
        """Return the trees that restores replaced."""
        return self.host.run(f"ls -d {CONFIG}.before-* 2>/dev/null; true").stdout.split()

    def everything(self) -> str:
        """Return all that is in the home and where backups are, with times, but what Kometa writes.

        From then on the watcher of runs stands still, which would write there at any moment.
        """
        self.account("systemctl --user stop kometa-watch.timer kometa-watch.service")
        skipped = "-path '*/.local/share/containers' -o -name lock.holder -o -path '*/.cache'"
        found = self.host.run(
            f"find /home/mms /data \\( {skipped} \\) -prune -o -printf '%p %i %m %U %G %s %T@ %l\\n' | sort"
        ).stdout
        of_kometa = tuple(f"{CONFIG}{name}" for name in (" ", "/logs", "/UUID", "/config.yml.template"))
        return "".join(line for line in found.splitlines(keepends=True) if not line.startswith(of_kometa))

    def settled(self) -> None:
        """Wait until whatever a restore still does on the host has ended."""
        self.account(f"flock -w 200 {STATE}/lock true")


# --- interruptions ----------------------------------------------------------------------------------------------------

BREAKS = (
    "ctrl-c",
    "kill -9 of the controller",
    "cut line",
    "power cut",
    "kill -9 of tar",
    "kill -9 of the host's shell",
)
HOLDER = (
    f'for p in /proc/[0-9]*; do [ "$(readlink $p/fd/9)" != {STATE}/lock ] || kill -9 ${{p#/proc/}}; done 2>/dev/null'
)


@dataclass
class Interruption:
    """One restore that was interrupted: how, after how many seconds, and what was live afterwards."""

    how: str
    after: float
    was_active: bool
    from_stage: bool
    result: str = ""


@dataclass
class Campaign:
    """Restores of two trees in turns, each interrupted, and the invariant checked."""

    on: RestoreHost
    seed: int
    longest: float = 13.0
    archives: dict[str, Path] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    done: list[Interruption] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311  (not for secrets)
        for name in ("old", "new"):
            self.archives[name] = self.on.archive(name, files=400, size=60_000)
            self.on.restore(self.archives[name])
            self.digests[name] = self.on.digest()

    def interrupt(self, how: str) -> Interruption:
        """Interrupt one restore and check that the host is as it was before, or as it was to be."""
        on = self.on
        live = on.marker()
        stopped = how != "power cut" and self.random.random() < 0.3
        self._set_service(not stopped)
        one = Interruption(how, 0.0, not stopped, self.random.random() < 0.6)
        process = on.pyinfra.start(*on.arguments(self.archives["new" if live == "old" else "old"]), "-y")
        try:
            if one.from_stage:
                self._wait_for_stage(process.poll)
            one.after = self.random.uniform(0.0, 1.5 if one.from_stage and self.random.random() < 0.6 else self.longest)
            time.sleep(one.after)
            self._break(how, process)
        finally:
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=120)
            process.kill()
            process.communicate()
        self._check(one, live)
        return one

    def _set_service(self, wanted: bool) -> None:
        # So many starts in so short a time are more than systemd allows.
        self.on.account(
            f"systemctl --user reset-failed {UNIT}; systemctl --user {'start' if wanted else 'stop'} {UNIT}"
        )

    def _wait_for_stage(self, ended: Callable[[], int | None]) -> None:
        # Asked of the host's folder on this machine: no login, so at once.
        place = self.on.host.tree / CONFIG.lstrip("/")
        while ended() is None and not list(place.parent.glob(f"{place.name}.stage-*")):
            time.sleep(0.01)

    def _break(self, how: str, process: "subprocess.Popen[str]") -> None:
        host = self.on.host
        if how == "ctrl-c":
            process.send_signal(2)
        elif how == "kill -9 of the controller":
            process.kill()
        elif how == "cut line":
            host.cut_line()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=self.random.uniform(0.5, 4))
            process.kill()
            host.mend_line()
        elif how == "power cut":
            host.power_cut()
            process.kill()
            host.boot()
        elif how == "kill -9 of tar":
            host.run("for i in $(seq 200); do pkill -9 -x tar && break; sleep 0.01; done; true", user="root")
        else:
            host.run(HOLDER + "; true")

    def _check(self, one: Interruption, live: str) -> None:
        on = self.on
        on.settled()
        assert on.digest() in self.digests.values(), f"{one}: the live tree is neither the old nor the new one"
        if one.how == "power cut":
            wait_for_kometa(on.host)
        if one.how == "cut line" and one.was_active:
            # Without its network the host can start no container; systemd tries on until it can.
            with suppress(SandboxError):
                wait_until(on.is_active, "the service runs again")
        if one.how != "kill -9 of the host's shell":
            assert on.is_active() == one.was_active, f"{one}: the service is not as before\n{on.story()}"
        on.pyinfra.run("operations.restore.leftovers", "-y")
        assert not on.leftovers(), f"{one}: {on.leftovers()}"
        assert on.digest() in self.digests.values(), f"{one}: the live tree is neither after the repair"
        assert on.is_active() == one.was_active, f"{one}: the service is not as before after the repair\n{on.story()}"
        assert len(on.kept()) <= 2
        if one.was_active:
            wait_for_kometa(on.host)
        one.result = "previous tree" if on.marker() == live else "restored tree"
        self.done.append(one)
        print(one, flush=True)  # shown where the campaign fails, or with pytest -s

    def summary(self) -> Iterator[str]:
        """Say how many interruptions of each kind ended with which tree."""
        for how in dict.fromkeys(one.how for one in self.done):
            of_kind = [one for one in self.done if one.how == how]
            new = sum(one.result == "restored tree" for one in of_kind)
            yield f"{how}: {len(of_kind)} times, {len(of_kind) - new} previous tree, {new} restored tree"
