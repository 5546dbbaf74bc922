"""The wanted state of a Kometa host, as files. Pure: what is in them depends on the settings alone."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kometa_host.config_tree import yaml12
from kometa_host.config_tree.later import Later
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.tree import Tree, scan
from kometa_host.secrets import podman as podman_secrets
from kometa_host.settings.checked import once
from kometa_host.settings.container_shape import SECTIONS
from kometa_host.settings.environment import variable_of
from kometa_host.settings.variables import Settings
from kometa_host.state import autodeploy_files, backup_files, container_shape, watch_files
from kometa_host.state.filesets import FileSet, WantedFile

PROJECT = Path(__file__).resolve().parents[2]
SECRET_SETTINGS = {
    *("kometa_secrets", "kometa_repository_secrets", "kometa_authorization"),
    *("kometa_notify", "kometa_notify_url"),
}
INPUTS_LABEL = "kometa-host.inputs"
# `url: ENV` in config.yml, which Kometa takes from KOMETA_PLEX_URL
PLEX_URL_ENV = re.compile(r"(?im)\burl[\"']?\s*:\s*[\"']?env[\"']?\s*(?:[#,}]|$)")
_trees: dict[str, Tree] = {}


def secret_values(settings: Settings) -> dict[str, str]:
    """Return all secrets of a host, by name, in plain text: for comparing and sending only."""
    return {name: value.get_secret_value() for name, value in settings.kometa_secrets.items()}


def all_secrets(settings: Settings) -> tuple[str, ...]:
    """Return all texts that no output may show."""
    seeds = (value.get_secret_value() for tokens in settings.kometa_authorization.values() for value in tokens.values())
    repository = (value.get_secret_value() for value in settings.kometa_repository_secrets.values())
    pinged = (settings.kometa_notify_url,) if settings.kometa_notify_url else ()
    return (*secret_values(settings).values(), *seeds, *repository, *pinged)


def authorization_seeds(settings: Settings) -> dict[str, dict[str, str]]:
    """Return the tokens with which Trakt and MyAnimeList begin on a new host, in plain text: for its file only."""
    return {
        section: {name: value.get_secret_value() for name, value in tokens.items()}
        for section, tokens in settings.kometa_authorization.items()
    }


def quoted(value: str) -> str:
    """Return the value as one word of a Quadlet's Environment=; see "Quoting" in systemd.syntax(7).

    Quadlet copies it into ExecStart=, where systemd expands `%` (systemd.unit(5)) and `$` (systemd.service(5)).
    """
    value = value.replace("%", "%%").replace("$", "$$")
    if re.fullmatch(r"[\w%@+=:,./-]*", value, re.ASCII):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache(1)
def _templates() -> Environment:
    # autoescape is for HTML; these are unit files, whose values are quoted by `quoted`
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(PROJECT / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = quoted
    return environment


@once
def _public(settings: Settings) -> dict[str, Any]:
    """Return the variables that a file may show, by name."""
    return {name: getattr(settings, name) for name in Settings.names() if name not in SECRET_SETTINGS}


def rendered(template: str, settings: Settings, **more: object) -> str:
    """Return the text of a template of templates/ for these settings."""
    return _templates().get_template(template).render(_public(settings), **more)


def container_environment(settings: Settings) -> Mapping[str, str]:
    """Return the container's environment, without secrets."""
    config = declared_tree(settings).config_text
    return {
        "PUID": str(settings.kometa_puid),
        "PGID": str(settings.kometa_pgid),
        "TZ": settings.mms_timezone,
        "KOMETA_TIMES": ",".join(settings.kometa_times),
        **({} if has_tokens_to_refresh(config) else {"KOMETA_READ_ONLY_CONFIG": "true"}),
        **({"KOMETA_PLEX_URL": settings.kometa_plex_url} if PLEX_URL_ENV.search(config) else {}),
        **settings.kometa_environment,
    }


@cache
def has_tokens_to_refresh(config: str) -> bool:
    """Given the text of config.yml, say whether Kometa has to write to it: Trakt's and MyAnimeList's tokens expire."""
    if not re.search(r"\b(trakt|mal)\b", config):
        return False
    try:
        value = yaml12.load(config, CONFIG).value
    except yaml12.YamlError:
        return False  # said elsewhere, by line
    return isinstance(value, dict) and any(isinstance(value.get(name), dict) for name in ("trakt", "mal"))


def network_quadlet(settings: Settings) -> str:
    """Return the name of the network's Quadlet."""
    return f"{settings.mms_network}.network"


