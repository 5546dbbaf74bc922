"""What a deploy that changes nothing costs beside its floor: `python -m tests.bench.deploy`.

The floor is Python that imports pyinfra, and one cold connection to each host for the same reads; see floor.py.
Measured in turns, on one host, on 8 and on 32 entries of an inventory (some hosts under several names), and with a tree
of 50,000 assets beside a small one.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from shutil import copytree
from statistics import median

from facts.host import read_program
from kometa_host.settings.variables import Settings
from tests.host.driver import PROJECT, Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox

ROUNDS = 7
HOSTS = 4
# entries of the inventory -> at most this many times the floor
TARGETS = {1: 1.3, 8: 1.2, 32: 1.2}
ASSETS, ASSETS_OF_A_FOLDER, ASSETS_TARGET = 50_000, 100, 0.3  # files, files, seconds more


@dataclass(frozen=True)
class Cost:
    """Seconds of one run on the clock, and of CPU of its own processes on this machine."""

    seconds: float
    cpu: float


class Entries(Pyinfra):
    """pyinfra with as many entries in its inventory as wanted: the hosts, under several names."""

    count = 1

    def entries(self) -> list[tuple[str, dict[str, object]]]:
        """Return the entries of the inventory."""
        several = [self.hosts[number % len(self.hosts)] for number in range(self.count)]
        return [(f"{host.name}-{number}", host.pyinfra_data | self.data) for number, host in enumerate(several)]

    def inventory(self) -> Path:
        """Write the inventory and return its path."""
        path = self.folder / "inventory.py"
        path.write_text(f"hosts = {self.entries()!r}\n")
        return path


def cost(command: Sequence[str]) -> Cost:
    """Run a command to its end and return what it took; it must succeed."""
    began, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
    pipe = subprocess.PIPE
    done = subprocess.run(command, cwd=PROJECT, check=False, text=True, stdout=pipe, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SystemExit(done.stdout)
    after = getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - began, cpu)


@dataclass(frozen=True)
class InTurns:
    """What two commands took, measured in turns: medians of each, and of what was found pair by pair.

    A machine that is slower for a while is so for both of a pair.
    """

    first: Cost
    second: Cost
    ratio: float
    more: float  # seconds

    @classmethod
    def of(cls, first: Sequence[str], second: Sequence[str]) -> "InTurns":
        """Measure two commands, after one round that does not count."""
        pairs = [(cost(first), cost(second)) for _ in range(ROUNDS + 1)][1:]
        return cls(
            _median([one for one, _ in pairs]),
            _median([other for _, other in pairs]),
            ratio=median(other.seconds / one.seconds for one, other in pairs),
            more=median(other.seconds - one.seconds for one, other in pairs),
        )


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(median(each.seconds for each in costs), median(each.cpu for each in costs))


def against_floor(pyinfra: Entries, count: int) -> bool:
    """Measure a deploy of so many entries beside its floor, print it, and return whether the target is met."""
    pyinfra.count = count
    entries, program = pyinfra.folder / "entries.json", pyinfra.folder / "program.sh"
    entries.write_text(json.dumps([(name, data) for name, data in pyinfra.entries()]))
    program.write_text(read_program(Settings.from_data(pyinfra.data, "bench")))
    floor_command = [sys.executable, "-m", "tests.bench.floor", str(entries), str(program)]
    found, wanted = InTurns.of(floor_command, pyinfra.command("deploy.py", "-y")), TARGETS[count]
    floor, deploy, met = found.first, found.second, found.ratio <= wanted
    print(
        f"{count:3} entries: floor {floor.seconds:.2f} s (CPU {floor.cpu:.2f}), "
        f"nothing to change {deploy.seconds:.2f} s (CPU {deploy.cpu:.2f}): "
        f"{found.ratio:.2f} times, target {wanted}{'' if met else ', MISSED'}"
    )
    return met


def with_assets(small: Pyinfra, large: Pyinfra) -> bool:
    """Measure a deploy of many assets beside one of few, print it, and return whether the target is met."""
    found = InTurns.of(small.command("deploy.py", "-y"), large.command("deploy.py", "-y"))
    one, many, met = found.first, found.second, found.more <= ASSETS_TARGET
    print(
        f"{ASSETS} assets: {found.more:.2f} s more ({one.seconds:.2f} -> {many.seconds:.2f}; CPU here {one.cpu:.2f} -> "
        f"{many.cpu:.2f}), target {ASSETS_TARGET}{'' if met else ', MISSED'}"
    )
    return met


def fill(tree: Path) -> None:
    """Make a config tree of many small assets of the project's own."""
    copytree(PROJECT / "kometa", tree, dirs_exist_ok=True)
    for number in range(ASSETS):
        folder = tree / "assets" / f"Movie {number // ASSETS_OF_A_FOLDER}"
        folder.mkdir(exist_ok=True)
        (folder / f"poster {number}.jpg").write_bytes(number.to_bytes(4, "big") * 64)


def several(sandbox: Sandbox) -> list[Host]:
    """Return hosts to which many may connect at once. Copies of one that has been deployed to would not do.

    A copy's files have other times than were recorded, and each look would read what is in them.
    """
    hosts = [sandbox.host("ready") for _ in range(HOSTS)]
    for host in hosts:
        host.run("echo 'MaxStartups 200' >/etc/ssh/sshd_config.d/bench.conf && systemctl reload ssh")
    return hosts


def main() -> int:
    """Boot hosts, deploy to them, measure and print; return 1 if a target is missed."""
    in_project = tempfile.TemporaryDirectory(prefix=".bench-", dir=PROJECT)
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as name, in_project as tree:
        folder = Path(name)
        hosts = several(sandbox)
        pyinfra = Entries(folder, hosts)
        pyinfra.count = HOSTS
        pyinfra.run("deploy.py", "-y", timeout=900)
        for host in hosts:
            wait_for_kometa(host)
        met = [against_floor(pyinfra, count) for count in TARGETS]
        fill(Path(tree))
        (folder / "small").mkdir()
        small = Pyinfra(folder / "small", hosts[0])
        large = Pyinfra(folder, hosts[1], kometa_config_source=Path(tree).name)
        large.run("deploy.py", "-y", timeout=3600)
        met.append(with_assets(small, large))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
