"""make lint: style, types and shell scripts, all of them, then one exit status."""

import os
import shutil
import subprocess
import sys
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
    """Return the commands that check the project."""
    scripts = sorted(str(path.relative_to(PROJECT)) for place in SCRIPTS for path in PROJECT.glob(place))
    here = [sys.executable, "-m"]
    files = [name for name in PYTHON_FILES if (PROJECT / name).exists()]
    return [
        [*here, "ruff", "check", "--quiet", "."],
        [*here, "ruff", "format", "--quiet", "--check", "."],
        [*here, "mypy", *files],
        [*here, "mypy", *MACOS, *PORTABLE],
        [
            shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "shellcheck",
            *scripts,
        ],
    ]


def main() -> int:
    """Run all checks; return 1 if one of them failed."""
    failed = False
    for command in checks():
        try:
            failed |= subprocess.run(command, cwd=PROJECT, check=False).returncode != 0
        except FileNotFoundError:
            print(f"{command[0]} is not installed: apt-get install {command[0]}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
