"""Kometa's Quadlets: the files from which the account's user manager makes its units."""

from pyinfra import host

from kometa_host.plans import takeover
from kometa_host.state import filesets
from kometa_host.state.desired import units_of_quadlets
from kometa_host.state.filesets import FileSet
from kometa_host.state.observed import Observed
from operations.engine.files import files_change, finished, show_diff
from operations.engine.operation import Commands, confirm, host_operation, look_again, observe, settings


@host_operation
def present(quadlets: FileSet) -> Commands:
    """Make sure that the Quadlets are there and known to the user manager; those that we wrote and no longer want go.

    + quadlets: the set of files

    The host's own generator checks the new set, together with the Quadlets of others, before anything is replaced.

        quadlet.present(name="Quadlets", quadlets=wanted.quadlets(settings))
    """
    yield from finished(quadlets, then="reload_units")
    found = observe()
    quadlets = takeover.own_quadlets(quadlets, settings(), found)
    changes = filesets.changes(quadlets, found.files(quadlets.name))
    if not changes and not _unknown_units(found):
        host.noop("Quadlets are as wanted")
        return
    show_diff(quadlets, changes)
    yield files_change(quadlets, changes, "quadlets", check="check_quadlets", then="reload_units")
    found = look_again()
    left = filesets.changes(quadlets, found.files(quadlets.name))
    confirm(not left, f"the Quadlets are still not as wanted: {', '.join(left.files)}.")
    confirm(not _unknown_units(found), f"systemd does not know {', '.join(_unknown_units(found))} after a reload.")


def _unknown_units(found: Observed) -> list[str]:
    # Decided by what systemd has loaded: a reload that was cut off is made up for. One that does not run will load all.
    if not found.text("bus"):
        return []
    names = units_of_quadlets(settings())
    units = found.units
    return [name for name in names if name not in units or units[name].load != "loaded" or units[name].needs_reload]
