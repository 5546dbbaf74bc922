"""config.yml as Kometa reads it: completed with defaults, secrets put in, checked as far as no internet is needed."""

# mypy: disable-error-code="import-not-found, import-untyped, no-any-return"

import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ruamel.yaml

from modules import plex
from modules.logs import Log
from modules.util import Failed

DEFAULTS: dict[str, dict[str, Any]] = {
    "settings": {
        "run_order": ["operations", "metadata", "collections", "overlays"], "cache": True, "cache_expiration": 60,
        "asset_directory": None, "asset_folders": True, "asset_depth": 0, "create_asset_folders": False,
        "prioritize_assets": False, "dimensional_asset_rename": False, "download_url_assets": False,
        "show_missing_season_assets": False, "show_missing_episode_assets": False, "show_asset_not_needed": True,
        "sync_mode": "append", "minimum_items": 1, "default_collection_order": None, "delete_below_minimum": True,
        "delete_not_scheduled": False, "run_again_delay": 0, "missing_only_released": False,
        "only_filter_missing": False, "show_unmanaged": True, "show_unconfigured": True, "show_filtered": False,
        "show_options": True, "show_missing": True, "show_missing_assets": True, "save_report": False,
        "tvdb_language": None, "ignore_ids": None, "ignore_imdb_ids": None, "item_refresh_delay": 0,
        "playlist_sync_to_users": None, "playlist_exclude_users": None, "playlist_report": True, "verify_ssl": True,
        "custom_repo": None, "overlay_artwork_filetype": "webp_lossy", "overlay_artwork_quality": 90,
    },
    "plex": {"timeout": 60, "verify_ssl": True, "clean_bundles": False, "empty_trash": False, "optimize": False},
    "tmdb": {"language": "en", "cache_expiration": 60, "region": None},
}  # fmt: skip
TABS = "YAML Error: Tabs are not allowed in YAML files; only spaces are allowed."


def read(path: Path) -> dict[str, Any]:
    """Return the mapping in the file, {} when it has none; raise Failed for what is no YAML."""
    try:
        data = ruamel.yaml.YAML().load(Path(path).read_text())
    except ruamel.yaml.error.YAMLError as error:
        text = str(error)
        raise Failed(TABS if "found character '\\t'" in text else f"YAML Error: {text}") from None
    return data if isinstance(data, dict) else {}


def add_defaults(data: dict[str, Any], path: Path) -> None:
    """Add the known keys that are missing and rewrite the file in place: comments stay, quotes go."""
    changed = False
    for section, defaults in DEFAULTS.items():
        if not isinstance(data.get(section), dict):
            data[section] = {}
        for key, value in defaults.items():
            if key not in data[section]:
                data[section][key] = value
                changed = True
    if changed:
        writer = ruamel.yaml.YAML()
        writer.width = 100000
        with Path(path).open("r+") as file:
            file.truncate()
            writer.dump(data, file)


def with_secrets(value: Any, secrets: dict[str, str]) -> Any:
    """Return `value` with every placeholder replaced: by its secret, or by nothing when there is none of that name."""
    if isinstance(value, dict):
        return {key: with_secrets(entry, secrets) for key, entry in value.items()}
    if isinstance(value, list):
        return [with_secrets(entry, secrets) for entry in value]
    if not isinstance(value, str) or "<<" not in value:
        return value
    for name, secret in secrets.items():
        value = value.replace(f"<<{name}>>", secret).replace(f"<<{name.upper().replace('-', '_')}>>", secret)
    return re.sub(r"<<.+?>>", "", value) or None


