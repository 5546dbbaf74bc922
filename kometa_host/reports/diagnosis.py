"""What is wrong with a Kometa host, why, and which command mends it. Pure: a list of checks of one look at the host."""

import gzip
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property
from typing import Any

from kometa_host.archive.names import parse as parse_archive
from kometa_host.config_tree import redaction, yaml12
from kometa_host.errors import UserError
from kometa_host.plans import account as account_plan
from kometa_host.plans import network as network_plan
from kometa_host.plans import service
from kometa_host.plans.account import WantedAccount
from kometa_host.plans.service import CONTAINER, QUADLET, UNIT, Pending, Step
from kometa_host.reports.status import Look, age, parse_time, timer_units
from kometa_host.settings.variables import Settings
from kometa_host.state import kometa_log
from kometa_host.state.desired import inputs_of, quadlets, units_of_interest
from kometa_host.state.filesets import Changes
from kometa_host.state.kometa_log import Outcome

DEPLOY = "pyinfra inventory.py deploy.py"
RESTART = "systemctl --user restart kometa   (as the account; it ends a run in progress)"
LOG = "journalctl --user -u kometa --since today"
S6_SIGNS = r"s6-overlay-suexec: fatal|s6-applyuidgid: fatal|preinit: fatal|running this container as a non-root user"
NO_NETWORK = r"(?:unable to find network with name or ID |[Nn]etwork )(\S+?):?(?: network)? not found"
SKEW = 60  # seconds between the clocks of controller and host; Plex and TLS bear it, schedules do not much more


class State(Enum):
    """What a check has found."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "not checked"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was found, in a problem why it is one, and the command that mends it."""

    name: str
    state: State
    found: str
    cause: str = ""
    mend: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the check as what JSON can hold."""
        return {**asdict(self), "state": self.state.value}


@dataclass(frozen=True)
class Host:
    """All that the checks decide on. now is the controller's clock; waits_in_vain: a start waits for nothing."""

    settings: Settings
    look: Look
    now: datetime
    waits_in_vain: bool = False

    def text(self, name: str) -> str:
        """Return what the diagnosis itself was told under a name."""
        return self.look.more.text(name)

    @cached_property
    def log(self) -> str:
        """What the service has said since its last start."""
        told = self.look.more.values.get("recent-log")
        return gzip.decompress(told).decode("utf-8", "replace") if told else ""

    @property
    def runs_now(self) -> bool:
        """Whether the container is up."""
        container = self.look.found.containers.get(CONTAINER)
        return container is not None and container.state == "running"

    @cached_property
    def plex(self) -> Mapping[str, Any]:
        """What Plex answered to Kometa's container; empty where it could not be asked."""
        try:
            answered = json.loads(self.text("plex") or "{}")
        except ValueError:
            return {}
        return answered if isinstance(answered, dict) else {}

    @cached_property
    def plex_section(self) -> Mapping[Any, Any]:
        """The section plex of config.yml on the host, empty if there is none."""
        try:
            value = yaml12.load(self.text("config-text"), "config.yml").value
        except UserError:
            return {}
        section = value.get("plex") if isinstance(value, dict) else None
        return section if isinstance(section, dict) else {}


Answer = Check | tuple[State, str] | tuple[State, str, str, str]


def diagnose(host: Host) -> list[Check]:
    """Given what was read of a host, return all checks, in the order in which one thing rests on the other."""
    return [_check(name, function, host) for name, function in CHECKS.items()]


def _check(name: str, function: Callable[[Host], Answer], host: Host) -> Check:
    answer = function(host)
    return answer if isinstance(answer, Check) else Check(name, *answer)


def has_problem(checks: Iterable[Check]) -> bool:
    """Return whether any check has found a problem."""
    return any(check.state is State.PROBLEM for check in checks)


def ok(found: str) -> Answer:
    """Return that all is well."""
    return State.OK, found


def problem(found: str, cause: str, mend: str) -> Answer:
    """Return a problem."""
    return State.PROBLEM, found, cause, mend


def warning(found: str, cause: str, mend: str) -> Answer:
    """Return what is no problem yet, or not surely one."""
    return State.WARNING, found, cause, mend


def unknown(why: str) -> Answer:
    """Return that a check was not possible."""
    return State.UNKNOWN, why


# The account and its user manager


def _account(host: Host) -> Answer:
    user = host.settings.mms_user
    if not any(entry.user == user for entry in host.look.found.accounts):
        return problem(f"there is no account {user}", "nothing has been deployed to this host", DEPLOY)
    return ok(f"{user} exists")


