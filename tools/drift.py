"""make drift: whether the hosts are as the project says. Exit status 0 in sync, 2 drift, 1 error; changes nothing."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
IN_SYNC, ERROR, DRIFT = 0, 1, 2
CONCLUSIONS = {IN_SYNC: "in sync", ERROR: "not all hosts could be compared", DRIFT: "drift"}
# A restart that waits for a run's end is drift too, so it is asked for here, where nothing is changed.
PREVIEW = ("deploy.py", "--dry", "--json", "--data", "kometa_restart=now")


def drift(plan: Mapping[str, Any]) -> dict[str, list[str]]:
    """Given what `deploy.py --dry --json` printed, return the operations that would change each host, by host."""
    found: dict[str, list[str]] = {}
    for operation in plan["plan"]:
        for host in operation["hosts_with_change"]:
            found.setdefault(host, []).append(operation["name"])
    return found


def planned(printed: str) -> dict[str, list[str]] | None:
    """Given all that pyinfra printed, return what `drift` does, None where it printed no plan, or half of one."""
    try:
        return drift(json.loads(printed))
    except (ValueError, KeyError, TypeError):
        return None


def main(inventory: str) -> int:
    """Compare the hosts of an inventory; print one line for each thing that differs and return the exit status.

    Hosts that cannot be reached keep none of the others from being told.
    """
    command = [sys.executable, "-m", "pyinfra", inventory, *PREVIEW]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    found = planned(done.stdout)
    if done.returncode or found is None:
        print(done.stderr, file=sys.stderr)
    if found is None:
        return ERROR
    for line in done.stderr.splitlines():
        if "left undone:" in line:
            print(line.strip())
    for host, operations in found.items():
        print("\n".join(f"{host}: {name}" for name in operations))
    status = ERROR if done.returncode else DRIFT if found else IN_SYNC
    print(CONCLUSIONS[status])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "inventory.py"))
