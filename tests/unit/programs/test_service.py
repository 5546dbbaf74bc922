"""Programs that touch the running service: what they do where the host has changed since it was looked at."""

import os
import subprocess
from pathlib import Path

import pytest

from kometa_host.state import programs

TOOLS = """
in_namespace() { "$@"; }
podman() { printf 'podman %s\\n' "$*" >>"$asked"; case $* in 'network rm'*) return "$removal" ;; esac; }
systemctl() { printf '%s\\n' "$*" >>"$asked"; }
"""


def outcome(place: Path, program: str, more: str = "", removal: int = 0) -> tuple[int, str, str]:
    """Run a program without Podman and systemd; return its status, what it said and what it asked of them."""
    asked = place / "asked"
    asked.touch()
    setting = programs.assignments({"asked": str(asked), "removal": removal})
    at = program.index("# Makes the network anew") if "# Makes the network anew" in program else None
    at = program.index("# Between the look") if at is None else at
    text = program[:at] + setting + TOOLS + more + program[at:]
    environment = {**os.environ, "HOME": str(place)}
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stderr, asked.read_text()


@pytest.mark.parametrize(
    ("run", "when_idle", "switched"), [("", True, True), ("1700000000", True, False), ("1700000000", False, True)]
)
def test_a_run_that_has_begun_meanwhile_is_not_killed(
    tmp_path: Path, run: str, when_idle: bool, switched: bool
) -> None:
    program = programs.program(
        "common", "service", "switch_service", when_idle=when_idle, config_dir="/c", timezone="UTC", image="i",
        quadlet_dir="/q", network_quadlet="n", patience=1,
    )  # fmt: skip
    more = f"run_in_progress() {{ printf '{run}'; }}; switch_service() {{ say switched; }}\n"
    status, said, _ = outcome(tmp_path, program, more)
    assert (status, "switched" in said, "a run has begun meanwhile" in said) == (0, switched, not switched)


def test_a_network_is_made_anew_while_kometa_rests(tmp_path: Path) -> None:
    status, _, asked = outcome(tmp_path, programs.program("common", "network", network="mms"))
    assert status == 0
    assert asked.splitlines() == [
        "--user daemon-reload",
        "podman network exists mms",
        "--user stop kometa.service mms-network.service",
        "podman network rm mms",
        "--user restart mms-network.service",
    ]


def test_kometa_runs_again_where_the_network_cannot_be_removed(tmp_path: Path) -> None:
    status, said, asked = outcome(tmp_path, programs.program("common", "network", network="mms"), removal=2)
    assert (status, "could not be removed" in said) == (1, True)
    assert asked.splitlines()[-1] == "--user start kometa.service"
