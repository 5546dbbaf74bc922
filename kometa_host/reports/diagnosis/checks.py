"""All checks of a host, in the order in which one thing rests on the other, and how they are shown."""

import json
from collections.abc import Callable, Iterable, Mapping

from kometa_host.reports.diagnosis import account, config_tree, lately, plex, units
from kometa_host.reports.diagnosis.check import Answer, Check, Host, State
from kometa_host.state import kometa_log

CHECKS: Mapping[str, Callable[[Host], Answer]] = {
    "account": account.account,
    "subordinate ids": account.subordinate_ids,
    "lingering": account.lingering,
    "user bus": account.bus,
    "journal": account.journal,
    "network-online": account.network_online,
    "podman": account.podman,
    "service": units.kometa_service,
    "units": units.reload,
    "drop-ins": units.drop_ins,
    "s6-overlay": units.s6,
    "network name": units.network_suffix,
    "network": units.network,
    "network helpers": units.network_helpers,
    "file system": config_tree.file_system,
    "config.yml": config_tree.config,
    "owners": config_tree.owners,
    "kometa": config_tree.alive,
    "container": config_tree.container_age,
    "plex url": plex.plex_url,
    "plex": plex.plex_reachable,
    "plex token": plex.plex_token,
    "libraries": plex.libraries,
    "last run": lately.last_run,
    "run time": lately.hanging,
    "missed runs": lately.missed,
    "messages": lately.messages,
    "failed units": lately.failed_units,
    "timers": lately.timers,
    "last backup": lately.backup,
    "restore drill": lately.proof,
    "disk": lately.disk,
    "image": lately.image,
    "repository": lately.branch,
    "clock": lately.clock,
    "selinux": lately.selinux,
}


def diagnose(host: Host) -> list[Check]:
    """Given what was read of a host, return all checks, in the order in which one thing rests on the other."""
    return [_check(name, function, host) for name, function in CHECKS.items()]


def _check(name: str, function: Callable[[Host], Answer], host: Host) -> Check:
    answer = function(host)
    return answer if isinstance(answer, Check) else Check(name, *answer)


def table(name: str, checks: Iterable[Check]) -> str:
    """Return the checks of a host as text: a line each, and for what is wrong its cause and what mends it."""
    listed = list(checks)
    numbers = {state: sum(check.state is state for check in listed) for state in State}
    lines = [f"{name}: {', '.join(_count(number, state) for state, number in numbers.items() if number)}"]
    for check in listed:
        label = check.state.value.upper() if check.state is State.PROBLEM else check.state.value
        lines.append(f"  {label:<12} {check.name:<16} {check.found}")
        lines += [f"{'':<32}{word} {text}" for word, text in (("why:  ", check.cause), ("to do:", check.mend)) if text]
    return "\n".join(lines)


def _count(number: int, state: State) -> str:
    is_noun = state in (State.WARNING, State.PROBLEM)
    return kometa_log.counted(number, state.value) if is_noun else f"{number} {state.value}"


def as_json(name: str, checks: Iterable[Check]) -> str:
    """Return the checks of a host as one line of JSON."""
    return json.dumps({"host": name, "checks": [check.to_json() for check in checks]}, ensure_ascii=False)
