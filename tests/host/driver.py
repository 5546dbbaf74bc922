"""Runs pyinfra on sandbox hosts as its user does: the real command line, in the project's folder."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests import pyinfra_run
from tests.sandbox import Host
from tests.sandbox.shell import wait_until

PROJECT = Path(__file__).resolve().parents[2]
CONFIG = "/home/mms/config/kometa"
QUADLETS = "/home/mms/.config/containers/systemd"
# Twelve hours away: near a scheduled time nothing is restarted, updated or frozen, and nothing begins by itself. All
# processes of a test run inherit it: the host that one of them deploys to is the others' as well.
FAR = os.environ.setdefault(
    "KOMETA_HOST_TESTS_TIME", f"{datetime.now(ZoneInfo('America/New_York')) + timedelta(hours=12):%H:%M}"
)


def far_time(minutes: int = 0) -> str:
    """Return a time, HH:MM in New York, that is half a day away, and so many minutes more."""
    return f"{datetime.strptime(FAR, '%H:%M') + timedelta(minutes=minutes):%H:%M}"


FAR_TIMES: dict[str, object] = {
    "kometa_times": [FAR],
    "kometa_autodeploy_schedule": f"*-*-* {FAR}:00",
    "kometa_backup_schedule": f"*-*-* {FAR}:00",
}
SECRETS = {"plextoken": "sandbox-plex-token", "tmdbapikey": "made-up-for-the-sandbox"}
QUICK_STOP = {"STANDIN_STOP_SECONDS": "0.2"}  # of the stand-in; what it imitates takes three seconds
USUAL: dict[str, object] = {"kometa_secrets": SECRETS, "kometa_environment": QUICK_STOP, **FAR_TIMES}


@dataclass(frozen=True)
class Outcome:
    """How a run of pyinfra ended: exit status and what it printed on both streams."""

    status: int
    output: str
    errors: str

    @property
    def text(self) -> str:
        """All that was printed, without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.output + self.errors)

    def predicted(self) -> set[str]:
        """The operations that a preview says would change something on any host."""
        return {entry["name"] for entry in json.loads(self.output)["plan"] if entry["hosts_with_change"]}

    def changed(self) -> set[str]:
        """The operations that did change something on any host."""
        return {entry["name"] for entry in json.loads(self.output)["results"]["operations"] if entry["success"]}


@contextmanager
def terminal(typed: str | None) -> Iterator[int | None]:
    """Yield a terminal in which this is typed, None where nobody types."""
    if typed is None:
        yield None
        return
    keyboard, screen = pty.openpty()
    os.write(keyboard, typed.encode())
    try:
        yield screen
    finally:
        os.close(keyboard)
        os.close(screen)


class Pyinfra:
    """pyinfra with an inventory of sandbox hosts; data are variables for all of them."""

    def __init__(self, folder: Path, hosts: Host | Iterable[Host], **data: object) -> None:
        self.folder = folder
        self.hosts = [hosts] if isinstance(hosts, Host) else list(hosts)
        self.data: dict[str, object] = {**USUAL, **data}

    def inventory(self) -> Path:
        """Write the inventory and return its path."""
        entries = [(host.name, _without_empty(host.pyinfra_data | self.data)) for host in self.hosts]
        path = self.folder / "inventory.py"
        path.write_text(f"hosts = {entries!r}\n")
        return path

    def command(self, *arguments: str) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "pyinfra", str(self.inventory()), *arguments]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start pyinfra and return its process."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*arguments), cwd=PROJECT, stdout=pipe, stderr=pipe, text=True, env=environment()
        )

    def run(self, *arguments: str, status: int | None = 0, timeout: float = 300, typed: str | None = None) -> Outcome:
        """Run pyinfra to its end; its exit status must be the given one, None for any. typed is said in a terminal."""
        with terminal(typed) as stdin:
            done = self.completed(arguments, stdin, timeout)
        outcome = Outcome(done.returncode, done.stdout, done.stderr)
        assert status is None or outcome.status == status, outcome.text
        assert not re.search(r"^Traceback", outcome.text, re.M), outcome.text
        return outcome

    def completed(
        self, arguments: Sequence[str], stdin: int | None, timeout: float
    ) -> "subprocess.CompletedProcess[str]":
        """Run pyinfra to its end and return what it left."""
        return pyinfra_run.run(
            PROJECT, str(self.inventory()), *arguments, environment=environment(), stdin=stdin, timeout=timeout
        )

    def preview(self, *arguments: str, status: int = 0) -> set[str]:
        """Return the operations that a deploy would change something with."""
        return self.run("deploy.py", "--dry", "--json", *arguments, status=status).predicted()

    def deploy(self, *arguments: str, status: int = 0) -> set[str]:
        """Deploy and return the operations that changed something."""
        return self.run("deploy.py", "-y", "--json", *arguments, status=status).changed()


def trigger_run(host: Host, seconds: int) -> None:
    """Let Kometa begin a scheduled run that lasts so long.

    The times of its log are whole seconds, and no two runs begin in the same. The stand-in takes the sign away as soon
    as it sees it: it comes whole.
    """
    time.sleep(1 - time.time() % 1)
    files = (
        f"cd {CONFIG}; echo {seconds} >.standin-run-seconds; touch .standin-now; "
        "chown 3000:3000 .standin-run-seconds .standin-now; mv .standin-now .standin-run-now"
    )
    host.run(f"podman unshare sh -euc '{files}'", user="mms")


def start_run(host: Host, seconds: int) -> None:
    """Let Kometa begin a scheduled run that lasts so long, and wait until it has a log of its own."""
    first = f"head -c 200 {CONFIG}/logs/meta.log"
    before = host.run(first, check=False).stdout
    trigger_run(host, seconds)
    wait_until(lambda: host.run(first, check=False).stdout not in ("", before), "a run begins")


def wait_for_kometa(host: Host) -> None:
    """Wait until Kometa is alive on a host that has just booted."""
    inside = "until pgrep -f '[k]ometa/kometa.py'; do sleep 0.1; done"  # entering the container is what costs
    host.run(f'until podman exec kometa sh -c "{inside}"; do sleep 0.3; done', user="mms")


def _without_empty(data: dict[str, object]) -> dict[str, object]:
    """Return data without what is left to the user's SSH settings."""
    return {name: value for name, value in data.items() if value is not None or not name.startswith("ssh_")}


def environment() -> dict[str, str]:
    return {**os.environ, "PYINFRA_PROGRESS": "off", "PYTHONPATH": str(PROJECT)}