def _subordinate_ids(host: Host) -> Answer:
    known = host.settings
    try:
        plan = account_plan.account_plan(
            WantedAccount(known.mms_user, known.mms_uid, known.mms_gid, known.home), host.look.found
        )
    except UserError as error:
        return problem("the ranges overlap or cannot be used", str(error), "vi /etc/subuid /etc/subgid   (as root)")
    missing = [kind for kind in ("subuid", "subgid") if getattr(plan, kind) is not None]
    if missing:
        return problem(
            f"{known.mms_user} has no 65,536 ids in {' and '.join(f'/etc/{kind}' for kind in missing)}",
            "without subordinate ids a container cannot have users of its own: PUID and PGID cannot work",
            f"{DEPLOY}   (connected as root or with sudo)",
        )
    return ok("65,536 or more, overlapping nobody's")


def _lingering(host: Host) -> Answer:
    if host.look.found.text("linger"):
        return ok("on")
    return problem(
        "off",
        "Kometa stops when the account's last login ends, and does not start at boot",
        f"loginctl enable-linger {host.settings.mms_user}   (as root)",
    )


def _bus(host: Host) -> Answer:
    if host.look.found.text("bus"):
        return ok("reachable")
    uid = next((entry.uid for entry in host.look.found.accounts if entry.user == host.settings.mms_user), "UID")
    return problem(
        f"/run/user/{uid}/bus does not answer",
        "the account's user manager does not run, so none of its services can be asked or started",
        f"systemctl restart user@{uid}.service   (as root; it restarts all services of the account)",
    )


def _network_online(host: Host) -> Answer:
    if not host.waits_in_vain:
        return ok("nothing waits for it in vain")
    return problem(
        "network-online.target is never reached",
        "Podman lets every rootless Quadlet wait for it up to 90 s, and on this host nothing starts it",
        f"{DEPLOY}   (connected as root or with sudo)",
    )


def _podman(host: Host) -> Answer:
    version = host.look.found.text("podman-version").removeprefix("podman version ")
    if not version:
        return problem("not there", "Podman is not installed", DEPLOY)
    numbers = [int(number) for number in re.findall(r"\d+", version)[:2]]
    if numbers < [4, 4]:
        return problem(version, "Quadlet came with Podman 4.4", "upgrade the host's distribution or its podman package")
    return ok(version)


# The units


def _service(host: Host) -> Answer:
    unit = host.look.found.units.get(UNIT)
    if not host.look.found.text("bus"):
        return unknown("the user manager cannot be asked")
    if unit is None or unit.load != "loaded":
        return problem(
            f"systemd does not know {UNIT}",
            "nothing is deployed, or one bad line in any Quadlet: then Podman makes no unit of any of them",
            f"{DEPLOY}   (or see: /usr/libexec/podman/quadlet -dryrun -user)",
        )
    if unit.active == "active":
        container = host.look.found.containers.get(CONTAINER)
        if container and container.state == "paused":
            return problem(
                "its container is frozen", "a backup was cut off", "podman unpause kometa   (as the account)"
            )
        return ok("active")
    if unit.active == "failed" or unit.sub == "auto-restart":
        return problem(f"{unit.active} ({unit.result})", _last_error(host), f"{DEPLOY}   (log: {LOG})")
    if unit.active == "activating":
        return warning("starting", "it is being started at this moment", "diagnose again in a minute")
    return problem(unit.active or "stopped", "somebody stopped it", "systemctl --user start kometa   (as the account)")


def _last_error(host: Host) -> str:
    lines = [line.strip() for line in host.log.splitlines() if re.search(r"[Ee]rror|fatal", line)]
    return lines[-1][:300] if lines else "its log says no more"


def _reload(host: Host) -> Answer:
    waiting = sorted(name for name, unit in host.look.found.units.items() if unit.needs_reload)
    if waiting:
        return problem(
            f"{', '.join(waiting)} changed on the disk",
            "systemd still goes by the former files",
            "systemctl --user daemon-reload   (as the account), then deploy",
        )
    return ok("systemd knows the units as they are on the disk")


