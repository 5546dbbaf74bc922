"""The files and units that a host gets for its backups. Pure.

The backup itself is programs/installed/backup.sh, which the host runs alone.
"""

from collections.abc import Mapping

from kometa_host.settings.variables import CLASSES, Settings
from kometa_host.state import programs
from kometa_host.state.filesets import WantedFile

SERVICE = "kometa-backup.service"
TIMER = "kometa-backup.timer"
SCRIPT = "kometa-backup"
RECIPIENTS = "backup-recipients.txt"
NOTIFY_URL = "notify-url"

LOCK_WAIT = 1800  # seconds for which a backup waits for a deploy, a restore or a run before it gives up
ATTEMPTS = 3  # as in backup.sh
SLACK = 3600  # seconds for bringing the archive to the disk and for retention, on a slow share too


def longest(settings: Settings) -> int:
    """Return after how many seconds a backup is hung and may be ended: more than all of its waits together."""
    return LOCK_WAIT + ATTEMPTS * (settings.kometa_backup_max_pause + 60) + SLACK


def script(settings: Settings) -> str:
    """Return the text of the host's backup program. It holds no secret."""
    return programs.installed(
        "backup",
        config_dir=settings.kometa_config_dir,
        backup_dir=settings.kometa_backup_dir,
        backup_mount=settings.kometa_backup_mount,
        max_pause=settings.kometa_backup_max_pause,
        lock_wait=LOCK_WAIT,
        library_dir=settings.library_dir,
        keep=[f"{name}={settings.kometa_backup_keep.get(name, 0)}" for name in CLASSES],
    )


def library_files(settings: Settings) -> Mapping[str, WantedFile]:
    """Return what backups need in the library directory, nothing where they are not enabled."""
    if not settings.backups_enabled:
        return {}
    recipients = "".join(f"{recipient}\n" for recipient in settings.kometa_backup_recipients)
    return {
        SCRIPT: WantedFile.of(script(settings), 0o700),
        RECIPIENTS: WantedFile.of(recipients, 0o600),
        "retention.awk": WantedFile.of(programs.path_of("retention.awk").read_bytes(), 0o600),
    }


def units(settings: Settings) -> tuple[str, ...]:
    """Return the names of the units for backups, none where they are not enabled."""
    return (SERVICE, TIMER) if settings.backups_enabled else ()
