"""pyinfra's own command line, as config.py makes it behave."""

import json
import os
import subprocess
import sys
from pathlib import Path

from kometa_host.state import programs

PROJECT = programs.PROGRAMS.parent
ACCOUNT = {"mms_user": "nobody-here", "kometa_config_dir": "/home/nobody-here/config/kometa"}
HOSTS = [("@local", ACCOUNT), ("nowhere", {**ACCOUNT, "ssh_hostname": "127.0.0.1", "ssh_port": 1})]


def pyinfra(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run pyinfra on this machine and on a host that is not there, with nobody to answer a question."""
    inventory = folder / "inventory.py"
    inventory.write_text(f"hosts = {HOSTS!r}\n")
    command = [sys.executable, "-m", "pyinfra", str(inventory), *arguments]
    return subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PYINFRA_PROGRESS": "off"},
    )  # fmt: skip


def test_a_fact_that_a_host_cannot_tell_is_a_failure_and_the_others_are_told(tmp_path: Path) -> None:
    done = pyinfra(tmp_path, "fact", "facts.kometa.Runs", "server.Hostname", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["facts.kometa.Runs"] == {}
    assert list(told["server.Hostname"]) == ["@local"]
    assert "Traceback" not in done.stderr


def test_a_question_that_nobody_can_answer_is_refused_in_words(tmp_path: Path) -> None:
    done = pyinfra(tmp_path, "operations.kometa.logs", "runs=1")
    assert done.returncode == 1
    assert "nobody is there to answer. Add -y" in done.stderr
    assert "Traceback" not in done.stderr
    assert "EOFError" not in done.stderr
