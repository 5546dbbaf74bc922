"""make bench: all measurements, one after the other."""

import subprocess
import sys

PARTS = ("deploy", "backup", "repository", "restore")

if __name__ == "__main__":
    sys.exit(
        max(subprocess.run([sys.executable, "-m", f"tests.bench.{part}"], check=False).returncode for part in PARTS)
    )
