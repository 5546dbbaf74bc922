"""The fleet at a glance, one line for each host: `python -m tools.status [INVENTORY] [--json] [options]`."""

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


def as_json(name: str, entry: Status) -> str:
    """Return the status of a host as one line of JSON."""
    return json.dumps({"host": name, **entry.to_json()}, ensure_ascii=False)


def main(arguments: Sequence[str]) -> int:
    """Print the table, or with --json a line for each host; return 1 if a host could not be read."""
    options = [option for option in arguments if option != "--json"]
    done = subprocess.run(pyinfra_command(options), capture_output=True, text=True, check=False)
    rows = statuses(done.stdout)
    if rows and options != list(arguments):
        print("\n".join(as_json(name, entry) for name, entry in rows.items()))
    elif rows:
        print(table(rows, datetime.now(UTC)))
    if done.returncode or not rows:
        # What pyinfra says of the hosts that it could not reach.
        print(done.stderr.strip() or "no host was read", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
