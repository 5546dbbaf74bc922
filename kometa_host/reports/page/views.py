"""What the page shows of each host, in words and numbers that need no more thought. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from markupsafe import Markup

from kometa_host.plans.autodeploy import Event
from kometa_host.plans.backup import FoundArchive, size_text
from kometa_host.reports.diagnosis.check import Check
from kometa_host.reports.page.charts import Bar, bars_chart
from kometa_host.reports.page.fleet import Condition, HostReport, recent_runs
from kometa_host.reports.status import Status, age, moment
from kometa_host.state import kometa_errors
from kometa_host.state.kometa_log import Outcome, counted
from kometa_host.state.run_history import RecordedRun

NEWEST = 6  # rows of a table that are not folded
MAX_ROWS = 400
STRIP = 14  # outcomes beside a host's name
NOTHING = "-"
OUTCOME_STYLES: Mapping[str, str] = {
    Outcome.GOOD.value: "good",
    Outcome.WITH_ERRORS.value: "errors",
    Outcome.FAILED.value: "failed",
    Outcome.INTERRUPTED.value: "interrupted",
    Outcome.HUNG.value: "hung",
    Outcome.MISSED.value: "missed",
}
CONDITION_STYLES: Mapping[Condition, str] = {
    Condition.UNREACHED: "bad",
    Condition.PROBLEM: "bad",
    Condition.DRIFT: "warn",
    Condition.WARNING: "warn",
    Condition.OK: "fine",
}


@dataclass(frozen=True)
class Tile:
    """A number at the top of the page, and what it counts."""

    number: str
    what: str
    style: str = ""


@dataclass(frozen=True)
class FleetRow:
    """A host in the table of the fleet."""

    name: str
    anchor: str
    condition: str
    style: str
    why: str
    service: str
    last_run: str
    last_outcome: str
    outcome_style: str
    strip: tuple[tuple[str, str], ...]
    strip_label: str
    next_run: str
    backup: str
    image: str
    digest: str
    image_age: str
    tree: str
    is_read: bool


@dataclass(frozen=True)
class Said:
    """A message of a run, what it means and what to do, where that is known."""

    message: str
    cause: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class RunRow:
    """A run in words."""

    when: str
    kind: str
    took: str
    outcome: str
    style: str
    counts: str
    said: tuple[Said, ...] = ()


@dataclass(frozen=True)
class BackupRow:
    """A backup in words. kept: for what retention keeps it."""

    when: str
    age: str
    size: str
    kept: str
    remarks: str
    name: str

    @property
    def title(self) -> str:
        """What is said of its bar."""
        remarks = f", {self.remarks}" if self.remarks else ""
        return f"{self.when}, {self.size}: {self.kept}{remarks}"


@dataclass(frozen=True)
class UpdateRow:
    """What an update did, in words."""

    when: str
    what: str
    event: str
    style: str
    why: str


@dataclass(frozen=True)
class Table:
    """Rows of which the newest are seen at once, and the others on demand."""

    newest: Sequence[object]
    others: Sequence[object]


@dataclass(frozen=True)
class HostView:
    """All that the page shows of a host."""

    name: str
    anchor: str
    condition: str
    style: str
    summary: str
    facts: Sequence[tuple[str, str]]
    findings: Sequence[Check]
    uneventful: Sequence[Check]
    is_known: bool
    is_diagnosed: bool
    runs_chart: Markup | None
    runs_note: str
    runs: Table
    backups_chart: Markup | None
    backups_note: str
    backups: Table
    updates: Table
    drift: Sequence[str] | None = field(default=None)


def tiles(hosts: Sequence[HostReport], now: datetime) -> list[Tile]:
    """Return what is said of the whole fleet."""
    conditions = Counter(host.condition for host in hosts)
    unwell = conditions[Condition.PROBLEM] + conditions[Condition.UNREACHED]
    runs = recent_runs(hosts, now)
    failures = sum(run.is_failure for run in runs)
    without = [host for host in hosts if host.status and not _has_recent_backup(host.status, now)]
    reached = sum(host.status is not None for host in hosts)
    return [
        Tile(str(len(hosts)), "host" if len(hosts) == 1 else "hosts"),
        Tile(str(unwell), "with problems", "bad" if unwell else "fine"),
        Tile(f"{len(runs) - failures} of {len(runs)}", "runs of 7 days went well", "bad" if failures else "fine"),
        Tile(f"{reached - len(without)} of {reached}", "backed up within 2 days", "warn" if without else "fine"),
    ]


def _has_recent_backup(status: Status, now: datetime) -> bool:
    return status.last_backup is not None and now - status.last_backup.time <= timedelta(days=2)


def fleet_row(place: int, host: HostReport, now: datetime) -> FleetRow:
    """Return a host's line in the table of the fleet; place: where it stands in it."""
    known = host.status or Status("not reached")
    last, backup = known.last_run, known.last_backup
    recent = [(run.outcome.value, OUTCOME_STYLES.get(run.outcome.value, "")) for run in host.runs[:STRIP]]
    image, digest = _image(known)
    return FleetRow(
        name=host.name,
        anchor=f"host-{place}",
        condition=host.condition.value,
        style=CONDITION_STYLES[host.condition],
        why=_why(host),
        service=known.service,
        last_run=_ago(last.started, now) if last else NOTHING,
        last_outcome=last.outcome if last else "",
        outcome_style=OUTCOME_STYLES.get(last.outcome, "progress") if last else "",
        strip=tuple(reversed(recent)),
        strip_label=f"last {len(recent)} runs: {counts_text(host.runs[:STRIP])}" if recent else "no runs yet",
        next_run=_next_run(known, now),
        backup=_ago(backup.time, now) if backup else NOTHING,
        image=image or NOTHING,
        digest=digest,
        image_age=f"{age(known.image_created, now)} old" if known.image_created else "",
        tree=size_text(known.tree_size) if known.tree_size is not None else NOTHING,
        is_read=host.status is not None,
    )