def container_quadlet(settings: Settings) -> str:
    """Return the text of kometa.container; its label tells the inputs that a running container was made from."""

    def text(inputs: str) -> str:
        return rendered(
            "quadlet/kometa.container.j2",
            settings,
            environment=container_environment(settings),
            secrets={podman_secrets.PREFIX + name: variable_of(name) for name in sorted(settings.kometa_secrets)},
            further={section: container_shape.lines(settings, section) for section in SECTIONS},
            inputs=inputs,
        )

    return text(hashlib.sha256(text("").encode()).hexdigest()[:16])


def inputs_of(quadlet: str) -> str:
    """Return the inputs that a kometa.container names in its label, empty if it names none."""
    found = re.search(rf"^Label={re.escape(INPUTS_LABEL)}=(\S*)$", quadlet, re.M)
    return found[1] if found else ""


@once
def quadlets(settings: Settings) -> FileSet:
    """Return the Quadlets of the host: Kometa's container and its network."""
    files = {
        "kometa.container": WantedFile.of(container_quadlet(settings), 0o644),
        network_quadlet(settings): WantedFile.of(rendered("quadlet/network.j2", settings), 0o644),
    }
    return FileSet("quadlets", settings.quadlet_dir, files, {".": 0o755})


def units_of_quadlets(settings: Settings) -> list[str]:
    """Return the units that Quadlet makes of our Quadlets."""
    return ["kometa.service", f"{settings.mms_network}-network.service"]


def units_of_interest(settings: Settings) -> list[str]:
    """Return the units of the account whose state decides anything."""
    return [
        *units_of_quadlets(settings),
        *units(settings).files,
        *autodeploy_files.fallback_unit_names(settings).values(),
    ]


@once
def library(settings: Settings) -> FileSet:
    """Return the host's own scripts and what they read."""
    files = {
        **autodeploy_files.library_files(settings),
        **backup_files.library_files(settings),
        **watch_files.library_files(settings),
    }
    if settings.kometa_notify_url:
        # Its path often is its password: a private file, from which the scripts give it to curl's input.
        files[backup_files.NOTIFY_URL] = WantedFile.of(f"{settings.kometa_notify_url}\n", 0o600)
    return FileSet("library", settings.library_dir, files, {".": 0o700, **watch_files.directories()})


@once
def units(settings: Settings) -> FileSet:
    """Return the account's own units: timers and the services that they start."""
    more = {
        "library_dir": settings.library_dir,
        "backup_calendar": settings.backup_calendar,
        "autodeploy_calendar": settings.autodeploy_calendar,
        "longest": backup_files.longest(settings),
    }
    own = (*backup_files.units(settings), *watch_files.UNITS)
    templates = {name: f"{name}.j2" for name in own} | autodeploy_files.unit_templates(settings)
    files = {
        name: WantedFile.of(rendered(f"units/{template}", settings, **more), 0o644)
        for name, template in templates.items()
    }
    return FileSet("units", settings.user_unit_dir, files, {".": 0o755})


@cache
def _scanned(source: Path) -> Tree:
    return scan(source)


@once
def declared_tree(settings: Settings) -> Tree:
    """Return the project's config tree for a host. It is read once a run, so that a preview and what follows agree."""
    source = PROJECT / settings.kometa_config_source
    context = _public(settings)
    key = f"{source} {context}"
    if key not in _trees:
        _trees[key] = _scanned(source).without(settings.kometa_host_files).rendered(context)
    return _trees[key]


@once
def config_tree(settings: Settings) -> FileSet:
    """Return the config tree of the project as it is declared: config.yml rendered, the rest as it is."""
    tree = declared_tree(settings)
    place = (settings.kometa_config_dir, settings.kometa_puid, settings.kometa_pgid)

    def files() -> dict[str, WantedFile]:
        return {name: WantedFile(0o600, file.size, file.sha256, file.open) for name, file in tree.files.items()}

    def directories() -> dict[str, int]:
        return {".": 0o700} | dict.fromkeys(tree.directories, 0o700)

    root, uid, gid = place
    whole = FileSet("config", root, Later(files), Later(directories), uid, gid)
    question = f"digest {place} {sorted(settings.kometa_host_files)} {tree.config_text}"
    return replace(whole, declared_digest=tree.memory.answer(question, lambda: whole.digest, str, _digest))


def _digest(stored: object) -> str:
    if isinstance(stored, str) and re.fullmatch(r"[0-9a-f]{64}", stored):
        return stored
    raise ValueError


def wanted_sets(settings: Settings) -> list[FileSet]:
    """Return all sets of files of the host."""
    return [quadlets(settings), config_tree(settings), library(settings), units(settings)]