class Config:
    """One run's view of config.yml."""

    def __init__(self, path: Path, log: Log, secrets: dict[str, str], read_only: bool) -> None:
        """Read, complete and rewrite the file; open the cache; check TMDb's key. Raise Failed as Kometa does."""
        self.path = Path(path)
        self.log = log
        log.info(f"Using {self.path} as config")
        data = read(path)
        if not read_only:
            add_defaults(data, path)
        self.data = with_secrets(data, secrets)
        self.cache = self.open_cache()
        self.check_tmdb()

    def section(self, name: str) -> dict[str, Any]:
        """Return the section `name`, {} when it is missing or empty."""
        value = self.data.get(name)
        return value if isinstance(value, dict) else {}

    def open_cache(self) -> sqlite3.Connection | None:
        """Open config.cache beside the file, unless it is switched off."""
        if self.section("settings").get("cache") is False:
            return None
        path = self.path.with_suffix(".cache")
        self.log.info(f"Initializing cache database at {path}")
        cache = sqlite3.connect(path, timeout=30)
        columns = "key INTEGER PRIMARY KEY, plex_guid TEXT, expiration_date TEXT"
        cache.execute(f"CREATE TABLE IF NOT EXISTS guids ({columns})")
        cache.execute("CREATE TABLE IF NOT EXISTS filler (data BLOB)")
        if not cache.execute("SELECT count(*) FROM filler").fetchone()[0]:
            cache.execute("INSERT INTO filler VALUES (zeroblob(204000))")  # about the size of the real one
        cache.commit()
        return cache

    def remember(self, step: int) -> None:
        """Write a little to the cache, as work on an item does."""
        if self.cache is not None:
            row = (f"plex://movie/{step}",)
            self.cache.execute("INSERT INTO guids (plex_guid, expiration_date) VALUES (?, date('now'))", row)
            self.cache.commit()

    def check_tmdb(self) -> None:
        """Raise Failed without a key. Nobody is asked whether it is a good one."""
        section = self.section("tmdb")
        if "apikey" not in section:
            raise Failed("Config Error: tmdb sub-attribute apikey not found")
        if not section["apikey"]:
            raise Failed("Config Error: tmdb sub-attribute apikey is blank")
        if section["apikey"] == "standin-unauthorized":
            raise Failed("TMDb Error: Invalid API key: You must be granted a valid key.")
        self.log.info("Connecting to TMDb...\nTMDb Connection Successful")

    def libraries(self) -> dict[str, dict[str, Any]]:
        """Return the libraries that Plex really has, with their settings; log what is wrong with the others."""
        found = {}
        for name, settings in self.section("libraries").items():
            try:
                self.connect(name, settings or {})
                found[name] = settings or {}
            except Failed as error:
                self.log.error(error)  # noqa: TRY400  (our own log)
                self.log.info(f"{name} Library Connection Failed")
        if not found:
            raise Failed("Config Error: No libraries were found in config")
        return found

    def connect(self, name: str, settings: dict[str, Any]) -> None:
        """Find the library `name` at its Plex server."""
        section = {**self.section("plex"), **(settings.get("plex") or {})}
        url, token = (self.plex_value(section, key) for key in ("url", "token"))
        self.log.separator(f"{name} Configuration")
        self.log.info(f"Connecting to {name} Library...")
        titles = plex.libraries(url, token, self.log, float(section.get("timeout") or 60))
        title = settings.get("library_name") or name
        if title not in titles:
            raise Failed(f"Plex Error: Plex Library '{title}' not found. Options: {titles}")
        self.log.info(f"{name} Library Connection Successful")

    def plex_value(self, section: dict[str, Any], key: str) -> str:
        """Return url or token of a Plex section; ENV stands for the variable of that name."""
        value = section.get(key)
        if isinstance(value, str) and value.upper() == "ENV":
            value = os.environ.get(f"KOMETA_PLEX_{key.upper()}")
        if not value:
            raise Failed(
                f"Config Error: {key} attribute must be set under plex globally or under this specific Library"
            )
        return str(value)

    def linked_files(self, settings: dict[str, Any]) -> Iterator[Path]:
        """Yield the paths of a library's collection files, as Kometa resolves them."""
        for entry in settings.get("collection_files") or []:
            name = entry.get("file") if isinstance(entry, dict) else entry
            if name:
                places = [Path(name).absolute(), self.path.parent / name]
                yield next((path for path in places if path.exists()), Path(name))
