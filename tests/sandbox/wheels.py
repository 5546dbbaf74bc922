"""Python packages for the hosts: what the project depends on, as wheels for a host's own Python, downloaded once."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from tests.sandbox.address import CHECKOUT
from tests.sandbox.cache import SOURCES, cached
from tests.sandbox.shell import run, say

PYTHON = "3.13"  # of packages.RELEASE


def wheels() -> Path:
    """Return a folder with the wheels, for pip's --find-links."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted: list[str] = project["dependencies"]

    def download(folder: Path) -> None:
        say("downloading Python packages (about 30 MB)")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--python-version", PYTHON, "--only-binary=:all:", "--dest", folder, *wanted])

    return cached("wheels", [SOURCES / "wheels.py", *wanted], download)
