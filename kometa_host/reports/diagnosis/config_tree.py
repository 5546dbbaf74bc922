"""The config tree, and the container that has it."""

import shlex

from kometa_host.config_tree import yaml12
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.errors import UserError
from kometa_host.plans import places, service
from kometa_host.plans.ownership import administrators_command
from kometa_host.plans.service import QUADLET, Pending, Step
from kometa_host.reports.diagnosis.check import DEPLOY, LOG, RESTART, Answer, Host, last_error, ok, problem, unknown
from kometa_host.state.desired import inputs_of, quadlets
from kometa_host.state.filesets import Changes


def config(host: Host) -> Answer:
    path = f"{host.settings.kometa_config_dir}/config.yml"
    halted = "halting init" in host.log
    if not host.text("has-config"):
        why = "the container is up but has halted: " if halted else ""
        return problem(f"{path} is missing", f"{why}without it Kometa does not start, and nothing says so", DEPLOY)
    if halted and not host.look.found.text("kometa-alive"):
        return problem("the container has halted", "config.yml was missing when it started", RESTART)
    try:
        yaml12.load(host.text("config-text"), CONFIG)
    except UserError as error:
        return problem("config.yml is no valid YAML", str(error), f"mend it in the project, then: {DEPLOY}")
    return ok(path)


def file_system(host: Host) -> Answer:
    """Judge where the config tree lies."""
    kind = places.network_file_system(host.look.found)
    if not kind:
        return ok("the host's own")
    return problem(
        f"{host.settings.kometa_config_dir} is on {kind}", places.ON_THE_NETWORK, f"{places.ON_A_DISK}, then: {DEPLOY}"
    )


def owners(host: Host) -> Answer:
    known, found = host.settings, host.look.found.foreign_owned
    owner = f"{known.kometa_puid}:{known.kometa_pgid}"
    if not found.count:
        return ok(f"all of {owner}")
    path = shlex.quote(known.kometa_config_dir)
    if found.out_of_reach:
        return problem(
            f"{found.out_of_reach} entries are nobody's for {known.mms_user}: {', '.join(found.first)}",
            "a copy or an edit as root, or as another user",
            f"{administrators_command(known.kometa_config_dir, known.mms_user)}   (as root), then: {DEPLOY}",
        )
    return problem(
        f"{found.count} entries belong to others: {', '.join(found.first)}{' ...' if found.count > 5 else ''}",
        "a manual run with other user mappings, such as --userns=keep-id, or a copy as another user",
        f"podman unshare chown -R {owner} {path}   (as the account), or: pyinfra inventory.py "
        f"operations.podman.unshare_chown path={path} uid={known.kometa_puid} gid={known.kometa_pgid}",
    )


def alive(host: Host) -> Answer:
    if not host.runs_now:
        return unknown("its container does not run")
    if host.look.found.text("kometa-alive"):
        return ok("Kometa lives in its container")
    return problem("no process of Kometa in its container", last_error(host), f"podman logs --tail 50 kometa   ({LOG})")


def container_age(host: Host) -> Answer:
    wanted = quadlets(host.settings)
    inputs = inputs_of(wanted.files[QUADLET].text())
    decision = service.decide(host.settings, host.look.found, inputs, Pending(Changes(), False, False))
    if decision.step in (Step.RESTART, Step.POSTPONE) and "alive" not in decision.why and "frozen" not in decision.why:
        return problem(
            f"the container is out of date: {decision.why}",
            "it goes on with what it was started with until it is started again",
            f"{DEPLOY}   (it waits for a run in progress)",
        )
    return ok("as new as its unit, image and secrets") if host.runs_now else unknown("no container runs")
