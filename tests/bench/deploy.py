"""What a deploy that changes nothing costs beside its floor, on one host and eight: `python -m tests.bench.deploy`."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from facts.host import read_program
from kometa_host.settings.variables import Settings
from tests.host.driver import PROJECT, Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox

ROUNDS = 7
HOSTS = 8


def seconds(command: Sequence[str]) -> float:
    """Run a command to its end and return how long it took; it must succeed."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    return time.perf_counter() - begin


def compare(folder: Path, hosts: list[Host]) -> tuple[float, float]:
    """Return the medians of the floor and of a deploy that changes nothing, in seconds, measured in turns."""
    pyinfra = Pyinfra(folder, hosts)
    entries, program = folder / "entries.json", folder / "program.sh"
    entries.write_text(json.dumps([(host.name, host.pyinfra_data) for host in hosts]))
    program.write_text(read_program(Settings.from_data(pyinfra.data, "bench")))
    floor = [sys.executable, "-m", "tests.bench.floor", str(entries), str(program)]
    deploy = pyinfra.command("deploy.py", "-y")
    pairs = [(seconds(floor), seconds(deploy)) for _ in range(ROUNDS)]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def main() -> int:
    """Boot hosts, deploy to them, measure and print; return 1 if a target is missed."""
    missed = False
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = sandbox.host("ready")
        Pyinfra(folder, first).deploy()
        first.poweroff()
        first.save("deployed")
        first.destroy()
        hosts = [sandbox.host("deployed") for _ in range(HOSTS)]
        for host in hosts:
            wait_for_kometa(host)
        Pyinfra(folder, hosts).deploy()
        for count in (1, HOSTS):
            floor, deploy = compare(folder, hosts[:count])
            missed |= deploy > 1.5 * floor
            print(f"{count} host(s): floor {floor:.2f} s, nothing to change {deploy:.2f} s, {deploy / floor:.2f} times")
    print("target: at most 1.5 times the floor" + (" (missed)" if missed else ""))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
