"""Stand-in for kometa.py: waits for its times and imitates runs, with the real log lines, files and failures.

Beyond the real one: a run takes STANDIN_RUN_SECONDS (1; the file .standin-run-seconds beside config.yml wins), and the
file .standin-run-now beside config.yml starts a scheduled run at once. Nobody on the internet is asked.
"""
# mypy: disable-error-code="import-not-found, import-untyped, no-any-return"

import argparse
import os
import sys
import time
import traceback
import uuid
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn

from modules import util
from modules.config import Config
from modules.logs import Log
from modules.util import Failed

HERE = Path(__file__).resolve().parent
VERSION = (HERE / "VERSION").read_text().strip()
RUNNING = Path("/tmp/standin-running")  # noqa: S108  (in the container; tells init that a run is in progress)
SWITCHES = (
    "run", "tests", "debug", "trace", "read-only-config", "validate", "validate-schema", "collections-only",
    "metadata-only", "playlists-only", "operations-only", "overlays-only", "ignore-schedules", "ignore-ghost",
    "delete-collections", "delete-labels", "no-countdown", "no-missing", "no-report", "no-verify-ssl", "low-priority",
    "log-requests",
)  # fmt: skip
VALUES = (
    "config", "times", "time", "run-collections", "run-libraries", "run-files", "resume", "timeout", "divider", "width",
    "plex-url", "plex-token", "validate-level", "validate-file", "validate-dir", "branch", "linuxserver", "docker",
)  # fmt: skip
SHORT = {"run": "-r", "config": "-c", "times": "-t", "run-collections": "-rc", "run-libraries": "-rl", "tests": "-rt"}


def options(arguments: list[str]) -> argparse.Namespace:
    """Return the options of the command line; variables KOMETA_<OPTION> stand for what it does not have."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in SWITCHES:
        parser.add_argument(f"--{name}", *filter(None, [SHORT.get(name)]), action="store_true")
    for name in VALUES:
        parser.add_argument(f"--{name}", *filter(None, [SHORT.get(name)]))
    known, _ = parser.parse_known_args(arguments)
    for name in (*SWITCHES, *VALUES):
        key = name.replace("-", "_")
        value = os.environ.get(f"KOMETA_{key.upper()}", "")
        if value:
            setattr(known, key, value.lower() == "true" if name in SWITCHES else value)
    return known


def secrets() -> dict[str, str]:
    """Return what KOMETA_ variables are no option: name in lower case with dashes, and value."""
    known = {name.upper().replace("-", "_") for name in (*SWITCHES, *VALUES)}
    names = [name for name in os.environ if name.startswith("KOMETA_") and name[7:] not in known]
    return {name[7:].lower().replace("_", "-"): os.environ[name] for name in names}


def parse_times(text: str) -> list[str]:
    """Return the times in `text` as HH:MM; a bar anywhere is the separator instead of commas."""
    times = []
    for part in text.split("|" if "|" in text else ","):
        try:
            times.append(datetime.strptime(part.strip(), "%H:%M").strftime("%H:%M"))
        except ValueError:
            rule = "must be in the HH:MM format between 00:00-23:59"
            raise Failed(f"Argument Error: time argument invalid: {part} {rule}") from None
    return times


class Run:
    """One run, in a process of its own; the log file is open from beginning to end."""

    def __init__(self, kind: str, known: argparse.Namespace) -> None:
        """Rotate the logs and begin. `kind` is "09:10 ", "Test ", "Collections ", "Libraries " or ""."""
        self.kind = kind
        self.known = known
        self.config = Path(known.config)
        self.secrets = secrets()
        self.log = Log(self.config.parent / "logs", self.secrets.values())
        self.begin = datetime.now()

    def go(self) -> None:
        """Do all of it, unless the newest version cannot be asked for."""
        if self.is_without_internet():
            self.log.critical("RetryError[<Future at 0x7f5a3c1e2b10 state=finished raised ConnectionError>]")
            return
        self.head()
        try:
            self.work()
        except Failed as error:
            self.log.critical(error)
        except Exception as error:
            self.log.debug(traceback.format_exc())
            self.log.critical(error)
        self.foot()

    def is_without_internet(self) -> bool:
        """Whether this run, and no other, reaches nobody."""
        switch = self.config.parent / ".standin-no-internet"
        is_set = switch.exists()
        switch.unlink(missing_ok=True)
        return is_set

    def head(self) -> None:
        """Write what comes first."""
        where = "(Linuxserver: master)" if os.environ.get("KOMETA_LINUXSERVER") else "(Python 3.13) (Branch: master)"
        self.log.separator()
        self.log.info(f"    Version: {VERSION} {where}")
        self.log.separator(f"Starting {self.kind}Run")
        self.log.debug(f"Run Command: {' '.join(['kometa.py', *sys.argv[1:]])}")
        if self.secrets:
            self.log.debug("Kometa Secrets Read:")
        for name in self.secrets:
            variable = f"KOMETA_{name.upper().replace('-', '_')}"
            self.log.debug(f"--kometa-{name} ({variable}): (redacted)")

    def work(self) -> None:
        """Read the configuration, ask Plex, and spend the run's time on each library."""
        self.log.separator("Initializing config")
        config = Config(self.config, self.log, self.secrets, self.known.read_only_config)
        libraries = config.libraries()
        for name, settings in libraries.items():
            self.log.separator(f"{name} Library")
            for path in config.linked_files(settings):
                if path.exists():
                    self.log.info(f"Loading Metadata File: {path}")
                else:
                    self.log.error(f"File Error: File does not exist {path}")
        self.spend_time(config)
        for name in libraries:
            self.log.separator(f"Finished {name} Library Operations", "Operations Run Time: 0:00:00")
        self.log.info("|        Title         |   +   |   =   |   -   | Run Time | Status |")
        self.log.info("| Test Collection      |     2 |     0 |     0 |  0:00:00 | Created and Updated Metadata |")

    def spend_time(self, config: Config) -> None:
        """Work on items for as long as the run is to take."""
        step = 0
        begin = time.monotonic()
        while time.monotonic() - begin < self.seconds():
            step += 1
            self.log.info(f"Processing item {step}")
            config.remember(step)
            time.sleep(0.2)

    def seconds(self) -> float:
        """Return how long the run takes; may change while it goes on."""
        setting = self.config.parent / ".standin-run-seconds"
        try:
            return float(setting.read_text())
        except (OSError, ValueError):
            return float(os.environ.get("STANDIN_RUN_SECONDS") or "1")

    def foot(self) -> None:
        """Write the summaries and the end."""
        for title, texts in (("Error Summary", self.log.errors), ("Critical Summary", self.log.criticals)):
            if texts:
                self.log.separator(title)
                for text in texts:
                    self.log.info(f"  {text}")
        end = datetime.now()
        stamps = [moment.strftime("%H:%M:%S %Y-%m-%d") for moment in (self.begin, end)]
        duration = str(end - self.begin).split(".")[0]
        self.log.separator(
            f"Finished {self.kind}Run", f"Version: {VERSION}",
            f"Start Time: {stamps[0]}     Finished: {stamps[1]}     Run Time: {duration}",
        )  # fmt: skip


