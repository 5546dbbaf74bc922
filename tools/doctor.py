"""make doctor: what is wrong with the hosts. `python -m tools.doctor [INVENTORY] [--json] [options of pyinfra]`.

Exit status 1 if there is a problem on any host, or a host cannot be reached.
"""

import re
import subprocess
import sys
from collections.abc import Sequence

from tools.command_line import inventory_and_options


def pyinfra_command(arguments: Sequence[str]) -> list[str]:
    """Given what was typed, an inventory first or none, return the command that diagnoses the fleet.

    It asks nothing where a host cannot be reached: nothing is changed, and the others are to be diagnosed.
    """
    inventory, options = inventory_and_options(arguments)
    as_json = ["json=true"] if "--json" in options else []
    rest = [option for option in options if option != "--json"]
    return [sys.executable, "-m", "pyinfra", inventory, "operations.kometa.diagnose", *as_json, "-y", *rest]


def shows_problem(printed: str) -> bool:
    """Return whether a table or a line of JSON tells of a problem, so that the exit status needs no explanation."""
    return "PROBLEM" in printed or '"state": "problem"' in printed


def unread(errors: str) -> list[str]:
    """Given what pyinfra said of its own doings, return what it said of hosts that it could not read."""
    _, _, connecting = errors.partition("--> Connecting to hosts...\n")
    refused, _, later = connecting.partition("\n-->")
    connected, unreadable = re.compile(r" +\[.+\] +Connected$"), re.compile(r" +\[.+\] +.*could not be read")
    lines = [line for line in refused.splitlines() if not connected.match(line)]
    lines += [line for line in later.splitlines() if unreadable.match(line)]
    return [line.removeprefix("    ") for line in lines if line.strip()]


def main(arguments: Sequence[str]) -> int:
    """Print the tables on standard output; of what pyinfra says of its own doings only which hosts could not be read,
    and all of it if nothing else explains the exit status.
    """
    done = subprocess.run(pyinfra_command(arguments), capture_output=True, text=True, check=False)
    print(done.stdout.strip())
    if done.returncode:
        explained = unread(done.stderr) if shows_problem(done.stdout) else [done.stderr.strip()]
        print("\n".join(explained), end="\n" if explained else "", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
