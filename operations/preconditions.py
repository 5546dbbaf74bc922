"""What has to be true of a host before a deploy changes anything on it."""

from pyinfra import host

from kometa_host.plans import preconditions
from operations.engine.operation import Commands, host_operation, observe, settings


@host_operation
def met() -> Commands:
    """Refuse a host that cannot be deployed to, with all reasons at once; never changes anything.

    preconditions.met(name="Host can be deployed to")
    """
    preconditions.refuse_unmet(settings(), observe())
    host.noop("nothing stands in the way")
    yield from ()