def validate(known: argparse.Namespace) -> None:
    """Validate the configuration; as with the real one the exit status says nothing."""
    config = Path(known.config)
    util.logger = Log(config.parent / "logs", secrets().values())
    from modules.validator import ConfigValidator

    schema = HERE / "json-schema"
    level = known.validate_level or "structure"
    checker = ConfigValidator(
        None, str(config.parent), {"config_file": str(config)}, secrets(), level, known.validate_schema, str(schema)
    )
    checker.validate()


def start(kind: str, arguments: list[str]) -> None:
    """Run in the worker process; what goes wrong is printed and then forgotten, as by the real one's process pool."""
    try:
        known = options(arguments)
        if known.validate:
            validate(known)
        else:
            Run(kind, known).go()
    except BaseException:
        traceback.print_exc()


def run_in_worker(kind: str, arguments: list[str]) -> None:
    """Do a run in a worker process and wait for its end; its outcome is not looked at."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("forkserver")) as pool:
        pool.submit(start, kind, arguments)


def next_run(times: list[str], after: datetime) -> datetime:
    """Return the first moment after `after` at which a run is due."""
    moments = []
    for clock in times:
        hour, minute = map(int, clock.split(":"))
        moment = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
        moments.append(moment if moment > after else moment + timedelta(days=1))
    return min(moments)


def wait_for_ever(times: list[str], arguments: list[str], folder: Path) -> NoReturn:
    """Wait for the times and run; the line about waiting goes to a buffer that nobody sees, as with the real one."""
    due = next_run(times, datetime.now())
    shown = None
    while True:
        now = datetime.now()
        trigger = folder / ".standin-run-now"
        if now >= due or trigger.exists():
            trigger.unlink(missing_ok=True)
            scheduled_run((due if now >= due else now).strftime("%H:%M"), arguments)
            due = next_run(times, datetime.now())
        if shown != now.minute:
            shown = now.minute
            hours, minutes = divmod(int((due - now).total_seconds()) // 60, 60)
            left = f"{hours} Hours and {minutes} Minutes until the next run at {due:%H:%M}"
            print(f"| Current Time: {now:%H:%M} | {left} | Runs: {', '.join(times)} |", end="\r")
        time.sleep(0.5)


def scheduled_run(clock: str, arguments: list[str]) -> None:
    """Do the run of the time `clock`."""
    RUNNING.touch()
    run_in_worker(f"{clock} ", arguments)
    RUNNING.unlink(missing_ok=True)
    if datetime.now().strftime("%H:%M") == clock:
        print(f"Time Error: ['{clock}']", file=sys.stderr, flush=True)


def kind_of_run(known: argparse.Namespace) -> str:
    """Return the word between Starting and Run of a run without a time."""
    if known.tests:
        return "Test "
    if known.run_collections:
        return "Collections "
    return "Libraries " if known.run_libraries else ""


def main(arguments: list[str]) -> None:
    """Wait for runs, or do one at once and end."""
    known = options(arguments)
    folder = Path(known.config).parent
    if not Path(known.config).exists():
        raise Failed(f"Config Error: Configuration file (config.yml) not found at {known.config}")
    if not (folder / "UUID").exists():
        (folder / "UUID").write_text(str(uuid.uuid4()))
    (folder / "logs").mkdir(exist_ok=True)
    text = known.times or known.time or os.environ.get("PMM_TIMES") or os.environ.get("PMM_TIME") or "05:00"
    times = parse_times(text)
    if known.run or known.tests or known.run_collections or known.run_libraries or known.validate:
        run_in_worker(kind_of_run(known), arguments)
    else:
        wait_for_ever(times, arguments, folder)


if __name__ == "__main__":
    if Path("/etc/standin-broken").read_text().strip() == "loop":
        import ruamel_yaml_that_this_release_forgot  # noqa: F401
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    main(sys.argv[1:])
