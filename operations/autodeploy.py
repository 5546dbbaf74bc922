"""Image updates that the host makes by itself, started from here."""

from pyinfra import host

from kometa_host import autodeploy, shell
from kometa_host.errors import UserError
from kometa_host.shell import Actor
from operations.base import Change, Commands, account_change, host_operation, observe, settings


@host_operation
def run(retry: object = False) -> Commands:
    """Update the images of the group now: start the unit that the timer starts, follow it to its end, fail if it fails.

    + retry: try images again that were not healthy before

        pyinfra inventory.py operations.autodeploy.run
    """
    if not isinstance(retry, bool):
        raise UserError(f"retry={retry} is neither true nor false")
    known = settings()
    service = autodeploy.service_of(known, observe())
    unit = observe().units.get(service)
    if unit is None or unit.load != "loaded":
        raise UserError(f"{service} is not on {host.name}. Deploy first.")
    if retry:
        yield account_change("forgetting which images were not healthy", "forget_bad_images")
    script = shell.program("lib", "follow_unit", unit=service, identifier=autodeploy.SCRIPT)
    # Without the lock: the unit itself takes it.
    yield Change("the update", script, Actor.ACCOUNT, locked=False)
