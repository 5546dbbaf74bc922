"""Python packages for the hosts: what the lock names, as wheels for a host's own Python, downloaded once."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.sandbox.address import CHECKOUT
from tests.sandbox.cache import SOURCES, cached
from tests.sandbox.shell import run, say

PYTHON = "3.13"  # of packages.RELEASE


def wheels() -> Path:
    """Return a folder with the wheels, for pip's --find-links."""
    lock = CHECKOUT / "requirements.lock"

    def download(folder: Path) -> None:
        say("downloading Python packages (about 30 MB)")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        wanted = ["--require-hashes", "--only-binary=:all:", "--requirement", str(lock)]
        run([*pip, "--python-version", PYTHON, "--dest", folder, *wanted])

    return cached("wheels", [SOURCES / "wheels.py", lock.read_text()], download)
