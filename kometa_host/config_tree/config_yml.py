"""Checks of config.yml as a whole: what keeps Kometa from running, and what it passes over in silence.

Source: Kometa 2.4.4, kometa.py, modules/config.py and modules/util.py.
"""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, Protocol

from kometa_host.config_tree import named_files, placeholders
from kometa_host.config_tree.findings import Finding, Place
from kometa_host.config_tree.named_files import CONFIG, FILE_LISTS, NamedFile, in_config, mapping
from kometa_host.config_tree.tree import Tree
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value
from kometa_host.settings.urls import parts_of

DEFINITIONS: Final = ("collections", "dynamic_collections", "metadata", "overlays", "templates", "playlists")
# sections into which Kometa looks without asking whether they are blank
NEVER_BLANK: Final = ("settings", "webhooks", "radarr")
# keys of an entry that Kometa takes for a file without a look, or passes over on the days of others
ALWAYS_FOUND: Final = ("url", "git", "pmm", "default", "repo", "file", "schedule")
MOUNT_IT: Final = 'mount it by kometa_volumes, such as ["/srv/assets:/assets:ro"]'


class KometaSettings(Protocol):
    """What the checks need to know of a host's settings."""

    @property
    def kometa_plex_url(self) -> str: ...

    @property
    def kometa_environment(self) -> Mapping[str, str]: ...

    @property
    def kometa_host_files(self) -> Collection[str]: ...

    @property
    def kometa_volumes(self) -> Collection[str]: ...

    @property
    def secrets_of_messages(self) -> Collection[str]: ...


def shown(tree: Tree, path: str) -> str:
    """Return a path in the tree as the user knows it, from the project's folder.

    A rendered config.yml is marked where its lines are not those of the project's file.
    """
    file = tree.files.get(path)
    moved = file and file.data is not None and file.data.count(b"\n") != file.source.read_bytes().count(b"\n")
    return f"{tree.name}/{path} as rendered" if moved else f"{tree.name}/{path}"


