"""Backups of Kometa's config tree: made by the host itself, checked from here."""

from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyinfra import host

from kometa_host.archive import names
from kometa_host.errors import UserError
from kometa_host.plans import backup as backup_plan
from kometa_host.state import backup_files, programs
from kometa_host.state.programs import Actor
from operations.engine import archive_stream
from operations.engine.archive_stream import Place
from operations.engine.operation import (
    Change,
    Commands,
    confirm,
    host_operation,
    left_to_root,
    look_again,
    observe,
    settings,
)
from operations.engine.session import HostEndedError, Session

if TYPE_CHECKING:
    from kometa_host.archive.chain import Report


@host_operation
def directory() -> Commands:
    """Make sure that the backup directory is there, for the account alone; one that is there is taken as it is.

    Without recipients backups are not enabled, and this says so.

        backup.directory(name="Backup directory")
    """
    known = settings()
    step = backup_plan.directory_step(known, observe().text("backup-directory"))
    if step.step == "refuse":
        raise UserError(step.why)
    if step.step == "leave":
        host.noop(step.why)
        if not step.ready:
            host.log(step.why)
        return
    if step.needs_root and left_to_root(observe(), f"making {known.kometa_backup_dir}"):
        return
    script = programs.program("root", "backup_directory", user=known.mms_user, backup_dir=known.kometa_backup_dir)
    yield Change(f"making {known.kometa_backup_dir}", script, Actor.BEST)
    left = backup_plan.directory_step(known, look_again().text("backup-directory"))
    confirm(left.ready, f"the backup directory is still not as it has to be: {left.why}")


@host_operation
def create() -> Commands:
    """Make a backup now: start the unit that the timer starts, follow it to its end, and fail if it fails.

    pyinfra inventory.py operations.backup.create
    """
    known = settings()
    if not known.backups_enabled:
        raise UserError(backup_plan.NOT_ENABLED)
    script = programs.program(
        "common",
        "follow_unit",
        "backup_create",
        unit=backup_files.SERVICE,
        identifier=backup_files.SCRIPT,
        backup_dir=known.kometa_backup_dir,
    )
    # Without the lock: the unit itself takes it.
    yield Change("the backup", script, Actor.ACCOUNT, locked=False)


@host_operation
def verify(backup: object = backup_plan.LATEST, identity: object = None) -> Commands:
    """Read an archive to its end, decrypt and check all of it on this machine; nothing changes anywhere.

    + backup: latest, a file name in the backup directory, a path on the host, or local:PATH for one on this machine
    + identity: path of the identity file on this machine; it never travels to the host

        pyinfra inventory.py operations.backup.verify identity=age-identity.txt
    """
    if host.state.is_executing:
        place = archive_stream.locate(backup)
        report = archive_stream.stream(place, archive_stream.identities(identity), len, task="checking")
        for line in backup_plan.report_lines(place.name, report, datetime.now(UTC)):
            host.log(line)
        _insist_on_config(place, report)
    host.noop("verifying changes nothing")
    yield from ()


@host_operation
def drill(backup: object = backup_plan.LATEST, identity: object = None) -> Commands:
    """Restore an archive into a scratch directory of the host, compare that with the live tree, and remove it.

    + backup, identity: as for verify

    What changed since the backup is counted; what did not change and yet differs fails the drill.

        pyinfra inventory.py operations.backup.drill identity=age-identity.txt
    """
    if host.state.is_executing:
        _drill(archive_stream.locate(backup), identity)
    host.noop("a drill leaves nothing behind")
    yield from ()


def _drill(place: Place, identity: object) -> None:
    known = settings()
    archive = names.parse(place.name)
    begun = int(archive.time.timestamp()) if archive else 0
    script = programs.program("common", "backup_drill", config_dir=known.kometa_config_dir, begun=begun)
    keys = archive_stream.identities(identity)
    said: list[str] = []
    report = None
    with closing(Session(host, known.mms_user, script, said.append)) as session:
        with suppress(HostEndedError):  # its exit status says more
            report = archive_stream.stream(place, keys, session.write, task="restoring")
        session.end_input()
        status, told = session.finish()
    if status or not told or report is None:
        raise UserError("\n".join(said) or f"the drill failed on the host (status {status}).")
    _insist_on_config(place, report)
    for line in backup_plan.drill_lines(place.name, told[0], "\n".join(said)):
        host.log(line)


def _insist_on_config(place: Place, report: "Report") -> None:
    if not report.contents.has_config_yml:
        raise UserError(f"{place.name} is whole, but there is no config.yml in it: no restore would take it.")
