"""make lint: style, types and shell scripts, all of them at once, then one exit status."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PYTHON_FILES = [
    "kometa_host",
    "facts",
    "operations",
    "tools",
    "tests",
    "deploy.py",
    "destroy.py",
    "inventory.py",
    "config.py",
]
# What the machine runs from which somebody deploys, a Mac too: the types know what of the library Linux alone has.
PORTABLE = ["kometa_host", "facts", "operations", "tools", "deploy.py", "destroy.py"]
MACOS = ["--platform", "darwin", "--cache-dir", ".mypy_cache/darwin"]
SCRIPTS = ["programs/**/*.sh", "tests/sandbox/*.sh", "tools/*.sh", ".ci/run"]


def checks() -> list[list[str]]:
    """Return the commands that check the project, what takes longest first."""
    here = [sys.executable, "-m"]
    files = [name for name in PYTHON_FILES if (PROJECT / name).exists()]
    return [
        [*here, "mypy", *files],
        [*here, "mypy", *MACOS, *PORTABLE],
        *([shellcheck(), script] for script in scripts()),
        [*here, "ruff", "check", "--quiet", "."],
        [*here, "ruff", "format", "--quiet", "--check", "."],
    ]


def scripts() -> list[str]:
    """Return the shell scripts, the longest first."""
    found = {path for place in SCRIPTS for path in PROJECT.glob(place)}
    return [str(path.relative_to(PROJECT)) for path in sorted(found, key=lambda path: (-path.stat().st_size, path))]


def shellcheck() -> str:
    """Return the shellcheck of the virtual environment, or else the machine's."""
    return shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "shellcheck"


def passes(command: list[str]) -> bool:
    """Run one check, print what it has to say, and return whether it found nothing."""
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="", flush=True)  # at once: others print beside it
    return done.returncode == 0


def main() -> int:
    """Run all checks; return 1 if one of them failed, or cannot be run here."""
    commands = checks()
    missing = {command[0] for command in commands if not shutil.which(command[0])}
    for program in missing:
        print(f"{program} is not installed: apt-get install {program}", file=sys.stderr)
    with ThreadPoolExecutor(os.cpu_count()) as side_by_side:
        results = list(side_by_side.map(passes, [command for command in commands if command[0] not in missing]))
    return 0 if all(results) and not missing else 1


if __name__ == "__main__":
    sys.exit(main())
