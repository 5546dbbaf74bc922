"""Reading Kometa: its service, its runs, its backups, at a glance."""

from collections.abc import Iterable
from datetime import UTC, datetime

from pyinfra import host
from pyinfra.api import FactBase

from facts import state_file
from facts.host import account_program, host_program
from facts.sensible import sensible
from kometa_host.controller.preflight import settings_of
from kometa_host.reports import status
from kometa_host.settings.variables import Settings
from kometa_host.state import backup_files, programs, run_history
from kometa_host.state.desired import units_of_interest
from kometa_host.state.programs import Actor
from kometa_host.state.run_history import RecordedRun


def look_program(settings: Settings, thorough: bool = False, probe: str = "") -> str:
    """Return the bash program that reads all that status and diagnosis need of a host; thorough is for the latter."""
    interesting = units_of_interest(settings)
    timers = [backup_files.TIMER, *(name for name in interesting if name.endswith(".timer"))]
    services = [name.replace(".timer", ".service") for name in timers]
    of_account = account_program(
        settings,
        name="look_account",
        plex_url=settings.kometa_plex_url,
        status_units=list(dict.fromkeys([*interesting, *timers, *services, "plex.service"])),
        thorough=thorough,
        probe=probe,
    )
    return host_program(settings, of_account, "look" if thorough else "observe")


class Status(FactBase[status.Status]):
    """Return the state of Kometa on a host as kometa_host.reports.status.Status.

        {"service": "active", "since": "2026-11-22T11:38:08-05:00", "next_run": "2026-11-23T06:00:00-05:00",
         "last_run": {"outcome": "good", "seconds": 3125, "errors": 0, ...}, "last_backup": {...}, ...}

    The connection is root's, the account's, or that of somebody who may use sudo without a password.
    """

    def command(self) -> str:
        """Read as root where the connection can be that, else as the account."""
        known = settings_of(host)
        return programs.command_line(Actor.ROOT_IF_POSSIBLE, known.mms_user, look_program(known))

    @sensible
    def process(self, output: Iterable[str]) -> status.Status:
        """Decode what was read."""
        return status.status(settings_of(host), status.parse_look(programs.answer(output)), datetime.now(UTC))


class Runs(FactBase[list[RecordedRun]]):
    """Return the finished runs of Kometa on a host, newest first, those that were missed too.

        {"kind": "06:00", "started": "2026-11-22T06:00:14-05:00", "finished": "2026-11-22T06:52:19-05:00",
         "seconds": 3125, "outcome": "failed", "errors": 2, "warnings": 7, "first_errors": ["Plex Error: ..."],
         "failed_libraries": ["Films"], "collections": {"listed": 12, "changed": 3, ...}, "kometa": "2.4.4"}

    They are those of the host's own history, which its watcher writes and which outlives Kometa's logs; its fields are
    those of kometa_host.state.run_history.RecordedRun. Empty where there is none yet.

        pyinfra inventory.py fact facts.kometa.Runs
    """

    default = list

    def command(self) -> str:
        """Read the file, as the account."""
        return state_file.command(run_history.FILE)

    @sensible
    def process(self, output: Iterable[str]) -> list[RecordedRun]:
        """Decode the lines."""
        return run_history.parse(programs.answer(output))
