"""operations/engine/process.py: a process of this machine, under a pyinfra that has put gevent in Python's place."""

import subprocess
import sys

from tests.unit.project_copy import PROJECT

# Nothing else may happen in the loop: any event would let gevent's own close come to its end.
CLOSED = """
import pyinfra_cli.main
import os, gevent
from operations.engine.process import OpenSshProcess

gevent.get_hub()
before = set(os.listdir("/dev/fd"))
process = OpenSshProcess(["sh", "-c", "cat; exit 3"])
assert len(set(os.listdir("/dev/fd")) - before) == 3, "ends of the other process are open"
process.write(b"carried" * 1_000)
process.close_input()
assert len(set(os.listdir("/dev/fd")) - before) == 2, "the input is open"
assert b"".join(iter(process.read, b"")) == b"carried" * 1_000
assert process.wait() == 3
"""


def test_what_is_closed_is_closed_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", CLOSED], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
