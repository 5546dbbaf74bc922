"""Backups of Kometa's config tree: made by the host itself, checked from here."""

from pyinfra import host

from kometa_host import backups, shell
from kometa_host.errors import UserError
from kometa_host.shell import Actor
from operations.base import Change, Commands, confirm, host_operation, look_again, observe, settings


@host_operation
def directory() -> Commands:
    """Make sure that the backup directory is there, for the account alone; one that is there is taken as it is.

    Without recipients backups are not enabled, and this says so.

        backup.directory(name="Backup directory")
    """
    known = settings()
    step = backups.directory_step(known, observe().text("backup-directory"))
    if step.step == "refuse":
        raise UserError(step.why)
    if step.step == "leave":
        host.noop(step.why)
        if not known.backups_enabled or "not mounted" in step.why:
            host.log(step.why)
        return
    script = shell.program("backup_directory", user=known.mms_user, backup_dir=known.kometa_backup_dir)
    yield Change(f"making {known.kometa_backup_dir}", script, Actor.BEST)
    left = backups.directory_step(known, look_again().text("backup-directory"))
    confirm(left.step == "leave", f"the backup directory is still not as it has to be: {left.why}")


@host_operation
def create() -> Commands:
    """Make a backup now: start the unit that the timer starts, follow it to its end, and fail if it fails.

    pyinfra inventory.py operations.backup.create
    """
    known = settings()
    if not known.backups_enabled:
        raise UserError(backups.NOT_ENABLED)
    script = shell.program("lib", "backup_create", backup_dir=known.kometa_backup_dir)
    # Without the lock: the unit itself takes it.
    yield Change("the backup", script, Actor.ACCOUNT, locked=False)
