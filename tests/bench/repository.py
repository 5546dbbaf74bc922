"""The cost of a backup into a repository, beside bare restic and an archive: `python -m tests.bench.repository`.

The tree is that of tests.bench.backup: the first time, unchanged, and with a hundredth of its posters new. All of it on
the same host in the same run, in turns; medians are shown. Bare restic reads the same tree as the same user in the same
namespace, with a repository of its own; both leave a snapshot that restic itself has brought to the disk. Targets: with
a tree that did not change, or little, 1.15 times bare restic at most, and a freeze of a fifth of an archive's at most.
"""

import random
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

from tests.bench.backup import BACKUPS, LIBRARY, POSTERS, fill
from tests.host.driver import CONFIG, Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox

ROUNDS = 6  # each of the three comes first, second and third as often as the others
PLACES = {"archive": BACKUPS, "repository": "/srv/restic/kometa", "bare restic": "/srv/restic/bare"}
STATE = "/home/mms/.local/state/kometa-host"
PASSWORD = "bench"  # noqa: S105
# What is measured of ours is one part alone: the other is switched off in a copy of the host's program.
ONE_PART = "sed 's/^{}=yes$/{}=/' {}/kometa-backup >{}/kometa-backup-{}"
BARE = (
    f"export RESTIC_PASSWORD={PASSWORD} RESTIC_REPOSITORY={PLACES['bare restic']}; "
    f"podman unshare restic backup -q --no-scan --host bench {CONFIG}"
)
PROGRAMS = {
    "archive": f"bash {LIBRARY}/kometa-backup-archive",
    "repository": f"bash {LIBRARY}/kometa-backup-repository",
    "bare restic": BARE,
}


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds on the clock, those of CPU, those of Kometa's freeze, and MB that its target grew by."""

    seconds: float
    cpu: float
    frozen: float
    written: float


def cost(host: Host, name: str) -> Cost:
    """Run one of the programs and return what it took."""
    host.run(f"sync; rm -f {BACKUPS}/kometa-*")
    before = _size(host, name)
    done = host.run(f"bash -c 'TIMEFORMAT=\"%R %U %S\"; time {{ {PROGRAMS[name]}; }}'", user="mms", timeout=900)
    *said, times = done.stderr.strip().splitlines()
    real, user, system = map(float, times.split())
    frozen = re.search(r"frozen for ([0-9.]+) s", "\n".join(said))
    return Cost(real, user + system, float(frozen[1]) if frozen else 0, (_size(host, name) - before) / 1e6)


def _size(host: Host, name: str) -> int:
    return int(host.run(f"du -sb {PLACES[name]}").stdout.split()[0])


def churn(tree: Path, number: int) -> None:
    """Give a hundredth of the posters another content."""
    numbers = random.Random(number)  # noqa: S311
    posters = sorted((tree / "assets").rglob("*.jpg"))
    for poster in numbers.sample(posters, POSTERS // 100):
        poster.write_bytes(numbers.randbytes(poster.stat().st_size))


def prepare(host: Host) -> None:
    """Make the host's programs of one part each, and the repository of bare restic."""
    others = {"archive": "repository", "repository": "archives"}
    for part, other in others.items():
        host.run(ONE_PART.format(other, other, LIBRARY, LIBRARY, part), user="mms")
    host.run(f"{BARE.partition(';')[0]}; restic init -q; touch {STATE}/repository-maintained", user="mms")


def measure(host: Host, rounds: int) -> Mapping[str, Mapping[str, Cost]]:
    """Return the medians, by what the tree went through and by program."""
    tree = host.tree / CONFIG.lstrip("/")
    found: dict[str, dict[str, list[Cost]]] = {
        "first": {name: [cost(host, name)] for name in PROGRAMS},
        "unchanged": {name: [] for name in PROGRAMS},
        "1 % new": {name: [] for name in PROGRAMS},
    }
    names = list(PROGRAMS)
    for number in range(rounds):
        names = names[1:] + names[:1]  # whoever comes first finds a colder cache
        for name in names:
            found["unchanged"][name].append(cost(host, name))
        churn(tree, number)
        for name in names:
            found["1 % new"][name].append(cost(host, name))
    return {
        state: {name: Cost(*map(median, zip(*map(astuple, costs), strict=True))) for name, costs in by_name.items()}
        for state, by_name in found.items()
    }


def report(costs: Mapping[str, Mapping[str, Cost]], rounds: int) -> list[str]:
    """Return the lines that show the figures."""
    lines = [f"{'':26}{'seconds':>9}{'CPU s':>9}{'frozen s':>10}{'MB':>9}   median of {rounds}"]
    for state, by_name in costs.items():
        for name, one in by_name.items():
            figures = f"{one.seconds:9.2f}{one.cpu:9.2f}{one.frozen:10.2f}{one.written:9.1f}"
            lines.append(f"{state:12}{name:14}{figures}")
        ratio = by_name["repository"].seconds / by_name["bare restic"].seconds
        freeze = by_name["repository"].frozen / by_name["archive"].frozen
        lines.append(f"{state}: {ratio:.2f} times bare restic, frozen for {freeze:.2f} times an archive's freeze")
    return lines


def main() -> None:
    """Boot a host, deploy, fill its tree, measure."""
    import pyrage  # type: ignore[import-untyped]

    data = {
        "kometa_backup_recipients": [str(pyrage.x25519.Identity.generate().to_public())],
        "kometa_backup_repository": PLACES["repository"],
        "kometa_repository_secrets": {"RESTIC_PASSWORD": PASSWORD},
    }
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        host = sandbox.host("ready", name="bench")
        host.run(f"install -d -o 3000 -g 3000 {Path(PLACES['repository']).parent}")
        Pyinfra(Path(folder), host, **data).deploy()
        wait_for_kometa(host)
        fill(host.tree / CONFIG.lstrip("/"))
        prepare(host)
        sys.stdout.write("\n".join(report(measure(host, ROUNDS), ROUNDS)) + "\n")


if __name__ == "__main__":
    main()
