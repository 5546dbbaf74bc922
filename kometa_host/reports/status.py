"""What a person wants to know of a Kometa host at a glance. Pure; read by programs/read/look.sh."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from kometa_host.archive.names import parse as parse_archive
from kometa_host.plans import autodeploy
from kometa_host.plans.backup import MOMENT
from kometa_host.plans.origin import Written
from kometa_host.plans.service import CONTAINER, UNIT
from kometa_host.plans.snapshots import PREFIX
from kometa_host.settings.variables import Settings
from kometa_host.state import answers, backup_files, kometa_log, observed, run_history, watch_files
from kometa_host.state.kometa_log import Run
from kometa_host.state.observed import Observed
from kometa_host.state.run_history import RecordedRun


@dataclass(frozen=True)
class Look:
    """One look at a host: what a deploy reads, and what only a person asks for."""

    found: Observed

    @property
    def is_readable(self) -> bool:
        """Whether the host could be looked at."""
        return bool(self.found.host.values)

    @answers.sensible("units")
    def unit(self, name: str) -> Mapping[str, str]:
        """Return the properties of a unit of the account."""
        blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
                  for block in self.found.text("status-units").split("\n\n")]  # fmt: skip
        return next((block for block in blocks if block.get("Id") == name), {})

    @answers.sensible("the last run")
    def last_run(self, timezone: str) -> Run | None:
        """Return the newest run that Kometa's logs tell of."""
        lines = answers.inflated_lines(self.found.values.get("last-run", b""))
        return next((run for run, _ in kometa_log.latest(lines, timezone, 1)), None)

    @answers.sensible("the history of runs")
    def recorded_runs(self) -> list[RecordedRun]:
        """Return the newest runs of the host's own history, newest first."""
        return run_history.parse(answers.inflated_lines(self.found.values.get("run-history", b"")))

    @answers.sensible("archives")
    def archives(self) -> Mapping[str, int]:
        """Return the archives of the backup directory, name to size in bytes, oldest first.

        One that the host knows nothing of counts only if it is older than what the host has noted: anybody who can
        write there could make it look as if there were backups.
        """
        pairs = [line.rsplit("\t", 1) for line in self.found.text("backups").splitlines() if "\t" in line]
        dated = sorted((archive.time, name, int(size)) for name, size in pairs if (archive := parse_archive(name)))
        written = Written.of(self.found.text("written").splitlines())
        since = min((known.time for name in written.archives if (known := parse_archive(name))), default=None)
        return {name: size for time, name, size in dated if since is None or time < since or written.has(name, size)}

    @answers.sensible("the last snapshot")
    def last_snapshot(self) -> tuple[str, datetime] | None:
        """Return the name and time of the last snapshot in the host's repository, as the host noted it."""
        moment, _, identity = self.found.text("snapshot").strip().partition(" ")
        return (f"{PREFIX}{identity}", _noted_time(moment)) if identity else None

    @answers.sensible("the last drill")
    def last_proof(self) -> datetime | None:
        """Return when a backup was last restored as it has to be, for a drill or in earnest."""
        times = [line.split(" ", 1)[0] for line in self.found.text("proofs").splitlines() if line.count(" ") == 2]
        return _noted_time(times[-1]) if times else None


def _noted_time(text: str) -> datetime:
    return datetime.strptime(text, MOMENT).replace(tzinfo=UTC)


def parse_look(lines: Iterable[str]) -> Look:
    """Given the lines of the composite read, return what they tell: nothing where they were cut."""
    return Look(observed.parse(lines) or Observed({}))


