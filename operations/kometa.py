"""Kometa's service."""

from pyinfra import host

from kometa_host import filesets, networks, secrets, service
from kometa_host.service import Pending, Step
from kometa_host.wanted import inputs_of, network_quadlet, quadlets, secret_values
from operations.base import Commands, account_change, confirm, host_operation, look_again, observe, settings

PATIENCE = 120  # seconds for Kometa to be alive; the first start takes over the whole config tree


@host_operation
def running() -> Commands:
    """Make sure that the service runs with the wanted unit, image and environment, and that Kometa is alive in it.

    A run in progress is not killed: the restart is postponed to the next deploy, unless kometa_restart is "now".
    If Kometa is not healthy afterwards, the unit and image that last were healthy are put back and the deploy fails.

        kometa.running(name="Service kometa")
    """
    known, found = settings(), observe()
    wanted = quadlets(known)
    pending = Pending(
        quadlets=filesets.changes(wanted, found.files(wanted.name)),
        network=networks.fault(found.network) is not None,
        secrets=bool(secrets.changes(secret_values(known), found.secrets)),
    )
    decision = service.decide(known, found, inputs_of(wanted.files[service.QUADLET].text()), pending)
    if decision.step is Step.NOTHING:
        host.noop(decision.why)
        return
    if decision.step is Step.POSTPONE:
        host.log(f"restart postponed: {decision.why}. Deploy again later, or with --data kometa_restart=now.")
        return
    yield account_change(
        f"{decision.step.value}ing kometa.service ({decision.why})",
        "service",
        "switch_service",
        image=known.kometa_image,
        quadlet_dir=known.quadlet_dir,
        network_quadlet=network_quadlet(known),
        patience=PATIENCE,
    )
    after = look_again()
    container = after.containers.get(service.CONTAINER)
    confirm(container is not None and container.state == "running", "kometa.service does not run after it was started.")
