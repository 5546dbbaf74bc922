"""make report: the fleet as a page. `python -m tools.report [INVENTORY] [--drift] [--output FILE] [pyinfra's options]`.

--drift: what a deploy would do to each host, too; --demo: the page of a made-up fleet, which connects to nothing.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kometa_host import whole_file
from kometa_host.plans.autodeploy import parse_history
from kometa_host.plans.backup import FoundArchive
from kometa_host.reports.diagnosis.check import Check
from kometa_host.reports.page.fleet import HostReport
from kometa_host.reports.page.page import render
from kometa_host.reports.status import Status
from kometa_host.state import run_history
from tools import doctor, drift, made_up_fleet
from tools.command_line import inventory_and_options

STATUS, RUNS, ARCHIVES, UPDATES = FACTS = (
    "facts.kometa.Status",
    "facts.kometa.Runs",
    "facts.backup.Archives",
    "facts.autodeploy.History",
)
Found = Mapping[str, Mapping[str, Any]]  # by fact, then by host


def facts_of(printed: str) -> Found:
    """Given what pyinfra printed of the facts, return them by name, nothing where it printed none."""
    found: Found = next((json.loads(line) for line in printed.splitlines() if line.startswith("{")), {})
    return found


def names_of(printed: str) -> list[str]:
    """Given what pyinfra printed of the inventory, return the names of its hosts."""
    found: list[dict[str, Any]] = next((json.loads(line) for line in printed.splitlines() if line.startswith("[")), [])
    return [str(host["name"]) for host in found]


def checks_of(printed: str) -> dict[str, tuple[Check, ...]]:
    """Given what the diagnosis printed, return the checks of each host."""
    found = [json.loads(line) for line in printed.splitlines() if line.startswith('{"host"')]
    return {entry["host"]: tuple(map(Check.from_json, entry["checks"])) for entry in found}


def hosts_of(
    names: Iterable[str],
    facts: Found,
    checks: Mapping[str, tuple[Check, ...]],
    drifted: Mapping[str, Sequence[str]] | None,
) -> list[HostReport]:
    """Return what is known of each host of an inventory."""
    told = {fact: facts.get(fact) or {} for fact in FACTS}
    return [
        HostReport(
            name=name,
            status=Status.from_json(told[STATUS][name]) if told[STATUS].get(name) else None,
            checks=checks.get(name, ()),
            runs=tuple(run_history.parse(map(json.dumps, told[RUNS].get(name) or ()))),
            archives=tuple(FoundArchive.from_json(archive) for archive in told[ARCHIVES].get(name) or ()),
            updates=tuple(parse_history(map(json.dumps, told[UPDATES].get(name) or ()))),
            drift=tuple(drifted.get(name, ())) if drifted is not None and told[STATUS].get(name) else None,
        )
        for name in names
    ]


def read(inventory: str, options: Sequence[str], with_drift: bool) -> list[HostReport]:
    """Read the fleet: the inventory's names, the facts and the diagnosis, all at once."""
    pyinfra = [sys.executable, "-m", "pyinfra", inventory]
    commands = [
        [*pyinfra, "debug-inventory", "--json", *options],
        [*pyinfra, "fact", *FACTS, "--json", *options],
        doctor.pyinfra_command([inventory, "--json", *options]),
        *([[*pyinfra, *drift.PREVIEW, *options]] if with_drift else []),
    ]
    with ThreadPoolExecutor() as pool:
        printed = list(pool.map(_printed, commands))
    names = names_of(printed[0].stdout)
    if not names:
        raise SystemExit(printed[0].stderr.strip() or f"{inventory} has no hosts")
    if printed[2].returncode and not doctor.shows_problem(printed[2].stdout):
        print(printed[2].stderr.strip(), file=sys.stderr)
    drifted = drift.planned(printed[3].stdout) if with_drift else None
    if with_drift and drifted is None:
        print(f"what a deploy would do could not be found:\n{printed[3].stderr.strip()}", file=sys.stderr)
    return hosts_of(names, facts_of(printed[1].stdout), checks_of(printed[2].stdout), drifted)


def _printed(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(list(command), capture_output=True, text=True, check=False)


def write(path: Path, page: str) -> None:
    """Write the page in one step, for its owner alone: what Kometa says is nobody else's business."""
    try:
        whole_file.replace(path, page.encode(), 0o600)
    except OSError as error:
        raise SystemExit(f"{path} cannot be written: {error.strerror}. Name another with --output.") from None


def main(arguments: Sequence[str]) -> int:
    """Write the page and say where it is; return 0, also if hosts could not be read: the page tells which."""
    parser = argparse.ArgumentParser(prog="python -m tools.report", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--drift", action="store_true", help="what a deploy would do, too")
    parser.add_argument("--output", type=Path, default=Path("report.html"), help="report.html if not given")
    parser.add_argument("--demo", action="store_true", help="a made-up fleet")
    known, rest = parser.parse_known_args(arguments)
    inventory, options = inventory_and_options(rest)
    if known.demo:
        page = render(made_up_fleet.fleet(), made_up_fleet.NOW)
    else:
        page = render(read(inventory, options, known.drift), datetime.now(UTC))
    write(known.output, page)
    print(f"{known.output} is written ({len(page) // 1024} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
