"""Kometa's service.

What only one of the commands needs is imported there: a deploy has no use for it, and spends its time on imports.
"""

from pyinfra import host

from kometa_host.config_tree.named_files import CONFIG
from kometa_host.errors import UserError
from kometa_host.plans import network as network_plan
from kometa_host.plans import notify as notify_plan
from kometa_host.plans import service
from kometa_host.plans.config_tree import reconcile
from kometa_host.plans.service import Decision, Pending, Step
from kometa_host.secrets import podman as podman_secrets
from kometa_host.state import filesets, programs
from kometa_host.state.desired import config_tree, inputs_of, network_quadlet, quadlets, secret_values
from kometa_host.state.programs import Actor
from operations.engine.operation import (
    Change,
    Commands,
    account_change,
    confirm,
    host_operation,
    look_again,
    observe,
    settings,
)
from operations.engine.plex import tell_what_plex_has_otherwise
from operations.engine.read_only import read_only, show

PATIENCE = 120  # seconds for Kometa to be alive; the first start takes over the whole config tree


def decision() -> Decision:
    """Return what this run does with the service, given what the operations before it are about to change."""
    known, found = settings(), observe()
    wanted = quadlets(known)
    pending = Pending(
        quadlets=filesets.changes(wanted, found.files(wanted.name)),
        network=network_plan.fault(found.network) is not None,
        secrets=bool(podman_secrets.changes(secret_values(known), found.secrets).put),
    )
    return service.decide(known, found, inputs_of(wanted.files[service.QUADLET].text()), pending)


@host_operation
def running() -> Commands:
    """Make sure that the service runs with the wanted unit, image and environment, and that Kometa is alive in it.

    A run in progress is not killed: the restart is postponed to the next deploy, unless kometa_restart is "now".
    If Kometa is not healthy afterwards, the unit and image that last were healthy are put back and the deploy fails.

        kometa.running(name="Service kometa")
    """
    known, due = settings(), decision()
    if due.step is Step.NOTHING:
        host.noop(due.why)
        return
    if due.step is Step.POSTPONE:
        host.log(f"restart postponed: {due.why}. Deploy again later, or with --data kometa_restart=now.")
        return
    yield account_change(
        f"{due.step.value}ing kometa.service ({due.why})",
        "switch_service",
        image=known.kometa_image,
        quadlet_dir=known.quadlet_dir,
        network_quadlet=network_quadlet(known),
        patience=PATIENCE,
        when_idle=due.step is Step.RESTART and known.kometa_restart == "when-idle",
        config_dir=known.kometa_config_dir,
        timezone=known.mms_timezone,
    )
    after = look_again()
    container = after.containers.get(service.CONTAINER)
    confirm(container is not None and container.state == "running", "kometa.service does not run after it was started.")
    if due.step is Step.START:
        tell_what_plex_has_otherwise(config_tree(known).files[CONFIG].text())


@host_operation
def run_once(
    collections: object = None,
    libraries: object = None,
    tests: object = False,
    config: object = None,
    wait: object = False,
    timeout: object = None,
) -> Commands:
    """Run Kometa now, in a container of its own while the service rests, and fail if the run does.

    + collections, libraries: work on these alone; a list, or one text with bars between the names
    + tests: work only on collections that have `test: true`
    + config: folder on this machine with a config tree to try; the live one, its cache and logs are not touched
    + wait: with a run in progress wait for its end, true (6 hours) or a number of seconds; else refuse
    + timeout: seconds after which the container is ended, twelve hours if not given

    What Kometa says is shown live. The service is started again if it ran before, also after a failure or Ctrl-C. A
    dropped connection ends nothing: the run goes on to its end, then the service is started.

        pyinfra inventory.py operations.kometa.run_once
        pyinfra inventory.py operations.kometa.run_once collections='Alien Movies|Predator Movies' wait=true
    """
    from kometa_host.plans.run_once import checked
    from operations import kometa_run

    yield from kometa_run.run_once(checked(collections, libraries, tests, wait, timeout), config)


@host_operation
def trial_message() -> Commands:
    """Make sure that whoever kometa_notify and kometa_notify_url name has been sent a trial message.

    One that does not arrive is said, and fails nothing.

        kometa.trial_message(name="Trial message")
    """
    known = settings()
    if not notify_plan.trial_is_due(known, observe()):
        has_addresses = notify_plan.addresses_digest(known)
        host.noop("a trial message was sent to these addresses" if has_addresses else "nobody is to be told anything")
        return
    yield _trial(is_strict=False)
    confirm(not notify_plan.trial_is_due(known, look_again()), "the trial message was not sent.")


@host_operation
def notify() -> Commands:
    """Send a trial message now to all that kometa_notify and kometa_notify_url name; fail if one does not take it.

    pyinfra inventory.py operations.kometa.notify
    """
    notify_plan.refuse_without_addresses(settings())
    yield _trial(is_strict=True)


def _trial(is_strict: bool) -> Change:
    script = programs.program("trial_message", library_dir=settings().library_dir, is_strict=is_strict)
    return Change("the trial message", script, Actor.ACCOUNT, locked=False)


@host_operation
def validate() -> Commands:
    """Show what Kometa's own validator, in the image of the service, says about the project's config tree.

    Nothing changes: the tree is looked at in a throwaway container without a network. Exit status 1 if it is refused,
    or Kometa cannot be asked.

        pyinfra inventory.py operations.kometa.validate
    """
    from operations.kometa_validator import show_verdict

    def judge() -> None:
        tree = config_tree(settings())
        why_not = show_verdict(reconcile(tree, observe().files(tree.name)).tree)
        if why_not:
            raise UserError(why_not)
        show(f"{host.name}: Kometa accepts the config tree")

    read_only(judge)
    yield from ()


@host_operation
def diagnose(json: object = False) -> Commands:
    """Look for everything that is known to go wrong on a Kometa host; for each problem say why and what mends it.

    + json: print one line of JSON for each host instead of a table

    Changes nothing. The exit status is 1 if there is a problem on any host.

        pyinfra inventory.py operations.kometa.diagnose
    """
    from operations import kometa_diagnosis

    kometa_diagnosis.diagnose(json)
    yield from ()


@host_operation
def logs(since: object = None, runs: object = 0, follow: object = None) -> Commands:
    """Show what Kometa says, live until Ctrl-C.

    + since: begin at a time that journalctl understands: today, '1 hour ago', '2025-11-22 06:00'
    + runs: show the last runs from Kometa's own log files instead, this many of them, and end
    + follow: false shows what there is and ends

        pyinfra inventory.py operations.kometa.logs
        pyinfra inventory.py operations.kometa.logs runs=3
    """
    from operations import kometa_logs

    kometa_logs.logs(since, runs, follow)
    yield from ()
