"""The units that systemd and Quadlet make of our files."""

import re
from urllib.parse import urlsplit

from kometa_host.plans import network as network_plan
from kometa_host.plans import run_once as run_once_plan
from kometa_host.plans.service import CONTAINER, UNIT
from kometa_host.reports.diagnosis.check import DEPLOY, LOG, Answer, Host, last_error, ok, problem, unknown, warning

S6_SIGNS = r"s6-overlay-suexec: fatal|s6-applyuidgid: fatal|preinit: fatal|running this container as a non-root user"
DNS = "aardvark"  # its file of the process's number is called so
NO_NETWORK = r"(?:unable to find network with name or ID |[Nn]etwork )(\S+?):?(?: network)? not found"


def kometa_service(host: Host) -> Answer:
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
    # Between two starts in vain it rests, but a look may meet it in the middle of the next.
    if unit.active == "failed" or unit.sub == "auto-restart" or (unit.active == "activating" and unit.has_ended):
        return problem(f"{unit.active} ({unit.result})", last_error(host), f"{DEPLOY}   (log: {LOG})")
    if unit.active in ("activating", "deactivating"):
        return warning(unit.active, "it is being started or stopped at this moment", "diagnose again in a minute")
    single = host.look.found.containers.get(run_once_plan.CONTAINER)
    if single and single.state == "running":
        return warning(
            f"{unit.active or 'stopped'}, while a single run is in progress", "operations.kometa.run_once stopped it",
            "nothing: it is started again when that run ends",
        )  # fmt: skip
    return problem(unit.active or "stopped", "somebody stopped it", "systemctl --user start kometa   (as the account)")


def reload(host: Host) -> Answer:
    waiting = sorted(name for name, unit in host.look.found.units.items() if unit.needs_reload)
    if waiting:
        return problem(
            f"{', '.join(waiting)} changed on the disk",
            "systemd still goes by the previous files",
            "systemctl --user daemon-reload   (as the account), then deploy",
        )
    return ok("systemd knows the units as they are on the disk")


def drop_ins(host: Host) -> Answer:
    """What somebody has changed by hand is in force and stays: it is shown so that it is not forgotten."""
    known = ("kometa", "container.d", "network.d", f"{host.settings.mms_network}", "mms-autodeploy")
    names = ["/".join(path.split("/")[-2:]) for path in host.text("drop-ins").splitlines()]
    ours = [name for name in names if name.startswith(known)]
    return ok(f"made by hand, in force and left alone: {', '.join(ours)}" if ours else "none")


def s6(host: Host) -> Answer:
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


def network_suffix(host: Host) -> Answer:
    wanted = host.settings.mms_network
    arguments = [
        line for line in host.text("quadlet-lines").splitlines() if re.search(r"--net(?:work)?[= ]\S+\.network\b", line)
    ]
    misnamed = [name for name in host.text("network-names").split() if name.endswith(".network")]
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


def network(host: Host) -> Answer:
    name = host.settings.mms_network
    fault = network_plan.fault(host.look.found.network)
    return (
        problem(f"{name}: {fault}", "Kometa finds Plex by its name on it", DEPLOY) if fault else ok(f"{name} is there")
    )


def network_helpers(host: Host) -> Answer:
    """Judge the programs that keep rootless containers on the network: Podman notices only at the next start."""
    if not host.runs_now:
        return unknown("its container does not run")
    gone = {line.split()[0] for line in host.text("network-helpers").splitlines() if line.endswith(" gone")}
    mend = "podman network reload --all   (as the account; it begins what has ended, and no container stops)"
    if gone - {DNS}:
        return problem(
            "what leads rootless containers out of the host has ended",
            "the network of the account's containers is stale: Kometa reaches neither the internet nor another machine",
            mend,
        )
    if DNS in gone:
        return problem("aardvark-dns has ended", "containers do not find each other, or Plex, by name", mend)
    if re.search("[Nn]ame resolution|Name or service not known", str(host.plex.get("identity", ""))):
        name = urlsplit(str(host.plex["url"])).hostname or ""
        plex = host.look.found.containers.get(name)
        if plex and plex.state == "running" and host.settings.mms_network in plex.networks:
            return problem(f"aardvark-dns does not tell where {name} is", "it lives, and answers no more", mend)
    return ok("alive")