def parse_time(text: str | None) -> datetime | None:
    """Given a time as systemd shows it in UTC, `Sun 2026-11-22 16:44:23 UTC`, return it, None for none."""
    match = re.search(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", text or "")
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None


def next_run(times: Iterable[str], timezone: str, now: datetime) -> datetime:
    """Given daily times as HH:MM in a time zone, return the first moment after now at which a run is due."""
    local = now.astimezone(ZoneInfo(timezone))
    moments = []
    for text in times:
        hour, minute = map(int, text.split(":"))
        moment = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
        moments.append(moment if moment > local else moment + timedelta(days=1))
    return min(moments)


@dataclass(frozen=True)
class RunStatus:
    """The last run: kind as Kometa names it, times in the host's mms_timezone, how it went."""

    kind: str
    started: datetime | None
    finished: datetime | None
    seconds: int | None
    outcome: str
    errors: int
    warnings: int
    first_error: str


@dataclass(frozen=True)
class BackupStatus:
    """The newest archive: name, when it began, size in bytes; how many there are."""

    name: str
    time: datetime
    size: int
    count: int


@dataclass(frozen=True)
class Status:
    """A Kometa host. service: active, failed, ...; `absent` if nothing is deployed. Sizes in bytes, times aware.

    image_created: when its image was made; commit: what a host in pull mode has of its repository.
    """

    service: str
    since: datetime | None = None
    image: str = ""
    digest: str = ""
    next_run: datetime | None = None
    run_in_progress_since: datetime | None = None
    last_run: RunStatus | None = None
    last_backup: BackupStatus | None = None
    timers: Mapping[str, datetime | None] = field(default_factory=dict)
    tree_size: int | None = None
    commit: str = ""
    image_created: datetime | None = None

    def to_json(self) -> dict[str, object]:
        """Return the status as what JSON can hold; pyinfra prints facts with it."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Status":
        """Return the status that to_json told."""
        run, backup = told["last_run"], told["last_backup"]
        times = {name: _time(told[name]) for name in ("since", "next_run", "run_in_progress_since", "image_created")}
        return cls(**{
            **told,
            **times,
            "last_run": RunStatus(**{**run, "started": _time(run["started"]), "finished": _time(run["finished"])})
            if run else None,
            "last_backup": BackupStatus(**{**backup, "time": _time(backup["time"])}) if backup else None,
            "timers": {name: _time(time) for name, time in told["timers"].items()},
        })  # fmt: skip


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def status(settings: Settings, look: Look, now: datetime) -> Status:
    """Given one look at a host at a moment, return its status."""
    zone = ZoneInfo(settings.mms_timezone)
    unit, container = look.unit(UNIT), look.found.containers.get(CONTAINER)
    state = unit.get("ActiveState", "") if unit.get("LoadState") == "loaded" else "absent"
    alive = state == "active" and bool(look.found.text("kometa-alive"))
    started = look.found.run_started
    size = look.found.text("tree-kib")
    return Status(
        service="not alive" if state == "active" and not alive else state,
        since=_local(parse_time(unit.get("ActiveEnterTimestamp")), zone) if state == "active" else None,
        image=container.image if container else "",
        digest=look.found.text("image-digest"),
        next_run=next_run(settings.kometa_times, settings.mms_timezone, now) if alive else None,
        run_in_progress_since=_local(started, zone),
        last_run=_last_run(settings, look, bool(started)),
        last_backup=_backup_status(look.archives(), zone),
        timers={name: _local(moment, zone) for name, moment in _timers(settings, look).items()},
        tree_size=int(size) * 1024 if size.isdecimal() else None,
        commit=look.found.text("deployed-commit") if settings.follows_git else "",
        image_created=_local(look.found.image_created, zone),
    )


def _local(time: datetime | None, zone: ZoneInfo) -> datetime | None:
    return time.astimezone(zone) if time else None


def _last_run(settings: Settings, look: Look, in_progress: bool) -> RunStatus | None:
    """Return the newest run of Kometa's logs and of the host's history, which knows those that hung or were missed."""
    from_log = _run_status(look.last_run(settings.mms_timezone), in_progress)
    recorded = next(iter(look.recorded_runs()), None)
    if recorded is None or in_progress:
        return from_log
    if from_log and from_log.started and from_log.started > recorded.started:
        return from_log
    return _recorded_status(recorded, ZoneInfo(settings.mms_timezone))


def _recorded_status(run: RecordedRun, zone: ZoneInfo) -> RunStatus:
    return RunStatus(
        kind=run.kind,
        started=run.started.astimezone(zone),
        finished=_local(run.finished, zone),
        seconds=run.seconds,
        outcome=run.outcome.value,
        errors=run.errors,
        warnings=run.warnings,
        first_error=next(iter(run.first_errors), ""),
    )


def _run_status(run: Run | None, in_progress: bool) -> RunStatus | None:
    if run is None:
        return None
    messages = run.messages
    return RunStatus(
        kind=run.kind,
        started=run.started or run.first_line,  # of one that was given up before it began
        finished=run.finished,
        seconds=int(run.duration.total_seconds()) if run.duration is not None else None,
        outcome=run.outcome(in_progress).value,
        errors=len(run.criticals) + len(run.errors),
        warnings=run.warnings,
        first_error=messages[0] if messages else "",
    )


def _backup_status(archives: Mapping[str, int], zone: ZoneInfo) -> BackupStatus | None:
    newest = next(reversed(list(archives)), None)
    archive = parse_archive(newest) if newest else None
    if not newest or not archive:
        return None
    return BackupStatus(newest, archive.time.astimezone(zone), archives[newest], len(archives))


def timer_units(settings: Settings, found: Observed) -> list[str]:
    """Return the names of our timers on the host, where another stack's may have the usual name."""
    return [backup_files.TIMER, autodeploy.timer_of(settings, found), watch_files.TIMER]


def _timers(settings: Settings, look: Look) -> dict[str, datetime | None]:
    found = {name: look.unit(name) for name in timer_units(settings, look.found)}
    return {name: parse_time(unit.get("NextElapseUSecRealtime")) for name, unit in found.items()
            if unit.get("LoadState") == "loaded"}  # fmt: skip


def table(rows: Mapping[str, Status], now: datetime) -> str:
    """Return the fleet as a table, one line for each host."""
    head = ("HOST", "SERVICE", "SINCE", "NEXT RUN", "LAST RUN", "TOOK", "RESULT", "BACKUP", "TREE", "IMAGE", "COMMIT")
    lines = [head, *(_row(name, entry, now) for name, entry in rows.items())]
    if not any(entry.commit for entry in rows.values()):
        lines = [line[:-1] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _row(name: str, entry: Status, now: datetime) -> tuple[str, ...]:
    run, backup = entry.last_run, entry.last_backup
    progress = entry.run_in_progress_since
    return (
        name,
        entry.service,
        age(entry.since, now),
        f"running, {age(progress, now)}" if progress else moment(entry.next_run, now),
        moment(run.started, now) if run else "-",
        str(timedelta(seconds=run.seconds)) if run and run.seconds is not None else "-",
        _result(run),
        f"{age(backup.time, now)} ago" if backup else "-",
        _size(entry.tree_size),
        _version(entry),
        entry.commit[:7] or "-",
    )


def _result(run: RunStatus | None) -> str:
    if run is None:
        return "-"
    has_errors = run.outcome == kometa_log.Outcome.WITH_ERRORS.value
    return kometa_log.counted(run.errors, "error") if has_errors else run.outcome


def age(time: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was, in its largest unit."""
    if time is None:
        return "-"
    seconds = max(0, int((now - time).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def moment(time: datetime | None, now: datetime) -> str:
    """Return a time of day, with its day where it is not today."""
    if time is None:
        return "-"
    days = (time.date() - now.astimezone(time.tzinfo).date()).days
    names = {0: "", 1: "tomorrow ", -1: "yesterday "}
    return f"{names.get(days, f'{time:%m-%d} ')}{time:%H:%M}"


def _size(size: int | None) -> str:
    if size is None:
        return "-"
    for unit, length in (("GB", 10**9), ("MB", 10**6)):
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return f"{size // 1000} kB"


def _version(entry: Status) -> str:
    tag = entry.image.rsplit("/", 1)[-1].partition("@")[0]
    return f"{tag} {entry.digest.removeprefix('sha256:')[:12]}".strip() or "-"
