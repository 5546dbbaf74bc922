"""make doctor: what is wrong with the hosts. `python -m tools.doctor [INVENTORY] [--json] [options of pyinfra]`.

Exit status 1 if there is a problem on any host, or a host cannot be reached.
"""

import subprocess
import sys
from collections.abc import Sequence

from tools.command_line import inventory_and_options


def pyinfra_command(arguments: Sequence[str]) -> list[str]:
    """Given what was typed, an inventory first or none, return the command that diagnoses the fleet."""
    inventory, options = inventory_and_options(arguments)
    as_json = ["json=true"] if "--json" in options else []
    rest = [option for option in options if option != "--json"]
    return [sys.executable, "-m", "pyinfra", inventory, "operations.kometa.diagnose", *as_json, *rest]


def shows_problem(printed: str) -> bool:
    """Return whether a table or a line of JSON tells of a problem, so that the exit status needs no explanation."""
    return "PROBLEM" in printed or '"state": "problem"' in printed


def main(arguments: Sequence[str]) -> int:
    """Print the tables on standard output; what pyinfra says of its own doings only if a host could not be read."""
    done = subprocess.run(pyinfra_command(arguments), capture_output=True, text=True, check=False)
    print(done.stdout.strip())
    if done.returncode and not shows_problem(done.stdout):
        print(done.stderr.strip(), file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