def _why(host: HostReport) -> str:
    if host.status is None:
        return "it could not be read when the page was made"
    if not host.checks:
        return "the diagnosis could not be made"
    if host.findings:
        return "; ".join(f"{check.name}: {check.found}" for check in host.findings[:2])
    return f"{len(host.drift)} operations are due" if host.drift else ""


def _ago(time: datetime | None, now: datetime) -> str:
    return f"{age(time, now)} ago" if time else NOTHING


def _next_run(known: Status, now: datetime) -> str:
    if known.run_in_progress_since:
        return f"running for {age(known.run_in_progress_since, now)}"
    return moment(known.next_run, now)


def _image(known: Status) -> tuple[str, str]:
    return known.image.rsplit("/", 1)[-1].partition("@")[0], known.digest.removeprefix("sha256:")[:12]


def _moment(time: datetime | None, zone: tzinfo | None) -> str:
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M}" if time else NOTHING


def counts_text(runs: Iterable[RecordedRun]) -> str:
    """Return how many runs ended in which way, in words."""
    counts = Counter(run.outcome for run in runs)
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome])


def host_view(place: int, host: HostReport, now: datetime, max_runs: int) -> HostView:
    """Return all that the page shows of a host at its place in the fleet; max_runs: how many of its runs."""
    runs, archives = host.runs[:max_runs], host.archives[:MAX_ROWS]
    return HostView(
        name=host.name,
        anchor=f"host-{place}",
        condition=host.condition.value,
        style=CONDITION_STYLES[host.condition],
        summary=_why(host) or "nothing to do",
        facts=_facts(host, now),
        findings=host.findings,
        uneventful=host.uneventful,
        is_known=bool(host.status or host.checks or host.runs),
        is_diagnosed=bool(host.checks),
        runs_chart=_runs_chart(host, runs, now),
        runs_note=_runs_note(host, runs),
        runs=_table([run_row(run, host.zone) for run in runs]),
        backups_chart=_backups_chart(host, archives, now),
        backups_note=_backups_note(archives, now),
        backups=_table([_backup_row(archive, host.zone, now) for archive in archives]),
        updates=_table([_update_row(event, host.zone) for event in _told(host.updates)]),
        drift=host.drift,
    )


def _table(rows: Sequence[object]) -> Table:
    return Table(rows[:NEWEST], rows[NEWEST:])


def _facts(host: HostReport, now: datetime) -> list[tuple[str, str]]:
    known = host.status
    if known is None:
        return []
    image, digest = _image(known)
    created = f", made {_ago(known.image_created, now)}" if known.image_created else ""
    disk = next((check.found for check in host.checks if check.name == "disk"), "")
    timers = ", ".join(f"{name.removesuffix('.timer')} {moment(time, now)}" for name, time in known.timers.items())
    found = {
        "Service": f"{known.service}, since {_moment(known.since, host.zone)}" if known.since else known.service,
        "Image": f"{image} {digest}{created}" if image else "",
        "Next run": _next_run(known, now),
        "Config tree": size_text(known.tree_size) if known.tree_size is not None else "",
        "Disk": disk,
        "Timers": timers,
        "Commit": known.commit[:7],
    }
    return [(name, text) for name, text in found.items() if text]


