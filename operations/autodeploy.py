"""Image updates that the host makes by itself, started from here."""

from pyinfra import host

from kometa_host.errors import UserError
from kometa_host.plans import autodeploy as autodeploy_plan
from kometa_host.state import autodeploy_files, programs
from kometa_host.state.programs import Actor
from operations.engine.operation import Change, Commands, host_operation, observe, settings


@host_operation
def run(retry: object = False) -> Commands:
    """Update the images of the group now: start the unit that the timer starts, follow it to its end, fail if it fails.

    + retry: try images and commits again that were not healthy before, and take a branch that was rewritten

        pyinfra inventory.py operations.autodeploy.run
    """
    if not isinstance(retry, bool):
        raise UserError(f"retry={retry} is neither true nor false")
    known = settings()
    service = autodeploy_plan.service_of(known, observe())
    unit = observe().units.get(service)
    if unit is None or unit.load != "loaded":
        raise UserError(f"{service} is not on {host.name}. Deploy first.")
    # Without the lock, which would be kept until the end: the unit itself takes it.
    if retry:
        forget = programs.program("forget_bad")
        yield Change("forgetting what was not healthy", forget, Actor.ACCOUNT, locked=False)
    script = programs.program("autodeploy_run", job_unit=service, identifier=autodeploy_files.SCRIPT)
    yield Change("the update", script, Actor.ACCOUNT, locked=False)
