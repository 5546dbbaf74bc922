"""The fleet at a glance, one line for each host: `python -m tools.status [INVENTORY] [options of pyinfra]`."""

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kometa_host.reports.status import Status, table
from tools.command_line import inventory_and_options

FACT = "facts.kometa.Status"


def pyinfra_command(arguments: Sequence[str]) -> list[str]:
    """Given what was typed, an inventory first or none, return the command that reads the fleet."""
    inventory, options = inventory_and_options(arguments)
    return [sys.executable, "-m", "pyinfra", inventory, "fact", FACT, "--json", *options]


def statuses(printed: str) -> dict[str, Status]:
    """Given what pyinfra printed, return the status of each host that answered, by name."""
    found: dict[str, Any] = next((json.loads(line) for line in printed.splitlines() if line.startswith("{")), {})
    return {name: Status.from_json(value) for name, value in found.get(FACT, {}).items() if value}


def main(arguments: Sequence[str]) -> int:
    """Print the table; return 1 if a host could not be read."""
    done = subprocess.run(pyinfra_command(arguments), capture_output=True, text=True, check=False)
    rows = statuses(done.stdout)
    if rows:
        print(table(rows, datetime.now(UTC)))
    if done.returncode or not rows:
        # What pyinfra says of the hosts that it could not reach.
        print(done.stderr.strip() or "no host was read", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
