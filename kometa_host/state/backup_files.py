"""The files and units that a host gets for its backups. Pure.

The backup itself is programs/installed/backup.sh, which the host runs alone.
"""

import hashlib
from collections.abc import Mapping
from shlex import quote

from kometa_host.settings import paths, restic
from kometa_host.settings.variables import CLASSES, Settings
from kometa_host.state import programs
from kometa_host.state.filesets import WantedFile

SERVICE = "kometa-backup.service"
TIMER = "kometa-backup.timer"
SCRIPT = "kometa-backup"
RECIPIENTS = "backup-recipients.txt"
REPOSITORY = "repository.env"
NOTIFY_URL = "notify-url"
HELPERS = ("retention.awk", "ask_podman.py")  # what the script has other interpreters do

LOCK_WAIT = 1800  # seconds for which a backup waits for a deploy, a restore or a run before it gives up
ATTEMPTS = 3  # as in backup.sh
UNFROZEN = 48 * 3600  # for what a repository takes while Kometa runs: the first upload of a large tree, check and prune
SLACK = 3600  # seconds for bringing the archive to the disk and for retention, on a slow share too


def longest(settings: Settings) -> int:
    """Return after how many seconds a backup is hung and may be ended: more than all of its waits together."""
    parts = [settings.archives_enabled, bool(settings.kometa_backup_repository)].count(True)
    unhurried = UNFROZEN if settings.kometa_backup_repository else 0
    return LOCK_WAIT + parts * ATTEMPTS * (settings.kometa_backup_max_pause + 60) + SLACK + unhurried


def script(settings: Settings) -> str:
    """Return the text of the host's backup program. It holds no secret."""
    return programs.installed(
        "backup",
        archives=settings.archives_enabled,
        repository=bool(settings.kometa_backup_repository),
        repository_mount=_repository_mount(settings),
        host_name=settings.kometa_autodeploy_host,
        excludes=settings.kometa_backup_exclude,
        exclude_expressions=[restic.exclude_expression(pattern) for pattern in settings.kometa_backup_exclude],
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
    files = {
        SCRIPT: WantedFile.of(script(settings), 0o700),
        **{name: WantedFile.of(programs.path_of(name).read_bytes(), 0o600) for name in HELPERS},
    }
    if settings.archives_enabled:
        recipients = "".join(f"{recipient}\n" for recipient in settings.kometa_backup_recipients)
        files[RECIPIENTS] = WantedFile.of(recipients, 0o600)
    if settings.kometa_backup_repository:
        files[REPOSITORY] = WantedFile.of(repository_environment(settings), 0o600)
    return files


def repository_environment(settings: Settings) -> str:
    """Return the text from which the host's programs take what restic has to know. It holds secrets."""
    secrets = {name: value.get_secret_value() for name, value in settings.kometa_repository_secrets.items()}
    variables = {"RESTIC_REPOSITORY": settings.kometa_backup_repository or "", **dict(sorted(secrets.items()))}
    return "".join(f"{name}={quote(value)}\n" for name, value in variables.items())


def repository_fingerprint(settings: Settings) -> str:
    """Return what the host notes once the repository is ready for these settings; it tells nothing of the secrets."""
    text = f"{settings.kometa_autodeploy_host}\n{repository_environment(settings)}"
    return hashlib.sha256(text.encode()).hexdigest()


def _repository_mount(settings: Settings) -> str:
    """Return the mount point that the repository needs, empty if it is elsewhere."""
    repository, mount = settings.kometa_backup_repository or "", settings.kometa_backup_mount or ""
    return mount if repository.startswith("/") and mount and paths.contains(mount, repository) else ""


def units(settings: Settings) -> tuple[str, ...]:
    """Return the names of the units for backups, none where they are not enabled."""
    return (SERVICE, TIMER) if settings.backups_enabled else ()
