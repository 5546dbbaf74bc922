"""The files and units that a host gets for watching its runs and telling what happens. Pure.

The watcher itself is the package kometa_host.watcher, which the host runs alone, with the modules that it imports.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from kometa_host.settings.variables import Settings
from kometa_host.state import autodeploy_files, backup_files, programs, watch_config
from kometa_host.state.filesets import WantedFile
from kometa_host.state.watch_config import WatchConfig

SCRIPT = "kometa-watch"
SERVICE, TIMER = UNITS = ("kometa-watch.service", "kometa-watch.timer")
FOLDER = "watcher"  # in the library directory: the program in Python, and its modules
PACKAGES = Path(__file__).resolve().parents[2]
MODULES = (
    "kometa_host/__init__.py",
    "kometa_host/archive/__init__.py",
    "kometa_host/archive/names.py",
    "kometa_host/config_tree/__init__.py",
    "kometa_host/config_tree/secret_patterns.py",
    "kometa_host/state/__init__.py",
    "kometa_host/state/kometa_errors.py",
    "kometa_host/state/kometa_log.py",
    "kometa_host/state/run_history.py",
    "kometa_host/state/watch_config.py",
)
PROGRAM = "kometa_watch.py"
LATE = 10  # minutes that a run may begin late, beside the time for which a backup may freeze the container


@cache
def modules() -> Mapping[str, WantedFile]:
    """Return the watcher's modules, by their names below its folder."""
    watcher = sorted(path.relative_to(PACKAGES) for path in (PACKAGES / "kometa_host/watcher").glob("*.py"))
    names = [*MODULES, *map(str, watcher)]
    return {name: WantedFile.of((PACKAGES / name).read_bytes(), 0o600) for name in names}


def directories() -> Mapping[str, int]:
    """Return the directories that the modules need below the library directory."""
    parents = {parent for name in modules() for parent in Path(FOLDER, name).parents if parent.name}
    return {str(parent): 0o700 for parent in sorted(parents)}


def config_of(settings: Settings) -> WatchConfig:
    """Return what the watcher goes by; there is no secret in it."""
    updates = autodeploy_files.unit_templates(settings)
    update_units = [*updates, *autodeploy_files.fallback_unit_names(settings).values()]
    backups = {backup_files.SERVICE: watch_config.BACKUP} if settings.backups_enabled else {}
    return WatchConfig(
        library_dir=settings.library_dir,
        state_dir=settings.state_dir,
        config_dir=settings.kometa_config_dir,
        timezone=settings.mms_timezone,
        times=settings.kometa_times,
        run_limit=settings.kometa_run_limit,
        grace=LATE + -(-settings.kometa_backup_max_pause // 60),
        services=tuple(address.partition("://")[0].lower() for address in _addresses(settings)),
        notify_on=settings.kometa_notify_on,
        units={**backups, **{name: watch_config.UPDATE for name in update_units if name.endswith(".service")}},
        backup_dir=settings.kometa_backup_dir if settings.archives_enabled else "",
        metrics_dir=settings.kometa_metrics_dir or "",
    )


def script(settings: Settings) -> str:
    """Return the text of the program that the timer starts."""
    return programs.installed(
        "watch",
        library_dir=settings.library_dir,
        config_dir=settings.kometa_config_dir,
        units=list(config_of(settings).units),
    )


def _addresses(settings: Settings) -> list[str]:
    return [address.get_secret_value() for address in settings.kometa_notify]


def library_files(settings: Settings) -> Mapping[str, WantedFile]:
    """Return what watching and telling need in the library directory."""
    files = {
        SCRIPT: WantedFile.of(script(settings), 0o700),
        f"{FOLDER}/{PROGRAM}": WantedFile.of(programs.path_of(PROGRAM).read_bytes(), 0o600),
        watch_config.FILE: WantedFile.of(config_of(settings).to_json(), 0o600),
        **{f"{FOLDER}/{name}": file for name, file in modules().items()},
    }
    if settings.kometa_notify:
        # Addresses are passwords: a private file, which apprise reads itself.
        files[watch_config.ADDRESSES] = WantedFile.of(watch_config.addresses_text(_addresses(settings)), 0o600)
    return files
