"""Moving in on a host where another stack has run Kometa."""

from pyinfra import host

from kometa_host.plans import takeover
from kometa_host.plans.service import CONTAINER
from kometa_host.state.desired import network_quadlet
from operations.engine.operation import Commands, account_change, host_operation, observe, settings
from operations.engine.run_state import run_state


@host_operation
def previous_stack() -> Commands:
    """Say what is taken over from a previous stack, and note its unit and image as what to go back to.

    What cannot be taken over has been refused before, by preconditions.met. Without a previous stack nothing happens.

        takeover.previous_stack(name="Previous stack")
    """
    known, found = settings(), observe()
    lines = takeover.report(known, found)
    if not lines:
        host.noop("there is none")
        return
    if run_state(host).says_first("takeover"):
        for line in lines:
            host.log(line)
    container = found.containers.get(CONTAINER)
    if container is None or container.state != "running" or not found.text("kometa-alive"):
        host.noop("it does not run, so there is nothing to go back to")
        return
    yield account_change(
        "noting the previous unit and image",
        "rollback",
        call="remember_good",
        quadlet_dir=known.quadlet_dir,
        network_quadlet=network_quadlet(known),
    )
