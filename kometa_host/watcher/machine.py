"""What the watcher asks the host: its units, its container, its journal. Each question has a bound."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from kometa_host.watcher.jobs import Job, parse_units
from kometa_host.watcher.why_missed import HostFacts

PATIENCE = 120  # seconds
SERVICE, CONTAINER = "kometa.service", "kometa"
JOB = "Id,LoadState,ActiveState,Result,InvocationID,SyslogIdentifier,ExecMainStartTimestamp,ExecMainExitTimestamp"


def ask(*command: str, text: str = "") -> str:
    """Return what a command prints, nothing where it fails or does not answer."""
    try:
        return _run(command, text).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _run(command: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(command), input=text, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}, cwd="/",
    )  # fmt: skip


class NamespaceError(Exception):
    """The account's user namespace could not be entered, so Kometa's logs could not be read."""


def in_namespace(program: Path, argument: str, text: str) -> str:
    """Return what this very program prints inside the account's user namespace. Raise NamespaceError if it cannot."""
    try:
        done = _run(["podman", "unshare", sys.executable, "-B", str(program), argument], text)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NamespaceError(f"podman unshare: {type(error).__name__}") from None
    if done.returncode:
        raise NamespaceError(done.stderr.strip()[-300:] or f"podman unshare ended with {done.returncode}")
    return done.stdout


def jobs(units: Sequence[str]) -> list[Job]:
    """Return the last job of each unit that systemd knows."""
    return parse_units(ask("systemctl", "--user", "show", "-p", JOB, *units)) if units else []


def archives(directory: str) -> list[str]:
    """Return the size and the name of each file of the backup directory."""
    return ask("find", directory, "-maxdepth", "1", "-type", "f", "-printf", "%s %f\\n").splitlines()


def journal(job: Job, lines: int) -> list[str]:
    """Return the last lines that a job wrote to the journal, which may have lost to which job they belong.

    It asks for that as it takes the lines, and a job that has ended by then is gone; its identifier stands in each.
    """
    if not re.fullmatch(r"[0-9a-f]{32}", job.invocation):
        return []
    match = [f"_SYSTEMD_INVOCATION_ID={job.invocation}", "+", f"USER_INVOCATION_ID={job.invocation}"]
    if job.identifier and (began := _time(job.began)):
        own = [f"_UID={os.getuid()}", f"SYSLOG_IDENTIFIER={job.identifier}"]
        match = [f"--since={began:%Y-%m-%d %H:%M:%S} UTC", *match, "+", *own]
    said = ask("journalctl", "--user", "-q", "--no-pager", "-o", "cat", "-n", str(lines), *match)
    return [line.strip()[:300] for line in said.splitlines() if line.strip()][-lines:]


def facts() -> HostFacts:
    """Return what the host says of itself and of Kometa's service."""
    shown = ask("systemctl", "--user", "show", "-p", "ActiveState,ActiveEnterTimestamp", SERVICE)
    properties = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    state = ask("podman", "inspect", "--format", "{{.State.Status}}", CONTAINER).strip()
    alive = ask("podman", "exec", CONTAINER, "pgrep", "-f", "[k]ometa/kometa.py") if state == "running" else ""
    return HostFacts(
        booted=_boot_time(Path("/proc/stat").read_text()),
        service=properties.get("ActiveState", "unknown"),
        since=_time(properties.get("ActiveEnterTimestamp", "")),
        is_frozen=state == "paused",
        is_alive=bool(alive.strip()),
    )


def _boot_time(stat: str) -> datetime:
    found = re.search(r"^btime (\d+)$", stat, re.M)
    return datetime.fromtimestamp(int(found[1]) if found else 0, timezone.utc)


def _time(text: str) -> datetime | None:
    found = re.search(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", text)
    return datetime.fromisoformat(found[1]).replace(tzinfo=timezone.utc) if found else None
