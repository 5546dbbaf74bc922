"""What went wrong lately: runs, timers, backups, disks, clocks."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from shlex import quote
from typing import Any

from kometa_host.archive.names import parse as parse_archive
from kometa_host.plans import schedules
from kometa_host.plans.service import UNIT
from kometa_host.reports.diagnosis.check import DEPLOY, RESTART, Answer, Host, ok, problem, unknown, warning
from kometa_host.reports.status import age, parse_time, timer_units
from kometa_host.state import answers, kometa_errors, kometa_log
from kometa_host.state.desired import units_of_interest
from kometa_host.state.kometa_log import Outcome, Run

RUN_ONCE = "pyinfra inventory.py operations.kometa.run_once   (logs: operations.kometa.logs runs=1)"
SKEW = 60  # seconds between the clocks of controller and host; Plex and TLS bear it, schedules do not much more


def last_run(host: Host) -> Answer:
    run = host.look.last_run(host.settings.mms_timezone)
    if run is None:
        return ok(f"none yet; the next at {', '.join(host.settings.kometa_times)}")
    outcome = run.outcome(bool(host.look.found.run_started))
    found = kometa_log.summary(run, bool(host.look.found.run_started))
    if outcome is Outcome.FAILED:
        return problem(found, *_first_error(run, RUN_ONCE))
    if outcome is Outcome.INTERRUPTED:
        return problem(found, "Kometa or the host was stopped in the middle of it", RUN_ONCE)
    if outcome is Outcome.WITH_ERRORS:
        return warning(found, *_first_error(run, "pyinfra inventory.py operations.kometa.logs runs=1"))
    return ok(found)


def hanging(host: Host) -> Answer:
    """Judge how long the run in progress takes."""
    started, limit = host.look.found.run_started, host.settings.kometa_run_limit
    if not started:
        return ok("no run is in progress")
    if host.now - started <= timedelta(hours=limit):
        return ok(f"a run is in progress for {age(started, host.now)}")
    return problem(
        f"a run is in progress for {age(started, host.now)}",
        f"it takes longer than {limit} h (kometa_run_limit): it hangs; updates and restarts wait for its end",
        f"pyinfra inventory.py operations.kometa.logs shows what it does; to end it: {RESTART}",
    )


def missed(host: Host) -> Answer:
    """Judge whether the newest entry of the host's history is a run that never came."""
    newest = next(iter(host.look.recorded_runs()), None)
    last = host.look.last_run(host.settings.mms_timezone)
    if newest is None or newest.has_begun or (last and last.started and last.started > newest.started):
        return ok("none since the last run")
    why = next(iter(newest.first_errors), "no run began at that time")
    return problem(f"the run of {newest.started:%Y-%m-%d %H:%M}", why, RUN_ONCE)


def messages(host: Host) -> Answer:
    """Judge whether messages arrive."""
    if not host.settings.kometa_notify and not host.settings.kometa_notify_url:
        return ok("nobody is to be told anything")
    waiting = [entry for line in host.text("waiting-messages").splitlines() if (entry := _waiting(line))]
    late = [entry for entry in waiting if entry["given_up"] or entry["error"]]
    if not late:
        return ok("all were sent")
    return problem(
        f"{len(late)} could not be sent, such as: {late[0]['title']}",
        late[0]["error"] or "the service did not answer",
        f"pyinfra inventory.py operations.kometa.notify tries it; then mend kometa_notify, or the service: {DEPLOY}",
    )