def _s6(host: Host) -> Answer:
    keeping = [line for line in host.text("quadlet-lines").splitlines() if "keep-id" in line]
    sign = re.search(rf"^.*(?:{S6_SIGNS}).*$", host.log, re.M)
    if not keeping and not sign:
        return ok("no UserNS=keep-id, no complaint of s6-overlay")
    found = _place(keeping[0]) if keeping else "s6-overlay cannot start"
    said = f"; the log says: {sign[0].strip()[:200]}" if sign else ""
    return problem(
        f"{found}{said}",
        "the image starts as root inside its container and goes down to PUID and PGID itself; with keep-id or User= it "
        "is not root, and Kometa never runs",
        f"remove UserNS=keep-id and User= from the Quadlet and its drop-ins, then: {DEPLOY}",
    )


def _place(line: str) -> str:
    path, _, rest = line.partition(":")
    number, _, text = rest.partition(":")
    return f"{text.strip()} in {path}, line {number}"


def _network_suffix(host: Host) -> Answer:
    wanted = host.settings.mms_network
    arguments = [
        line for line in host.text("quadlet-lines").splitlines() if re.search(r"--net(?:work)?[= ]\S+\.network\b", line)
    ]
    misnamed = [name for name in host.text("networks").split() if name.endswith(".network")]
    missing = re.search(NO_NETWORK, host.log)
    if arguments:
        found = _place(arguments[0])
    elif misnamed:
        found = f"a Podman network is really named {misnamed[0]}"
    elif missing:
        found = f"the log says: network {missing[1]} not found"
    else:
        return ok("no network name ends in .network")
    return problem(
        found,
        f".network is the end of the Quadlet's file name; the Podman network is named {wanted}",
        f"write --network {wanted} (in a Quadlet: Network={wanted}.network), then: {DEPLOY}",
    )


def _network(host: Host) -> Answer:
    name = host.settings.mms_network
    fault = network_plan.fault(host.look.found.network)
    return (
        problem(f"{name}: {fault}", "Kometa finds Plex by its name on it", DEPLOY) if fault else ok(f"{name} is there")
    )


# The config tree


def _config(host: Host) -> Answer:
    path = f"{host.settings.kometa_config_dir}/config.yml"
    halted = "halting init" in host.log
    if not host.text("has-config"):
        why = "the container is up but has halted: " if halted else ""
        return problem(f"{path} is missing", f"{why}without it Kometa does not start, and nothing says so", DEPLOY)
    if halted and not host.look.found.text("kometa-alive"):
        return problem("the container has halted", "config.yml was missing when it started", RESTART)
    try:
        yaml12.load(host.text("config-text"), "config.yml")
    except UserError as error:
        return problem("config.yml is no valid YAML", str(error), f"mend it in the project, then: {DEPLOY}")
    return ok(path)


def _owners(host: Host) -> Answer:
    known, found = host.settings, host.look.found.foreign_owned
    owner = f"{known.kometa_puid}:{known.kometa_pgid}"
    if not found.count:
        return ok(f"all of {owner}")
    path = shlex.quote(known.kometa_config_dir)
    return problem(
        f"{found.count} entries belong to others: {', '.join(found.first)}{' ...' if found.count > 5 else ''}",
        "a manual run with other user mappings, such as --userns=keep-id, or a copy as another user",
        f"podman unshare chown -R {owner} {path}   (as the account), or: pyinfra inventory.py "
        f"operations.podman.unshare_chown path={path} uid={known.kometa_puid} gid={known.kometa_pgid}",
    )


def _alive(host: Host) -> Answer:
    if not host.runs_now:
        return unknown("its container does not run")
    if host.look.found.text("kometa-alive"):
        return ok("Kometa lives in its container")
    return problem(
        "no process of Kometa in its container", _last_error(host), f"podman logs --tail 50 kometa   ({LOG})"
    )


def _container_age(host: Host) -> Answer:
    wanted = quadlets(host.settings)
    inputs = inputs_of(wanted.files[QUADLET].text())
    decision = service.decide(host.settings, host.look.found, inputs, Pending(Changes(), False, False))
    if decision.step in (Step.RESTART, Step.POSTPONE) and "alive" not in decision.why and "frozen" not in decision.why:
        return problem(
            f"the container is out of date: {decision.why}",
            "it goes on with what it was started with until it is started anew",
            f"{DEPLOY}   (it waits for a run in progress)",
        )
    return ok("as new as its unit, image and secrets") if host.runs_now else unknown("no container runs")


# Plex