def _runs_chart(host: HostReport, runs: Sequence[RecordedRun], now: datetime) -> Markup | None:
    if not runs:
        return None
    unit, seconds = _unit(max(run.seconds or 0 for run in runs))
    bands = [
        Bar(run.started, None, f"band {_style(run)}", _run_title(run, host.zone)) for run in runs if run.is_failure
    ]
    bars = [
        Bar(run.started, run.seconds / seconds, _style(run), _run_title(run, host.zone))
        for run in runs
        if run.seconds is not None
    ]
    label = f"Runs of {host.name} over time: {counts_text(runs)}. The table has each in words."
    return bars_chart([*bands, *bars], unit, now, host.zone, label)


def _unit(seconds: int) -> tuple[str, int]:
    return ("h", 3600) if seconds >= 7200 else ("min", 60) if seconds >= 120 else ("s", 1)


def _style(run: RecordedRun) -> str:
    return OUTCOME_STYLES.get(run.outcome.value, "")


def _run_title(run: RecordedRun, zone: tzinfo) -> str:
    took = f", {timedelta(seconds=run.seconds)}" if run.seconds is not None else ""
    first = f": {run.first_errors[0]}" if run.first_errors else ""
    return f"{_moment(run.started, zone)}{took}, {run.outcome.value}{first}"


def _runs_note(host: HostReport, runs: Sequence[RecordedRun]) -> str:
    if not runs:
        return "The host has recorded no run yet."
    more = f" (the newest of {len(host.runs)})" if len(host.runs) > len(runs) else ""
    return f"{len(runs)} runs since {_moment(runs[-1].started, host.zone)[:10]}{more}: {counts_text(runs)}."


def run_row(run: RecordedRun, zone: tzinfo) -> RunRow:
    """Return a run in words."""
    counts = [(run.errors, "error"), (run.warnings, "warning")]
    return RunRow(
        when=_moment(run.started, zone),
        kind=run.kind or "by hand",
        took=str(timedelta(seconds=run.seconds)) if run.seconds is not None else NOTHING,
        outcome=run.outcome.value,
        style=_style(run),
        counts=", ".join(counted(number, what) for number, what in counts if number) if run.has_begun else "",
        said=tuple(_said(message) for message in run.first_errors[:2]),
    )


def _said(message: str) -> Said:
    known = kometa_errors.explain(message)
    return Said(message, known.cause, known.remedy) if known else Said(message)


def _backups_chart(host: HostReport, archives: Sequence[FoundArchive], now: datetime) -> Markup | None:
    past = [archive for archive in archives if archive.time <= now]
    if not past:
        return None
    largest = max(archive.size for archive in past)
    unit, size = (
        ("GiB", 1 << 30) if largest >= 2 << 30 else ("MiB", 1 << 20) if largest >= 1 << 20 else ("KiB", 1 << 10)
    )
    bars = [
        Bar(archive.time, archive.size / size, _backup_style(archive), _backup_row(archive, host.zone, now).title)
        for archive in past
    ]
    return bars_chart(
        bars, unit, now, host.zone, f"Sizes of the backups of {host.name} over time, {len(past)} of them."
    )


def _backup_style(archive: FoundArchive) -> str:
    if not archive.complete:
        return "failed"
    return "backup" if archive.kept_as else "going"


def _backups_note(archives: Sequence[FoundArchive], now: datetime) -> str:
    if not archives:
        return "There are no backups."
    total = size_text(sum(archive.size for archive in archives))
    going = sum(not archive.kept_as for archive in archives)
    removed = f"; retention removes {going} of them with the next backup" if going else "; retention keeps all of them"
    return f"{len(archives)} backups, {total}; the newest was made {_ago(archives[0].time, now)}{removed}."


def _backup_row(archive: FoundArchive, zone: tzinfo, now: datetime) -> BackupRow:
    marks = [
        (archive.by_hand, "made by hand"),
        (not archive.complete, "not complete"),
        (not archive.encrypted, "in plain text"),
    ]
    return BackupRow(
        when=_moment(archive.time, zone),
        age=_ago(archive.time, now),
        size=size_text(archive.size),
        kept=", ".join(archive.kept_as) if archive.kept_as else "goes with the next backup",
        remarks=", ".join(text for is_so, text in marks if is_so),
        name=archive.name,
    )


def _told(updates: Sequence[Event]) -> list[Event]:
    return [event for event in updates if event.event != "current"][:MAX_ROWS]


def _update_row(event: Event, zone: tzinfo) -> UpdateRow:
    style = {"updated": "good", "failed": "failed", "rolled-back": "failed"}.get(event.event, "errors")
    return UpdateRow(_moment(event.time, zone), event.container, event.event, style, event.why)
