"""The account's own scripts, services and timers."""

from pyinfra import host

from kometa_host.plans import takeover
from kometa_host.state import filesets
from kometa_host.state.filesets import FileSet
from kometa_host.state.observed import Observed
from operations.engine.files import files_change, finished, show_diff
from operations.engine.operation import Commands, confirm, host_operation, look_again, observe, settings


@host_operation
def library(library: FileSet) -> Commands:
    """Make sure that the host's own scripts, and what they read, are there; those no longer wanted go.

    + library: the set of files

    Recipients of backups are tried with the host's age before anything is replaced.

        units.library(name="Host scripts", library=wanted.library(settings))
    """
    yield from finished(library)
    changes = _changes(library, observe())
    if not changes:
        host.noop("the host's scripts are as wanted")
        return
    show_diff(library, changes)
    yield files_change(library, changes, "recipients", check="check_recipients")
    _confirm_files(library, look_again())


@host_operation
def present(units: FileSet) -> Commands:
    """Make sure that the units are there and known to the user manager and that each timer waits, now and at boot.

    + units: the set of files; a timer that is disabled, stopped or without a next time counts as changed

    Units that we wrote and no longer want are stopped and disabled before their files go; those of others stay.

        units.present(name="Timers", units=wanted.units(settings))
    """
    # Stopped, they are not ready, and start below as timers with a new calendar have to.
    yield from finished(units, "units", then="stop_timers", timers=_timers(units))
    found = observe()
    units = takeover.own_units(units, settings(), found)
    changes = _changes(units, found)
    asleep = _not_ready(units, found)
    if not changes and not asleep:
        host.noop("timers run" if units.files else "no timers are wanted")
        return
    show_diff(units, changes)
    yield files_change(
        units,
        changes,
        "units",
        call="put_units",
        then="activate_timers",
        retired=[name for name in changes.remove if name.endswith((".timer", ".service"))],
        timers=_timers(units),
        renewed=[name for name in _timers(units) if name in changes.files or name in asleep],
    )
    found = look_again()
    _confirm_files(units, found)
    asleep = _not_ready(units, found)
    confirm(not asleep, f"these units do not run as wanted: {', '.join(asleep)}. See: systemctl --user status")


def _changes(wanted: FileSet, found: Observed) -> filesets.Changes:
    there = found.files(wanted.name)
    if not wanted.files and there.digest is None:
        return filesets.Changes()  # nothing was ever written, and nothing is wanted
    return filesets.changes(wanted, there)


def _confirm_files(wanted: FileSet, found: Observed) -> None:
    left = _changes(wanted, found)
    confirm(not left, f"{wanted.root} is still not as wanted: {', '.join(left.files)}.")


def _timers(units: FileSet) -> list[str]:
    return sorted(name for name in units.files if name.endswith(".timer"))


def _not_ready(units: FileSet, found: Observed) -> list[str]:
    return [name for name in sorted(units.files) if not _is_ready(name, found)]


def _is_ready(name: str, found: Observed) -> bool:
    unit = found.units.get(name)
    if unit is None or unit.load != "loaded" or unit.needs_reload:
        return False
    # An active timer that has elapsed for good waits for nothing.
    waits = unit.active == "active" and unit.sub in ("waiting", "running")
    return not name.endswith(".timer") or (unit.enabled == "enabled" and waits)