def _plex_url(host: Host) -> Answer:
    url = host.plex_section.get("url")
    wanted = host.settings.kometa_plex_url
    if not isinstance(url, str) or not url.strip():
        return unknown("config.yml names none") if not host.plex_section else problem(
            "none", "config.yml has no url under plex", f"write url: {wanted} under plex, then: {DEPLOY}"
        )  # fmt: skip
    if "<<" in url or url.upper() == "ENV" or url.rstrip("/") == wanted.rstrip("/"):
        return ok(wanted if "<<" not in url else "kept as a secret")
    return problem(
        redaction.redacted(url),
        f"config.yml does not use Plex's name on the network {host.settings.mms_network}: a Traefik or public address "
        "leads out of the host and back, or nowhere",
        f"write url: {wanted} under plex in config.yml (or set kometa_plex_url), then: {DEPLOY}",
    )


def _plex_reachable(host: Host) -> Answer:
    if not host.plex:
        return unknown("Kometa's container does not run" if not host.runs_now else "its container did not answer")
    url, identity = host.plex["url"], host.plex["identity"]
    if identity == 200:
        return ok(f"{url} answers from inside the container")
    plex = host.look.found.containers.get(host.settings.plex_host)
    cause = "Plex does not run, or not on this network under this name"
    if plex and host.settings.mms_network not in plex.networks:
        cause = f"the container {plex.name} is not on the network {host.settings.mms_network}"
    return problem(
        f"{url} does not answer: {identity}",
        cause,
        f"systemctl --user start plex   (as the account); try: podman exec kometa curl -sf {url}/identity",
    )


def _plex_token(host: Host) -> Answer:
    if host.plex.get("identity") != 200:
        return unknown("Plex was not reached")
    if not host.plex["has_token"]:
        return problem(
            "none", "plex: token in config.yml is empty, or its secret has no value",
            f"make secrets-edit   (add plextoken), then: {DEPLOY}",
        )  # fmt: skip
    if host.plex["sections"] == 200:
        return ok("accepted by /library/sections")
    return problem(
        f"refused by /library/sections ({host.plex['sections']})",
        "the token is wrong or was withdrawn",
        f"put a new one in place (make secrets-edit; see support.plex.tv/articles/204059436), then: {DEPLOY}",
    )


# What went wrong lately


def _last_run(host: Host) -> Answer:
    run = host.look.last_run(host.settings.mms_timezone)
    if run is None:
        return ok(f"none yet; the next at {', '.join(host.settings.kometa_times)}")
    outcome = run.outcome(bool(host.look.found.run_started))
    found = kometa_log.summary(run, bool(host.look.found.run_started))
    first = next(iter([*run.criticals, *run.errors]), "")[:300]
    try_it = "pyinfra inventory.py operations.kometa.run_once   (logs: operations.kometa.logs runs=1)"
    if outcome is Outcome.FAILED:
        return problem(found, first or "it was given up", try_it)
    if outcome is Outcome.UNFINISHED:
        return problem(found, "Kometa or the host was stopped in the middle of it", try_it)
    if outcome is Outcome.WITH_ERRORS:
        return warning(found, first, "pyinfra inventory.py operations.kometa.logs runs=1")
    return ok(found)


def _failed_units(host: Host) -> Answer:
    failed = [line.split()[0] for line in host.text("failed-units").splitlines() if line.strip()]
    failed = [name for name in failed if name != UNIT]
    if failed:
        return problem(
            ", ".join(failed), "these units of the account failed",
            f"systemctl --user status {failed[0]}; then: systemctl --user reset-failed {failed[0]}",
        )  # fmt: skip
    return ok("none")


def _timers(host: Host) -> Answer:
    wanted = {name for name in timer_units(host.settings) if name in units_of_interest(host.settings)}
    lost, scheduled = [], []
    for name in timer_units(host.settings):
        unit = host.look.unit(name)
        if unit.get("LoadState") != "loaded" and name not in wanted:
            continue
        due = parse_time(unit.get("NextElapseUSecRealtime"))
        if unit.get("ActiveState") == "active" and due:
            scheduled.append(name)
        else:
            lost.append(name)
    if lost:
        return problem(
            f"{', '.join(lost)} will not fire", "it is stopped, disabled or not there",
            f"systemctl --user enable --now {lost[0]}   (as the account), or: {DEPLOY}",
        )  # fmt: skip
    return ok(", ".join(scheduled) or "none wanted")


