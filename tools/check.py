"""make check: whether a deploy would take the project. `python -m tools.check [INVENTORY] [options of pyinfra]`.

Settings, secrets and config trees of all hosts, without a connection. Exit status 1 if there is a problem.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.command_line import inventory_and_options

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = Path(__file__).with_name("config_check.py")  # pyinfra reads it first; it ends the run with the checks


def pyinfra_command(arguments: Sequence[str]) -> list[str]:
    """Given what was typed, an inventory first or none, return the command that checks as a deploy does."""
    inventory, options = inventory_and_options(arguments)
    return [sys.executable, "-m", "pyinfra", inventory, str(PROJECT / "deploy.py"), "--config", str(CONFIG), *options]


def main(arguments: Sequence[str]) -> int:
    """Check; return 0 if a deploy would take all of it, 1 if not."""
    return subprocess.run(pyinfra_command(arguments), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