class ConfigChecks:
    """The checks that need config.yml's values, the tree and the settings."""

    def __init__(self, tree: Tree, config: Document, settings: KometaSettings, secrets: Collection[str] | None) -> None:
        self.tree, self.config, self.settings, self.secrets = tree, config, settings, secrets
        self.at = Place(shown(tree, CONFIG), config)

    def findings(self) -> list[Finding]:
        if not isinstance(self.config.value, dict) or not self.config.value:
            message = "there are no settings in this file; Kometa would overwrite it with its defaults"
            return [self.at.error((), message, "take the sample config.yml of this project")]
        found = placeholders.findings(
            self.at, self.settings.kometa_environment, self.secrets, self.settings.secrets_of_messages
        )
        return [*self._sections(), *self._plex(), *self._tmdb(), *self._libraries(), *found, *self._named_files()]

    def _section(self, name: str) -> dict[Any, Value]:
        return mapping(self.config.value.get(name))

    def _sections(self) -> Iterator[Finding]:
        for name in NEVER_BLANK:
            if name in self.config.value and not isinstance(self.config.value[name], dict):
                found = "is blank" if self.config.value[name] is None else "has no keys"
                yield self.at.error((name,), f"the section {name} {found}, which ends Kometa's run",
                                    "remove the line, or write keys below it")  # fmt: skip

    # Plex, TMDb and the libraries

    def _plex(self) -> Iterator[Finding]:
        """Kometa takes url and token from the library's own plex section first, and from the global one otherwise."""
        everywhere, libraries = self._section("plex"), self._section("libraries")
        yield from self._url(("plex", "url"), everywhere.get("url"))
        for name, library in libraries.items():
            path = ("libraries", name, "plex", "url")
            yield from self._url(path, mapping(mapping(library).get("plex")).get("url"))
        yield from self._not_text(("plex", "token"), everywhere.get("token"), "token: <<plextoken>>")
        for key, wanted in (("url", 'url: "{{ kometa_plex_url }}"'), ("token", "token: <<plextoken>>")):
            if not _is_blank(everywhere.get(key)):
                continue
            own = {name: mapping(mapping(library).get("plex")).get(key) for name, library in libraries.items()}
            lacking = [str(name) for name, value in own.items() if _is_blank(value)]
            if lacking or not libraries:
                whose = f" for the libraries {', '.join(lacking)}" if len(lacking) < len(libraries) else ""
                yield self.at.error(("plex", key), f"plex has no {key}{whose}", f"write `{wanted}` below plex:")

    def _url(self, path: KeyPath, url: Value) -> Iterator[Finding]:
        """Yield what is odd about an address of Plex. `ENV` is kometa_plex_url: the deploy puts it there."""
        known = self.settings.kometa_plex_url
        if _is_blank(url) or (isinstance(url, str) and (url.lower() == "env" or "<<" in url)):
            return
        if not isinstance(url, str):
            yield from self._not_text(path, url, 'url: "{{ kometa_plex_url }}"')
        elif url.rstrip("/") != known.rstrip("/"):
            address = "leads through a reverse proxy such as Traefik" if _is_public(url) else "is another address"
            message = f"{self.at.name(path)} {address} than kometa_plex_url, which is {known}"
            if _is_public(url):
                message = f"{self.at.name(path)} {address}, and kometa_plex_url is {known}"
            remedy = (
                f"if Kometa reaches Plex there, set kometa_plex_url to {_without_secret(url)} and write "
                f'`url: "{{{{ kometa_plex_url }}}}"`; for a second server end the line with `# kometa-host: allow`'
            )
            yield self.at.warning(path, message, remedy)

    def _not_text(self, path: KeyPath, value: Value, wanted: str) -> Iterator[Finding]:
        if not isinstance(value, str | None):
            message = f"{self.at.name(path)} is not text, which ends Kometa's run"
            yield self.at.error(path, message, f"write `{wanted}`")

    def _tmdb(self) -> Iterator[Finding]:
        key, wanted = self._section("tmdb").get("apikey"), "apikey: <<tmdbapikey>>"
        if isinstance(key, list | dict):
            yield from self._not_text(("tmdb", "apikey"), key, wanted)
        if _is_blank(key):
            yield self.at.error(("tmdb", "apikey"), "tmdb has no apikey, and Kometa does nothing without one",
                                f"write `{wanted}` below tmdb:")  # fmt: skip

    def _libraries(self) -> Iterator[Finding]:
        libraries = self.config.value.get("libraries")
        if not isinstance(libraries, dict) or not libraries:
            yield self.at.error(("libraries",), "there are no libraries, so Kometa has nothing to do",
                                "name each Plex library below libraries:, as Plex does")  # fmt: skip
            return
        for name, library in libraries.items():
            yield from self._library(("libraries", name), library)

    def _library(self, path: KeyPath, library: Value) -> Iterator[Finding]:
        name = self.at.name(path)
        if library is None:
            yield self.at.error(path, f"{name} has nothing below it, which ends Kometa's run",
                                "write its keys below its name, `{}` for none, or remove the line")  # fmt: skip
        elif not isinstance(library, dict):
            yield self.at.error(path, f"{name} is not a mapping", "write its keys below its name")
        for key in DEFINITIONS:
            if key in mapping(library):
                message = f"{name} contains {key} itself, and Kometa refuses that"
                yield self.at.error((*path, key), message, f"move them to a file and name it in {key_for(key)}")

    # Files that config.yml names

    def _named_files(self) -> Iterator[Finding]:
        yield from self._playlists()
        for named in named_files.named_files(self.config.value):
            yield from self._named(named)
        for path, entry in named_files.entries(self.config.value):
            yield from self._asset_directories((*path, "asset_directory"), mapping(entry).get("asset_directory"))
        for path, settings in self._all_settings():
            yield from self._asset_directories((*path, "asset_directory"), settings.get("asset_directory"))

    def _playlists(self) -> Iterator[Finding]:
        """A library without any of its files is an error in Kometa's log; playlists without one end the run."""
        entries = [pair for pair in named_files.entries(self.config.value) if pair[0][0] == "playlist_files"]
        if entries and not any(self._is_somewhere(path, entry) for path, entry in entries):
            message = "nothing that playlist_files names is there, which ends Kometa's run"
            yield self.at.error(("playlist_files",), message, "name what is there, or remove playlist_files")

    def _is_somewhere(self, path: KeyPath, entry: Value) -> bool:
        """Return whether Kometa finds something by an entry, or may find it: what `file:` names counts in any case."""
        if any(mapping(entry).get(key) for key in ALWAYS_FOUND):
            return True
        return any(
            named.place is None
            or named_files.is_on_host(named.place, self.settings.kometa_host_files)
            or bool(named.found(self.tree.files))
            for named in named_files.named_by(path, entry)
        )

    def _all_settings(self) -> Iterator[tuple[KeyPath, dict[Any, Value]]]:
        yield ("settings",), self._section("settings")
        for name, library in self._section("libraries").items():
            yield ("libraries", name, "settings"), mapping(mapping(library).get("settings"))

    def _named(self, named: NamedFile) -> Iterator[Finding]:
        if "<<" in named.name or (named.place and named_files.is_on_host(named.place, self.settings.kometa_host_files)):
            return
        if named.place is None:
            if not self._is_mounted(named.name):
                yield self._outside(named)
        elif named.is_folder and not named.found(self.tree.files):
            found = "has no YAML files" if named.place in self.tree.directories else "is not in the project"
            remedy = f"create {shown(self.tree, named.place)} with the files in it{_or_on_host(named.place)}"
            yield self.at.error(named.path, f"the folder {named.name} {found}", remedy)
        elif not named.is_folder and not named.found(self.tree.files):
            near = named_files.near_file(named.place, self.tree.files)
            hint = f", or did you mean config/{near}?" if near else _or_on_host(named.place)
            remedy = f"create {shown(self.tree, named.place)}{hint}"
            yield self.at.error(named.path, f"the file {named.name} is not in the project", remedy)

    def _outside(self, named: NamedFile) -> Finding:
        relative = in_config(f"config/{named.name}") if not named.name.startswith("/") else None
        inside = NamedFile(named.path, named.key, f"config/{relative}", named.is_folder)
        if relative and inside.found(self.tree.files):
            message = f"{named.name} is looked for in /, where Kometa is started"
            return self.at.error(named.path, message, f"write {inside.name}")
        message = f"{named.name} is outside /config, and nothing is mounted there in the container"
        remedy = f"put it into {self.tree.name}/ and write config/..., or {MOUNT_IT}"
        return self.at.warning(named.path, message, remedy)

    def _asset_directories(self, path: KeyPath, listed: Value) -> Iterator[Finding]:
        """Yield what is odd about asset directories. One below /config can be on the host alone, and often is."""
        for name in listed if isinstance(listed, list) else [listed]:
            if not isinstance(name, str) or "<<" in name:
                continue
            place = in_config(name)
            if place is None:
                yield from self._asset_directory_outside(path, name)
            elif place not in (".", *self.tree.directories):
                near = get_close_matches(place, self.tree.directories, n=1, cutoff=0.8)
                if near:
                    message = f"the asset directory {name} is not in the project, and Kometa passes over a missing one"
                    yield self.at.warning(path, message, f"did you mean config/{near[0]}?")

    def _asset_directory_outside(self, path: KeyPath, name: str) -> Iterator[Finding]:
        inside = in_config(f"config/{name}")
        if not name.startswith("/") and inside in self.tree.directories:
            message = f"{name} is looked for in /, where Kometa is started"
            yield self.at.warning(path, message, f"write config/{inside}")
        elif not self._is_mounted(name):
            message = f"the asset directory {name} is outside /config, and nothing is mounted there in the container"
            yield self.at.warning(path, message, f"{MOUNT_IT}, or put it into {self.tree.name}/ and write config/...")

    def _is_mounted(self, name: str) -> bool:
        """Return whether a path in the container lies in one of the mounts that the host's settings have."""
        volumes = self.settings.kometa_volumes
        targets = [str(volume).split(":")[1] for volume in volumes if ":" in str(volume)]
        return any(posixpath.join("/", posixpath.normpath(name), "").startswith(f"{target}/") for target in targets)


def key_for(definition: str) -> str:
    """Return the key of config.yml below which a file with such definitions is named."""
    kinds = {"metadata": "metadata_files", "overlays": "overlay_files", "playlists": "playlist_files"}
    return kinds.get(definition, FILE_LISTS[0])


def _or_on_host(place: str) -> str:
    return f", or, if another program writes it on the host, add {place!r} to kometa_host_files"


def _is_blank(value: Value) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_public(url: str) -> bool:
    """Return whether an address is one that a reverse proxy serves: https, or a domain name without Plex's port."""
    parts = parts_of(url)
    host = parts.hostname or ""
    is_domain = "." in host and not re.fullmatch(r"[\d.]+", host)
    return parts.scheme == "https" or (is_domain and ":32400" not in parts.netloc)


def _without_secret(url: str) -> str:
    """Return an address for a message: without credentials and query."""
    parts = parts_of(url)
    port = f":{parts.netloc.rpartition(':')[2]}" if re.search(r":\d+$", parts.netloc) else ""
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.scheme and parts.hostname else "it"