def _backup(host: Host) -> Answer:
    if not host.settings.backups_enabled:
        return warning(
            "there are none", "kometa_backup_recipients is empty, and backups are never written in clear",
            f"name at least one age or ssh public key in group_data/all.py, then: {DEPLOY}",
        )  # fmt: skip
    unit = host.look.unit("kometa-backup.service")
    make_one = "pyinfra inventory.py operations.backup.create   (log: journalctl --user -u kometa-backup)"
    if unit.get("Result", "success") != "success":
        return problem(f"the last one failed ({unit['Result']})", "see its log", make_one)
    newest = next(reversed(list(host.look.archives())), None)
    archive = parse_archive(newest) if newest else None
    if archive is None:
        return warning("there is none yet", "none has been made since backups were switched on", make_one)
    found = f"{archive.name}, {age(archive.time, host.now)} old"
    if host.now - archive.time > _oldest_backup(host.settings.kometa_backup_schedule):
        return problem(found, f"older than the schedule {host.settings.kometa_backup_schedule} lets it be", make_one)
    return ok(found)


def _oldest_backup(schedule: str) -> timedelta:
    daily = schedule.startswith("*-*-* ") or schedule in ("daily", "hourly") or re.fullmatch(r"[\d:]+", schedule)
    return timedelta(days=2 if daily else 35)


def _disk(host: Host) -> Answer:
    worst = max(_disks(host.text("disks")), default=None)
    files = max(_disks(host.text("inodes")), default=None)
    if worst is None:
        return unknown("its size could not be read")
    used, free, place = worst
    found = f"{place} is {used} % full, {free / 1024**2:.1f} GiB are free"
    mend = f"du -xh --max-depth=2 {place} | sort -h | tail; podman image prune   (as the account)"
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
        if len(parts) == 6 and parts[4].rstrip("%").isdigit() and parts[3].isdigit():
            yield int(parts[4].rstrip("%")), int(parts[3]), parts[5]


def _image(host: Host) -> Answer:
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


def _clock(host: Host) -> Answer:
    told = host.text("now")
    skew = int(told) - host.now.timestamp() if told.isdigit() else 0.0
    mend = "timedatectl set-ntp true   (as root; it needs systemd-timesyncd or chrony)"
    if abs(skew) > SKEW:
        way = "ahead of" if skew > 0 else "behind"
        return problem(
            f"{abs(int(skew))} s {way} this machine", "runs and backups come at the wrong time, certificates fail", mend
        )
    if "NTPSynchronized=no" in host.text("clock"):
        return warning("right, but not synchronised", "no time service runs on the host", mend)
    return ok("synchronised" if "NTPSynchronized=yes" in host.text("clock") else "right")


def _selinux(host: Host) -> Answer:
    mode, denials = host.text("selinux"), host.text("selinux-denials").splitlines()
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


CHECKS: Mapping[str, Callable[[Host], Answer]] = {
    "account": _account,
    "subordinate ids": _subordinate_ids,
    "lingering": _lingering,
    "user bus": _bus,
    "network-online": _network_online,
    "podman": _podman,
    "service": _service,
    "units": _reload,
    "s6-overlay": _s6,
    "network name": _network_suffix,
    "network": _network,
    "config.yml": _config,
    "owners": _owners,
    "kometa": _alive,
    "container": _container_age,
    "plex url": _plex_url,
    "plex": _plex_reachable,
    "plex token": _plex_token,
    "last run": _last_run,
    "failed units": _failed_units,
    "timers": _timers,
    "last backup": _backup,
    "disk": _disk,
    "image": _image,
    "clock": _clock,
    "selinux": _selinux,
}


def table(name: str, checks: Iterable[Check]) -> str:
    """Return the checks of a host as text: a line each, and for what is wrong its cause and what mends it."""
    listed = list(checks)
    counts = [f"{sum(check.state is state for check in listed)} {state.value}" for state in State]
    lines = [f"{name}: {', '.join(count for count in counts if not count.startswith('0 '))}"]
    for check in listed:
        label = check.state.value.upper() if check.state is State.PROBLEM else check.state.value
        lines.append(f"  {label:<12} {check.name:<16} {check.found}")
        lines += [f"{'':<32}{word} {text}" for word, text in (("why:  ", check.cause), ("to do:", check.mend)) if text]
    return "\n".join(lines)


def as_json(name: str, checks: Iterable[Check]) -> str:
    """Return the checks of a host as one line of JSON."""
    return json.dumps({"host": name, "checks": [check.to_json() for check in checks]}, ensure_ascii=False)
