"""What a backup costs, beside the bare pipeline `tar | zstd | age` on the same host: `python -m tests.bench.backup`.

The tree is one that a large Kometa host has: 12,000 posters, which do not compress, 300 YAML files, an SQLite cache and
logs; 1.1 GB in all. Each variant is measured several times, in turns; medians are shown.
"""

import os
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from kometa_host.state import backup_files
from tests.host.driver import CONFIG, Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox

POSTERS, POSTER_BYTES, YAMLS, CACHE_BYTES, LOG_BYTES = 12_000, 84_000, 300, 40_000_000, 60_000_000
OWNER = 102_999  # 3000 inside the namespace
LIBRARY = "/home/mms/.local/lib/kometa-host"
BACKUPS = "/data/backups/config/kometa"
ROUNDS = 7
# What the host's script adds is: the freeze, the checks before and after, and bringing the archive to the disk.
BARE = (
    f"podman unshare tar -C {CONFIG} --format=gnu -c . | zstd -q -T0 -1 | "
    f"age -R {LIBRARY}/{backup_files.RECIPIENTS} >{BACKUPS}/bare"
)
SYNCED = f"{BARE} && sync {BACKUPS}/bare && sync {BACKUPS}"
PROGRAMS = {
    "bare pipeline": BARE,
    "bare pipeline, then sync": SYNCED,
    "kometa-backup": f"{LIBRARY}/{backup_files.SCRIPT}",
}


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds on the clock, seconds of CPU of all its processes, and seconds of Kometa's freeze."""

    seconds: float
    cpu: float
    frozen: float


def fill(tree: Path, scale: float = 1.0) -> None:
    """Make a realistic config tree below a directory; scale shrinks the number of posters."""
    numbers = random.Random(1)  # noqa: S311  (not for secrets)
    for number in range(int(POSTERS * scale)):
        folder = tree / "assets" / f"Movie {number // 100}"
        if number % 100 == 0:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"poster {number}.jpg").write_bytes(numbers.randbytes(numbers.randrange(POSTER_BYTES * 2)))
    (tree / "metadata").mkdir(exist_ok=True)
    for number in range(YAMLS):
        (tree / "metadata" / f"{number}.yml").write_text("".join(_yaml_lines(numbers)))
    (tree / "config.cache").write_bytes(b"".join(_half_random(numbers, CACHE_BYTES)))
    (tree / "logs").mkdir(exist_ok=True)
    line = "[2026-11-22 09:10:14,248] [kometa.py:523]             [INFO]     | Collection {} |\n"
    for number in range(6):
        text = "".join(line.format(numbers.random()) for _ in range(LOG_BYTES // 6 // len(line)))
        (tree / "logs" / f"meta-{number + 1}.log").write_text(text)
    for path in (tree, *tree.rglob("*")):
        os.lchown(path, OWNER, OWNER)


def _yaml_lines(numbers: random.Random) -> Iterator[str]:
    for _ in range(60):
        yield f"  Collection {numbers.random()}:\n    tmdb_collection: {numbers.randrange(10**6)}\n"


def _half_random(numbers: random.Random, size: int) -> Iterator[bytes]:
    for _ in range(size // 4096):
        yield numbers.randbytes(2048) + b"\0" * 2048


def cost(host: Host, program: str) -> Cost:
    """Run a program as the account and return what it took."""
    # The same device must not still be at work for the run before.
    host.run(f"sync; rm -f {BACKUPS}/bare {BACKUPS}/kometa-*")
    # Frozen for the format of the numbers, not for the language
    done = host.run(f"bash -c 'TIMEFORMAT=\"%R %U %S\"; time {{ {program}; }}'", user="mms", timeout=600)
    *said, times = done.stderr.strip().splitlines()
    real, user, system = map(float, times.split())
    frozen = re.search(r"frozen for ([0-9.]+) s", "\n".join(said))
    return Cost(real, user + system, float(frozen[1]) if frozen else 0)


def peak_memory(host: Host) -> float:
    """Return the most MiB that all processes of one backup had together, shared pages counted once for each."""
    watch = (
        f"{LIBRARY}/{backup_files.SCRIPT} 2>/dev/null & job=$!; most=0; while kill -0 $job 2>/dev/null; do "
        "now=$(ps -o rss= -C kometa-backup,podman,bash,find,tar,zstd,age | awk '{ sum += $1 } END { print sum + 0 }'); "
        'if [ "$now" -gt "$most" ]; then most=$now; fi; sleep 0.05; done; echo "$most"'
    )
    return int(host.run(f"bash -c {_quoted(watch)}", user="mms", timeout=600).stdout.split()[-1]) / 1024


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def report(host: Host, rounds: int = ROUNDS) -> list[str]:
    """Measure a deployed host whose tree is filled, and return the lines of the report."""
    costs: dict[str, list[Cost]] = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, program in PROGRAMS.items():
            costs[name].append(cost(host, program))
    lines = [f"{'':28}{'seconds':>9}{'CPU s':>9}{'frozen s':>10}   median of {rounds}"]
    for name, found in costs.items():
        middle = [median(getattr(one, field) for one in found) for field in ("seconds", "cpu", "frozen")]
        lines.append(f"{name:28}{middle[0]:9.2f}{middle[1]:9.2f}{middle[2]:10.2f}")
    ratio = [
        median(one.seconds for one in costs["kometa-backup"]) / median(one.seconds for one in costs[name])
        for name in ("bare pipeline", "bare pipeline, then sync")
    ]
    lines.append(f"kometa-backup takes {ratio[0]:.2f} times the bare pipeline, {ratio[1]:.2f} times the one with sync")
    lines.append(f"peak memory of all its processes: {peak_memory(host):.0f} MiB")
    return lines


def main() -> None:
    """Boot a host, deploy, fill its tree, measure."""
    import pyrage  # type: ignore[import-untyped]

    recipient = str(pyrage.x25519.Identity.generate().to_public())
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        host = sandbox.host("ready", name="bench")
        Pyinfra(Path(folder), host, kometa_backup_recipients=[recipient]).deploy()
        wait_for_kometa(host)
        fill(host.tree / CONFIG.lstrip("/"))
        sys.stdout.write("\n".join(report(host)) + "\n")


if __name__ == "__main__":
    main()