def _waiting(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
        return {"title": str(found["title"])[:200], "error": str(found["error"])[:300], "given_up": found["given_up"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _first_error(run: Run, otherwise: str) -> tuple[str, str]:
    """Return why a run had errors, and what to do: what is known of the one that explains the others."""
    message = next(iter(run.messages), "it was given up")
    known = kometa_errors.explain(message)
    if known is None:
        return message[:300], otherwise
    return f"{message[:300]}: {known.cause}", f"{known.remedy}; then: {otherwise}"


def failed_units(host: Host) -> Answer:
    failed = [line.split()[0] for line in host.text("failed-units").splitlines() if line.strip()]
    failed = [name for name in failed if name != UNIT]
    if failed:
        return problem(
            ", ".join(failed), "these units of the account failed",
            f"systemctl --user status {quote(failed[0])}; then: systemctl --user reset-failed {quote(failed[0])}",
        )  # fmt: skip
    return ok("none")


def timers(host: Host) -> Answer:
    wanted = units_of_interest(host.settings)
    lost, scheduled = [], []
    for name in timer_units(host.settings, host.look.found):
        unit = host.look.unit(name)
        if unit.get("LoadState") != "loaded" and name not in wanted:
            continue
        due = parse_time(unit.get("NextElapseUSecRealtime"))
        if unit.get("ActiveState") == "active" and (due or unit.get("SubState") == "running"):
            scheduled.append(name)
        else:
            lost.append(name)
    if lost:
        return problem(
            f"{', '.join(lost)} will not fire", "it is stopped, disabled, not there, or has no time to wait for",
            f"systemctl --user enable {lost[0]}; systemctl --user restart {lost[0]}   (as the account), or: {DEPLOY}",
        )  # fmt: skip
    return ok(", ".join(scheduled) or "none wanted")


def backup(host: Host) -> Answer:
    if not host.settings.backups_enabled:
        return warning(
            "there are none", "kometa_backup_recipients is empty, and backups are never written in plain text",
            f"name at least one age or ssh public key in group_data/all.py, then: {DEPLOY}",
        )  # fmt: skip
    unit = host.look.unit("kometa-backup.service")
    make_one = "pyinfra inventory.py operations.backup.create   (log: journalctl --user -u kometa-backup)"
    if unit.get("Result", "success") != "success":
        said = host.text("backup-words").strip()
        return problem(f"the last one failed ({unit['Result']})", answers.shown(said[:300]) or "see its log", make_one)
    if host.look.found.text("repository-damaged"):
        return problem("the repository is damaged", "its last check found it so", "docs/backups.md: Troubleshooting")
    dated = [archive for name in host.look.archives() if (archive := parse_archive(name))]
    if dated and dated[0].time > _latest_believable(host):
        return problem(f"{dated[-1].name} alone, of the future", "a clock was wrong when it was made", make_one)
    newest = _newest_backups(host)
    if None in newest:
        return warning("there is none yet", "none has been made since backups were switched on", make_one)
    made = [one for one in newest if one]
    found = "; ".join(f"{name}, {age(time, host.now)} old" for name, time in made)
    if host.now - min(time for _, time in made) > _oldest_backup(host):
        return problem(found, f"older than the schedule {host.settings.kometa_backup_schedule} lets it be", make_one)
    return ok(found)


def _newest_backups(host: Host) -> list[tuple[str, datetime] | None]:
    """Return name and time of the newest archive and of the newest snapshot, as far as there are to be such."""
    dated = [archive for name in host.look.archives() if (archive := parse_archive(name))]
    archive = next((archive for archive in reversed(dated) if archive.time <= _latest_believable(host)), None)
    found = [(archive.name, archive.time) if archive else None] if host.settings.archives_enabled else []
    return [*found, host.look.last_snapshot()] if host.settings.kometa_backup_repository else found


def _latest_believable(host: Host) -> datetime:
    """Return the time after which a backup was made while a clock was wrong: it says nothing about whether any are."""
    return host.now + timedelta(days=1)


def proof(host: Host) -> Answer:
    days = host.settings.kometa_drill_days
    if not host.settings.backups_enabled or not days:
        return ok("not asked for")
    last = host.look.last_proof()
    drill = "KOMETA_AGE_IDENTITY=age-identity.txt make drill"
    if last is None:
        return warning("no backup of this host was ever restored", "nobody knows whether one can be", drill)
    found = f"a backup was restored {age(last, host.now)} ago"
    if host.now - last > timedelta(days=days):
        return warning(found, f"that is more than kometa_drill_days={days}", drill)
    return ok(found)


def _oldest_backup(host: Host) -> timedelta:
    """Return the age that no backup has while every second one at least is made."""
    read = schedules.calendar(host.look.found, "backup")
    gap = read.longest_gap if read else None
    return max(2 * gap, timedelta(hours=2)) if gap else timedelta(days=366)


def disk(host: Host) -> Answer:
    worst = max(_disks(host.text("disks")), default=None)
    files = max(_disks(host.text("inodes")), default=None)
    if worst is None:
        return unknown("its size could not be read")
    used, free, place = worst
    found = f"{place} is {used} % full, {free / 1024**2:.1f} GiB are free"
    mend = f"du -xh --max-depth=2 {quote(place)} | sort -h | tail; podman image prune   (as the account)"
    if files and files[0] >= 95:
        return problem(f"{files[2]} has used {files[0]} % of its inodes", "no new files can be made", mend)
    if used >= 95 and free < 5 * 1024**2:
        return problem(found, "backups, Kometa's cache and its logs will fail", mend)
    if used >= 85 and free < 20 * 1024**2:
        return warning(found, "backups and updates need room", mend)
    return ok(found)


def _disks(text: str) -> Iterable[tuple[int, int, str]]:
    """Yield used per cent, free KiB (or inodes) and mount point of each line of df."""
    for line in text.splitlines():
        parts = line.split(None, 5)
        if len(parts) == 6 and parts[4].rstrip("%").isdecimal() and parts[3].isdecimal():
            yield int(parts[4].rstrip("%")), int(parts[3]), parts[5]


def branch(host: Host) -> Answer:
    """Judge whether the branch that a host in pull mode follows still moves."""
    if not host.settings.follows_git:
        return ok("none is followed")
    still = host.look.found.text("branch-still")
    if not still:
        return ok("its branch moves as it used to")
    return warning(
        answers.shown(still),
        "there was nothing to commit, or whoever holds the repository keeps newer commits back",
        "compare with your own copy: git log -1   (on the host: facts.autodeploy.History says which commit it has)",
    )


def image(host: Host) -> Answer:
    image = host.settings.kometa_image
    if host.look.found.image_id is None:
        return problem(f"{image} is not on the host", "it was removed, or never pulled", DEPLOY)
    if "@" in image:
        return ok("pinned by its digest")
    registry, local = set(host.text("registry").split()), host.text("image-digests")
    if not registry:
        return unknown("the registry could not be asked")
    if any(digest.removeprefix("sha256:") in local for digest in registry):
        return ok("as in the registry")
    return warning(
        f"the registry has a newer {image}", "updates are made at night, or by hand",
        "pyinfra inventory.py operations.autodeploy.run",
    )  # fmt: skip


def clock(host: Host) -> Answer:
    told = host.look.found.host.text("now")
    skew = int(told) - host.now.timestamp() if told.isdecimal() else 0.0
    mend = "timedatectl set-ntp true   (as root; it needs systemd-timesyncd or chrony)"
    if abs(skew) > SKEW:
        way = "ahead of" if skew > 0 else "behind"
        return problem(
            f"{abs(int(skew))} s {way} this machine", "runs and backups come at the wrong time, certificates fail", mend
        )
    lines = host.look.found.host.text("clock").splitlines()
    if "NTPSynchronized=yes" in lines:
        return ok("synchronised")
    if any(line.startswith("Container=") for line in lines) and "Container=none" not in lines:
        return ok("right; a container has the clock of its machine")
    if "NTPSynchronized=no" in lines:
        return warning("right, but not synchronised", "no time service runs on the host", mend)
    return ok("right")


def selinux(host: Host) -> Answer:
    mode, denials = host.look.found.host.text("selinux"), host.look.found.host.text("selinux-denials").splitlines()
    if not mode:
        return ok("not on this host")
    if denials:
        path = host.settings.kometa_config_dir
        return problem(
            f"{len(denials)} denials in a day, the last: {denials[-1][:200]}",
            "files below the config tree do not have the container's label; Volume=...:Z gives it at a start",
            f"{RESTART}; if it stays: restorecon -RF {path}   (as root), and restart again",
        )
    return ok(f"{mode}, no denials in a day")
