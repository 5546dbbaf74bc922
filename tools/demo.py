"""make demo: a sandbox host on this machine, Kometa deployed to it, one run of it, and how to go on from there."""

import subprocess
import sys
from pathlib import Path
from shlex import quote

from tests.sandbox import why_not
from tests.sandbox.address import sandbox_address

PROJECT = Path(__file__).resolve().parents[1]
PYINFRA = str(Path(sys.executable).parent / "pyinfra")
OWN_HOST = """\
To deploy to a host of your own, put it into inventory.py in place of the sandbox, as the comment there shows, and run:
    .venv/bin/pyinfra inventory.py deploy.py"""
HOW_TO_GO_ON = f"""
Look at it:      make status; make doctor
Go in:           .venv/bin/python -m tests.sandbox ssh sandbox
Preview:         .venv/bin/pyinfra inventory.py deploy.py --dry --diff
Run Kometa:      .venv/bin/pyinfra inventory.py operations.kometa.run_once -y
Take it down:    make demo-down

{OWN_HOST}"""
# a run of Kometa needs Plex, which the sandbox imitates
STEPS = (
    [sys.executable, "-m", "tests.sandbox", "up"],
    [PYINFRA, "inventory.py", "deploy.py", "-y"],
    [sys.executable, "-m", "tests.sandbox", "plex"],
    [PYINFRA, "inventory.py", "operations.kometa.run_once", "-y"],
)
# what a user would type on the host, as mms
LOOKS = {
    "units": "for unit in kometa plex; do systemctl --user show $unit.service -p Id -p ActiveState -p SubState --value"
    " | paste -sd ' '; done",
    "image": "podman ps --filter name=^kometa$ --format '{{.Image}}, {{.Status}}'",
    "timers": "systemctl --user list-timers --no-pager --no-legend | grep -E '(kometa|mms)-' || echo none",
}


def main() -> int:
    """Run the demo; return the exit status."""
    if reason := why_not():
        print(f"No sandbox host can be booted here: {reason}\n\n{OWN_HOST}", file=sys.stderr)
        return 1
    for command in STEPS:
        status = subprocess.run(command, cwd=PROJECT, check=False).returncode
        if status:
            return status
    summarize()
    return 0


def summarize() -> None:
    """Print what runs where, how to look at it and how to take it down."""
    print("\nKometa runs, and has done its first run.")
    print(f"  host    sandbox, {sandbox_address()}, a container of this machine")
    for name, look in LOOKS.items():
        for line in on_the_sandbox(look):
            print(f"  {name:<7} {line}")
    print(HOW_TO_GO_ON)


def on_the_sandbox(command: str) -> list[str]:
    """Run a command on the sandbox host as mms and return the lines that it prints."""
    as_mms = f"cd /; runuser -u mms -- env XDG_RUNTIME_DIR=/run/user/3000 sh -c {quote(command)}"
    arguments = [sys.executable, "-m", "tests.sandbox", "ssh", "sandbox", "--", as_mms]
    return subprocess.run(arguments, cwd=PROJECT, check=False, capture_output=True, text=True).stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
