"""A made-up fleet with a year behind it, to look at the report without one: the same each time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from kometa_host.controller.kept_archives import with_reasons
from kometa_host.plans.autodeploy import Event
from kometa_host.plans.backup import FoundArchive
from kometa_host.reports.diagnosis.check import Check, State
from kometa_host.reports.page.fleet import HostReport
from kometa_host.reports.status import BackupStatus, RunStatus, Status
from kometa_host.state.kometa_log import Collections, Outcome
from kometa_host.state.run_history import RecordedRun

NOW = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")
KEEP = {"daily": 7, "weekly": 4, "monthly": 6}
NOT_FOUND = "Plex Error: Plex Library 'Films' not found. Options: ['Movies', 'TV']"
ERRORS = (
    "Collection Error: trakt_list https://trakt.tv/users/somebody/lists/favourites not found",
    "TMDb Error: No Movie found for TMDb ID 1234567",
    "MDBList Error: API Limit Reached",
    "Overlay Error: No image found for overlays/4K.png",
)
WELL = {
    "account": "mms (3000)",
    "podman": "5.4.2",
    "service": "active",
    "network": "mms",
    "config.yml": "can be read",
    "plex": "answers, version 1.42.2",
    "libraries": "Movies, TV",
    "messages": "all were sent",
    "timers": "kometa-backup.timer, mms-autodeploy-interactive.timer, kometa-watch.timer",
    "disk": "/ is 41 % full, 182.4 GiB are free",
    "clock": "synchronised",
}


def fleet(count: int = 7) -> list[HostReport]:
    """Return so many made-up hosts, of which each has its own troubles."""
    kinds = (_tower, _attic, _study, _cellar, _garage, _loft, _nas)
    return [kinds[number % len(kinds)](number // len(kinds)) for number in range(count)]


def _name(name: str, round_: int) -> str:
    return f"{name}{round_ or ''}.lan"


def _chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311  (nothing rests on it)


def _tower(number: int) -> HostReport:
    return _host(_name("tower", number), list(_year(_chance(1), 0.03, 52)), size=43)


def _attic(number: int) -> HostReport:
    runs = list(_year(_chance(2), 0.02, 18))
    for place in range(4):
        runs[place] = _run(runs[place].started, 3, Outcome.FAILED, (NOT_FOUND,), libraries=("Films",))
    problem = Check(
        "last run", State.PROBLEM,
        f"2026-11-22 06:00:14 to 06:03:14 (0:03:00), failed: 1 error, 4 warnings; {NOT_FOUND}",
        "Plex has no library named Films; it has: 'Movies', 'TV'",
        "write the library's name in config.yml as Plex has it, capitals included, then deploy",
    )  # fmt: skip
    return _host(_name("attic", number), runs, (problem,), size=11)


def _study(number: int) -> HostReport:
    runs = list(_year(_chance(3), 0.05, 140))
    since = NOW - timedelta(hours=35)
    runs = [run for run in runs if run.started < since - timedelta(hours=1)]
    problem = Check(
        "run time", State.PROBLEM, "a run is in progress for 1 d",
        "it takes longer than 24 h (kometa_run_limit): it hangs; updates and restarts wait for its end",
        "pyinfra inventory.py operations.kometa.logs shows what it does; to end it: systemctl --user restart kometa",
    )  # fmt: skip
    return _host(_name("study", number), runs, (problem,), size=78, progress=since)


def _cellar(number: int) -> HostReport:
    return HostReport(_name("cellar", number))


def _garage(number: int) -> HostReport:
    old = Check(
        "last backup", State.WARNING, "there are none",
        "kometa_backup_recipients is empty, and backups are never written in plain text",
        "name at least one age or ssh public key in group_data/all.py, then: pyinfra inventory.py deploy.py",
    )  # fmt: skip
    return _host(_name("garage", number), list(_year(_chance(5), 0.0, 4))[:9], (old,), size=None)


def _loft(number: int) -> HostReport:
    host = _host(_name("loft", number), list(_year(_chance(6), 0.08, 31)), size=25)
    drift = ("Kometa's config tree", "Quadlets of kometa", "Service kometa")
    return HostReport(**{**vars(host), "drift": drift})


def _nas(number: int) -> HostReport:
    runs = list(_year(_chance(7), 0.04, 75))
    off = [place for place, run in enumerate(runs) if 40 <= (NOW - run.started).days < 49]
    for place in off:
        why = ("the host was off at that time",)
        runs[place] = RecordedRun("06:00", runs[place].started, None, Outcome.MISSED, first_errors=why)
    return _host(_name("nas", number), runs, size=130)


def _year(chance: Random, trouble: float, minutes: int) -> Iterator[RecordedRun]:
    """Yield the runs of a year, newest first, that take about so many minutes and fail now and then."""
    for day in range(365):
        begin = datetime(2026, 11, 22, 6, 0, chance.randint(2, 40), tzinfo=ZONE) - timedelta(days=day)
        took = minutes * chance.uniform(0.75, 1.35) * (1.5 if begin.weekday() == 6 else 1)
        roll = chance.random()
        if roll < trouble / 3:
            outcome = chance.choice([Outcome.INTERRUPTED, Outcome.FAILED, Outcome.HUNG])
            yield _run(begin, took if outcome is Outcome.FAILED else None, outcome, (chance.choice(ERRORS),))
        elif roll < trouble * 2:
            yield _run(begin, took, Outcome.WITH_ERRORS, tuple(chance.sample(ERRORS, 2)))
        else:
            yield _run(begin, took, Outcome.GOOD)


def _run(
    begin: datetime,
    minutes: float | None,
    outcome: Outcome,
    errors: tuple[str, ...] = (),
    libraries: tuple[str, ...] = (),
) -> RecordedRun:
    end = begin + timedelta(minutes=minutes) if minutes is not None else None
    table = Collections(listed=48, changed=3, added=7, removed=2)
    return RecordedRun("06:00", begin, end, outcome, len(errors), 4, errors, libraries, table, "2.4.4")


def _archives(size: float) -> list[FoundArchive]:
    """Return what is left of a year of nightly backups that grew: as retention leaves them."""
    chance, found = _chance(8), []
    for day in [*range(7), 9, 16, 23, 51, 82, 112, 143, 173]:
        time = datetime(2026, 11, 22, 8, 0, 3, tzinfo=UTC) - timedelta(days=day)
        grown = int(size * (1 - day / 400) * chance.uniform(0.98, 1.02) * (1 << 20))
        name = f"kometa-{time:%Y-%m-%dT%H%M%SZ}.tar.zst.age"
        found.append(FoundArchive(name, time, grown, encrypted=True, complete=True, proved=NOW if day == 16 else None))
    return with_reasons(found, KEEP, NOW)


def _updates() -> tuple[Event, ...]:
    image = "lscr.io/linuxserver/kometa:latest"
    told = ((11, "updated", "runs 2.4.4 now, healthy; before, it was 2.4.3"), (12, "postponed", "a run is in progress"),
            (44, "rolled-back", "the new image was not healthy within 120 s; the previous one runs again"),
            (73, "updated", "runs 2.4.3 now, healthy; before, it was 2.4.2"))  # fmt: skip
    night = datetime(2026, 11, 22, 7, 0, 9, tzinfo=UTC)
    return tuple(
        Event(night - timedelta(days=day), "interactive", "kometa", image, event, "", "", why)
        for day, event, why in told
    )


def _host(
    name: str,
    runs: list[RecordedRun],
    wrong: tuple[Check, ...] = (),
    size: float | None = 40,
    progress: datetime | None = None,
) -> HostReport:
    archives = _archives(size) if size else []
    well = tuple(Check(check, State.OK, found) for check, found in WELL.items())
    return HostReport(
        name, _status(runs[0], archives, progress), (*wrong, *well), tuple(runs), tuple(archives), _updates()
    )


def _status(run: RecordedRun, archives: list[FoundArchive], progress: datetime | None) -> Status:
    last = RunStatus(
        run.kind, run.started, run.finished, run.seconds, run.outcome.value, run.errors, run.warnings,
        next(iter(run.first_errors), ""),
    )  # fmt: skip
    newest = archives[0] if archives else None
    tomorrow = datetime(2026, 11, 23, 6, 0, tzinfo=ZONE)
    return Status(
        service="active",
        since=(NOW - timedelta(days=11)).astimezone(ZONE),
        image="lscr.io/linuxserver/kometa:latest",
        digest="sha256:4be7d1c09af3",
        next_run=tomorrow,
        run_in_progress_since=progress.astimezone(ZONE) if progress else None,
        last_run=last,
        last_backup=BackupStatus(newest.name, newest.time.astimezone(ZONE), newest.size, len(archives))
        if newest
        else None,
        timers={
            "kometa-backup.timer": tomorrow.replace(hour=3),
            "mms-autodeploy-interactive.timer": tomorrow.replace(hour=2),
        },
        tree_size=newest.size * 3 if newest else 5 << 20,
        image_created=(NOW - timedelta(days=13)).astimezone(ZONE),
    )
