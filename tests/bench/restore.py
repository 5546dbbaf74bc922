"""What a restore costs, beside `ssh cat | age -d | zstd -d | ssh tar -x`: `python -m tests.bench.restore`.

The tree is that of the bench of backups, 1.1 GB. Both ways unpack the same archive of the host into a new directory of
it, in turns; medians are shown. What the restore does more is shown apart: the pass that checks the archive before
anything changes, pyinfra's start and its look at the host, and bringing the tree to the disk.
"""

import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import monotonic, sleep

from tests.bench.backup import BACKUPS, fill
from tests.host.driver import CONFIG, PROJECT, Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox
from tests.sandbox.host import as_user

ROUNDS = 5
ARCHIVE = f"{BACKUPS}/kometa-2026-01-01T000000Z.tar.zst.age"
SCRATCH = "/home/mms/bench"
SYNC = f"sync -f {SCRATCH}"


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, seconds of CPU here, peak MiB of the program itself, seconds of the restore's passes."""

    seconds: float
    cpu: float
    memory: float
    check: float = 0.0
    unpack: float = 0.0


def cost(command: list[str]) -> Cost:
    """Run a command to its end and return what it took on this machine."""
    began, cpu_before, memory = monotonic(), _cpu(), 0.0
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            memory = max(memory, _peak(process.pid))
            sleep(0.1)
        seconds = monotonic() - began
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if process.returncode:
        raise SystemExit(said)
    passes = [re.search(rf"{what} in ([0-9.]+) s", said) for what in ("checked", "unpacked on the host")]
    check, unpack = (float(found[1]) if found else 0.0 for found in passes)
    return Cost(seconds, _cpu() - cpu_before, memory, check, unpack)


def _cpu() -> float:
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _peak(pid: int) -> float:
    """Return the peak MiB of a process; what getrusage tells would count the process that it was forked from."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def pipeline(host: Host, identity: Path, then: str = "true") -> list[str]:
    """Return the shell pipeline that does the same by hand; `then` is done on the host at its end."""
    ssh = shlex.join(["ssh", *host.ssh_options, f"root@{host.address}"])
    unpack = as_user(f"mkdir {SCRATCH} && podman unshare tar --numeric-owner -x -C {SCRATCH} -f - && {then}", "mms")
    text = f"{ssh} cat {ARCHIVE} | age -d -i {identity} | zstd -q -d -c | {ssh} {shlex.quote(unpack)}"
    return ["bash", "-o", "pipefail", "-c", text]


def empty(host: Host) -> None:
    """Take away what was unpacked, and let the disk come to rest."""
    host.run(f"rm -rf {SCRATCH}; sync", timeout=300)


def report(host: Host, pyinfra: Pyinfra, identity: Path, rounds: int = ROUNDS) -> list[str]:
    """Measure both ways in turns and return the lines of the report."""
    ours = [
        "operations.restore.config",
        f"backup={ARCHIVE}",
        f"identity={identity}",
        f"destination={SCRATCH}",
        "from=elsewhere",
        "-y",
    ]
    # What a restore puts in place is on the disk; the shell pipeline leaves it in the page cache.
    by_hand = {"shell pipeline": pipeline(host, identity), "shell pipeline, then sync": pipeline(host, identity, SYNC)}
    ways = {**by_hand, "restore": pyinfra.command(*ours)}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, command in ways.items():
            empty(host)
            costs[name].append(cost(command))
    empty(host)
    lines = [f"{'':28}{'seconds':>9}{'CPU s':>9}{'peak MiB':>10}   median of {rounds}"]
    for name, found in costs.items():
        middle = [median(getattr(one, field) for one in found) for field in ("seconds", "cpu", "memory")]
        lines.append(f"{name:28}{middle[0]:9.2f}{middle[1]:9.2f}{middle[2]:10.0f}")
    check, unpack = (median(getattr(one, field) for one in costs["restore"]) for field in ("check", "unpack"))
    ratio = [unpack / median(one.seconds for one in costs[name]) for name in by_hand]
    lines.append(f"of the restore: {check:.2f} s for the first check, {unpack:.2f} s for unpacking")
    lines.append(f"unpacking takes {ratio[0]:.2f} times the shell pipeline, {ratio[1]:.2f} times the one with sync")
    return lines


def main() -> None:
    """Boot a host, deploy, fill its tree, archive it, measure."""
    import pyrage  # type: ignore[import-untyped]

    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        key = pyrage.x25519.Identity.generate()
        identity = Path(folder) / "identity.txt"
        identity.write_text(f"{key}\n")
        identity.chmod(0o600)
        host = sandbox.host("ready", name="bench")
        pyinfra = Pyinfra(Path(folder), host, kometa_backup_recipients=[str(key.to_public())])
        pyinfra.deploy()
        wait_for_kometa(host)
        fill(host.tree / CONFIG.lstrip("/"))
        pyinfra.run("operations.backup.create", "-y")
        host.run(f"mv {BACKUPS}/kometa-*.age {ARCHIVE}")
        sys.stdout.write("\n".join(report(host, pyinfra, identity)) + "\n")


if __name__ == "__main__":
    main()
