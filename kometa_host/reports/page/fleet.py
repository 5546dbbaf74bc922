"""What the page knows of each host, and how hosts rank. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum

from kometa_host.plans.autodeploy import Event
from kometa_host.plans.backup import FoundArchive
from kometa_host.reports.diagnosis.check import Check, State
from kometa_host.reports.status import Status
from kometa_host.state.run_history import RecordedRun


class Condition(Enum):
    """How a host is, the worst first: the value is its word."""

    UNREACHED = "not reached"
    PROBLEM = "problem"
    DRIFT = "drift"
    WARNING = "warning"
    OK = "ok"


@dataclass(frozen=True)
class HostReport:
    """All that is told of one host.

    status: None where it could not be read. checks: of the diagnosis; without any it could not be made. runs, archives
    and updates: newest first. drift: the operations that a deploy would do, None where nobody asked.
    """

    name: str
    status: Status | None = None
    checks: tuple[Check, ...] = ()
    runs: tuple[RecordedRun, ...] = ()
    archives: tuple[FoundArchive, ...] = ()
    updates: tuple[Event, ...] = ()
    drift: tuple[str, ...] | None = None

    @property
    def condition(self) -> Condition:
        """How the host is: the worst that is known of it."""
        states = {check.state for check in self.checks}
        if self.status is None or not self.checks:
            return Condition.UNREACHED
        if State.PROBLEM in states:
            return Condition.PROBLEM
        if self.drift:
            return Condition.DRIFT
        return Condition.WARNING if State.WARNING in states else Condition.OK

    @property
    def findings(self) -> list[Check]:
        """What is wrong, problems first."""
        wrong = [check for check in self.checks if check.state in (State.PROBLEM, State.WARNING)]
        return sorted(wrong, key=lambda check: check.state is State.WARNING)

    @property
    def uneventful(self) -> list[Check]:
        """The other checks."""
        return [check for check in self.checks if check.state in (State.OK, State.UNKNOWN)]

    @property
    def zone(self) -> tzinfo:
        """In which the host's times are shown: that of its own, as far as it told one."""
        known = self.status
        told = (known.next_run, known.last_backup and known.last_backup.time, known.since) if known else ()
        return next((time.tzinfo for time in told if time and time.tzinfo), UTC)


def in_order(hosts: Sequence[HostReport]) -> list[HostReport]:
    """Return the hosts as the page lists them: those first that somebody should look at."""
    worst_first = list(Condition)
    return sorted(hosts, key=lambda host: (worst_first.index(host.condition), host.name))


def recent_runs(hosts: Sequence[HostReport], now: datetime, days: int = 7) -> list[RecordedRun]:
    """Return the runs of all hosts that began, or were due, within some days."""
    return [run for host in hosts for run in host.runs if now - run.started <= timedelta(days=days)]
