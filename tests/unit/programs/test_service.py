"""Programs that touch the running service: what they do where the host has changed since it was looked at."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kometa_host.state import programs

# Stand for what asks the host, first in PATH; each writes down how it was called.
FAKES = {
    "podman": """case $* in
    'network rm'*) exit "${REMOVAL:-0}" ;;
    unshare*) shift && exec "$@" ;;
    inspect*) echo false ;;
    top*) printf 'PID COMMAND\\n2 python3 /app/kometa/kometa.py\\n' ;;
esac""",
    "systemctl": "case $* in *NRestarts*) echo 0 ;; esac",
    "ps": "echo '   7200 python3 /app/kometa/kometa.py'",
    "pgrep": "echo 0",  # a process of which nothing can be known
    "sleep": "command -p sleep 0.1",  # the time for which it is called is left out
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home, and beside it the fakes in bin and Kometa's config tree in config."""
    for name in ("bin", "config/logs", "quadlets"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "quadlets/kometa.container").touch()
    (tmp_path / "asked").touch()
    for name, body in FAKES.items():
        fake = tmp_path / "bin" / name
        fake.write_text(f'#!/bin/bash\nprintf "%s\\n" "{name} ${{*%%$\'\\n\'*}}" >>"{tmp_path}/asked"\n{body}\n')
        fake.chmod(0o755)
    return tmp_path


def outcome(place: Path, program: str, removal: int = 0) -> tuple[int, str, list[str]]:
    """Run a program on the fakes; return its status, what it said and what it asked of Podman and systemd."""
    environment = {"HOME": str(place), "PATH": f"{place}/bin:{os.environ['PATH']}", "REMOVAL": str(removal)}
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False, env=environment)
    asked = (place / "asked").read_text().splitlines()
    return done.returncode, done.stderr, [line for line in asked if line.startswith(("podman network", "systemctl"))]


def switch(place: Path, when_idle: bool) -> str:
    """Return the program that restarts the service."""
    return programs.program(
        "switch_service", when_idle=when_idle, config_dir=place / "config", timezone="UTC", image="i",
        quadlet_dir=place / "quadlets", network_quadlet="n", patience=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("running", "when_idle", "switched"), [(False, True, True), (True, True, False), (True, False, True)]
)
def test_a_run_that_has_begun_meanwhile_is_not_killed(
    place: Path, running: bool, when_idle: bool, switched: bool
) -> None:
    if running:
        line = f"[{datetime.now(UTC):%Y-%m-%d %H:%M:%S},123] [kometa.py:1] [INFO] |  Starting 06:00 Run  |\n"
        (place / "config/logs/meta.log").write_text(line)
    status, said, asked = outcome(place, switch(place, when_idle))
    assert status == 0, said
    assert ("systemctl --user restart kometa.service" in asked) == switched
    assert ("a run has begun meanwhile" in said) != switched


def test_a_network_is_recreated_while_kometa_rests(place: Path) -> None:
    status, _, asked = outcome(place, programs.program("network", network="mms"))
    assert status == 0
    assert asked == [
        "systemctl --user daemon-reload",
        "podman network exists mms",
        "systemctl --user stop kometa.service mms-network.service",
        "podman network rm mms",
        "systemctl --user restart mms-network.service",
    ]


def test_kometa_runs_again_where_the_network_cannot_be_removed(place: Path) -> None:
    status, said, asked = outcome(place, programs.program("network", network="mms"), removal=2)
    assert (status, "could not be removed" in said) == (1, True)
    assert asked[-1] == "systemctl --user start kometa.service"


@pytest.mark.parametrize(
    ("processes", "why"),
    [
        ("1 /init", "Kometa's process did not appear within 1 s"),
        ("7 s6-supervise svc-kometa", "Kometa's process did not appear within 1 s"),
        (
            "9 chown -R abc:abc /config",
            "the image's start is still at work after 2 s (chown -R abc:abc /config), and Kometa has not begun",
        ),
    ],
)
def test_only_a_start_that_is_at_work_is_waited_for_and_no_longer_than_the_unit_s_own_limit(
    processes: str, why: str, place: Path
) -> None:
    (place / "bin/podman").write_text(f"#!/bin/bash\necho PID COMMAND\necho '{processes}'\n")
    answers = {
        "systemctl": "case $* in *NRestarts*) echo 0 ;; *TimeoutStart*) echo 2s ;; esac",
        "systemd-analyze": 'printf "Original: %s\\n      μs: 2000000\\n   Human: %s\\n" "$2" "$2"',
    }
    for name, body in answers.items():
        (place / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
        (place / "bin" / name).chmod(0o755)
    status, said, _ = outcome(place, switch(place, when_idle=False))
    assert status == 1
    assert f"Kometa is not healthy: {why}." in said
