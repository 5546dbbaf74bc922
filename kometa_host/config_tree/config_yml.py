"""Checks of config.yml as a whole: what Kometa would refuse, or ignore in silence, for lack of a key, file or secret.

Kometa resolves a placeholder in config.yml by the environment: KOMETA_TMDB_KEY is `<<tmdb-key>>` or `<<TMDB_KEY>>`; any
other spelling becomes blank without a word. What stands below template_variables is not resolved, and not checked here.
Source: Kometa 2.4.4, kometa.py, modules/config.py and modules/util.py.
"""

import posixpath
import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from kometa_host.config_tree.findings import Finding
from kometa_host.config_tree.plaintext_secrets import dotted, is_allowed, leaves
from kometa_host.config_tree.tree import CONFIG, Tree
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value
from kometa_host.settings.kometa_options import is_option

FILE_LISTS: Final = ("collection_files", "metadata_files", "overlay_files", "image_files")
DEFINITIONS: Final = ("collections", "dynamic_collections", "metadata", "overlays", "templates", "playlists")


class KometaSettings(Protocol):
    """What the checks need to know of a host's settings."""

    @property
    def kometa_plex_url(self) -> str: ...


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
        self.tree, self.config, self.settings = tree, config, settings
        self.secrets = None if secrets is None else {kometa_name(name): name for name in secrets}
        self.lines = tree.config_text.splitlines()

    def findings(self) -> list[Finding]:
        if not isinstance(self.config.value, dict) or not self.config.value:
            message = "there are no settings in this file; Kometa would overwrite it with its defaults"
            return [self._error((), message, "take the sample config.yml of this project")]
        return [*self._plex(), *self._tmdb(), *self._libraries(), *self._placeholders(), *self._named_files()]

    def _error(self, path: KeyPath, message: str, remedy: str) -> Finding:
        return Finding("error", shown(self.tree, CONFIG), self.config.line_of(path), message, remedy)

    def _warning(self, path: KeyPath, message: str, remedy: str) -> Finding:
        return Finding("warning", shown(self.tree, CONFIG), self.config.line_of(path), message, remedy)

    def _section(self, name: str) -> dict[Any, Value]:
        return _mapping(self.config.value.get(name))

    def _allowed(self, path: KeyPath) -> bool:
        return is_allowed(self.lines, self.config.line_of(path))

    # Plex, TMDb and the libraries

    def _plex(self) -> Iterator[Finding]:
        """Kometa takes url and token from the library's own plex section first, and from the global one otherwise."""
        everywhere, libraries = self._section("plex"), self._section("libraries")
        yield from self._url(("plex", "url"), everywhere.get("url"))
        for name, library in libraries.items():
            path = ("libraries", name, "plex", "url")
            yield from self._url(path, _mapping(_mapping(library).get("plex")).get("url"))
        for key, wanted in (("url", 'url: "{{ kometa_plex_url }}"'), ("token", "token: <<plextoken>>")):
            if not _is_blank(everywhere.get(key)):
                continue
            own = {name: _mapping(_mapping(library).get("plex")).get(key) for name, library in libraries.items()}
            lacking = [str(name) for name, value in own.items() if _is_blank(value)]
            if lacking or not libraries:
                whose = f" for the libraries {', '.join(lacking)}" if len(lacking) < len(libraries) else ""
                yield self._error(("plex", key), f"plex has no {key}{whose}", f"write `{wanted}` below plex:")

    def _url(self, path: KeyPath, url: Value) -> Iterator[Finding]:
        wanted = self.settings.kometa_plex_url
        if _is_blank(url) or self._allowed(path):
            return
        remedy = 'write `url: "{{ kometa_plex_url }}"`'
        if not isinstance(url, str):
            yield self._error(path, f"{dotted(path)} is no text", remedy)
        elif url.lower() == "env":
            message = f"{dotted(path)} is taken from KOMETA_PLEX_URL, so nothing here says that it is {wanted}"
            yield self._error(path, message, remedy)
        elif "<<" not in url and url.rstrip("/") != wanted.rstrip("/"):
            address = "leads through a reverse proxy such as Traefik" if _is_public(url) else "is another address"
            message = f"{dotted(path)} {address}, and not {wanted}, where the container reaches Plex"
            yield self._error(path, message, f"{remedy}; for a second server end the line with `# kometa-host: allow`")

    def _tmdb(self) -> Iterator[Finding]:
        if _is_blank(self._section("tmdb").get("apikey")):
            yield self._error(("tmdb", "apikey"), "tmdb has no apikey, and Kometa does nothing without one",
                              "write `apikey: <<tmdbapikey>>` below tmdb:")  # fmt: skip

    def _libraries(self) -> Iterator[Finding]:
        libraries = self.config.value.get("libraries")
        if not isinstance(libraries, dict) or not libraries:
            yield self._error(("libraries",), "there are no libraries, so Kometa has nothing to do",
                              "name each Plex library below libraries:, as Plex does")  # fmt: skip
            return
        for name, library in libraries.items():
            if library is not None and not isinstance(library, dict):
                yield self._error(
                    ("libraries", name), f"the library {name} is no mapping", "write its keys below its name"
                )
            for key in DEFINITIONS:
                if key in _mapping(library):
                    message = f"the library {name} contains {key} itself, and Kometa refuses that"
                    yield self._error(
                        ("libraries", name, key), message, f"move them to a file and name it in {key_for(key)}"
                    )

    # Placeholders

    def _placeholders(self) -> Iterator[Finding]:
        used: set[str] = set()
        for path, value in leaves(self.config.value):
            if not isinstance(value, str) or "template_variables" in path:
                continue
            names = re.findall(r"<<([^<>]+)>>", value)
            used.update(kometa_name(name) for name in names)
            if len(set(names)) > 1:
                yield self._error(path, f"{dotted(path)} has two placeholders, and Kometa puts in only one a value",
                                  "make one secret of both")  # fmt: skip
            for name in names:
                yield from self._placeholder(path, name)
            if path[-2:] == ("plex", "token") and value.lower() == "env":
                used.add("plex-token")
                yield from self._taken_from_environment(path)
        yield from self._unused(used)

    def _unused(self, used: set[str]) -> Iterator[Finding]:
        for name, secret in sorted((self.secrets or {}).items()):
            if name not in used:
                remedy = f"write <<{name}>> where it belongs, or remove the secret"
                yield self._warning((), f"the secret {secret} is used nowhere in this file", remedy)

    def _placeholder(self, path: KeyPath, name: str) -> Iterator[Finding]:
        right = kometa_name(name)
        if is_option(right):
            remedy = "write `token: ENV`" if right == "plex-token" else "give the secret another name"
            message = f"<<{name}>> stays blank, because KOMETA_{right.upper().replace('-', '_')} is an option of Kometa"
            yield self._error(
                path, message, f"{remedy}, such as <<{right.replace('-', '')}>>" if "give" in remedy else remedy
            )
        elif name not in (right, right.upper().replace("-", "_")):
            yield self._error(path, f"<<{name}>> stays blank, Kometa does not know this spelling", f"write <<{right}>>")
        elif self.secrets is not None and right not in self.secrets:
            near = get_close_matches(right, self.secrets, n=1)
            hint = f"did you mean <<{near[0]}>>? If not, " if near else ""
            remedy = f"{hint}add {right} to the secrets file (make secrets-edit) or to kometa_secrets"
            yield self._error(path, f"<<{name}>> stays blank, there is no secret of this name", remedy)

    def _taken_from_environment(self, path: KeyPath) -> Iterator[Finding]:
        if self.secrets is not None and "plex-token" not in self.secrets:
            yield self._error(path, f"{dotted(path)} is ENV, and there is no secret plex_token for it",
                              "add the secret plex_token, or write `token: <<plextoken>>`")  # fmt: skip

    # Files that config.yml names

    def _named_files(self) -> Iterator[Finding]:
        for path, entry in self._file_entries():
            if isinstance(entry, str):
                yield from self._named(path, entry, is_folder=False)
            for kind in ("file", "folder"):
                if isinstance(name := _mapping(entry).get(kind), str):
                    yield from self._named((*path, kind), name, is_folder=kind == "folder")
            yield from self._asset_directories((*path, "asset_directory"), _mapping(entry).get("asset_directory"))
        yield from self._asset_directories(
            ("settings", "asset_directory"), self._section("settings").get("asset_directory")
        )

    def _file_entries(self) -> Iterator[tuple[KeyPath, Value]]:
        for path, listed in self._file_lists():
            if isinstance(listed, list):
                yield from (((*path, index), entry) for index, entry in enumerate(listed))
            elif listed is not None:
                yield path, listed

    def _file_lists(self) -> Iterator[tuple[KeyPath, Value]]:
        yield ("playlist_files",), self.config.value.get("playlist_files")
        for name, library in self._section("libraries").items():
            for key in FILE_LISTS:
                yield ("libraries", name, key), _mapping(library).get(key)

    def _named(self, path: KeyPath, name: str, *, is_folder: bool) -> Iterator[Finding]:
        place = in_config(name)
        if "<<" in name:
            return
        if place is None:
            yield self._outside(path, name)
        elif is_folder and not self._has_yaml(place):
            found = "has no YAML files" if place in self.tree.directories else "is not in the project"
            yield self._error(
                path, f"the folder {name} {found}", f"create {shown(self.tree, place)} with the files in it"
            )
        elif not is_folder and not any(candidate in self.tree.files for candidate in _candidates(place)):
            near = get_close_matches(place, self.tree.files, n=1)
            hint = f", or did you mean config/{near[0]}?" if near else ""
            yield self._error(path, f"the file {name} is not in the project", f"create {shown(self.tree, place)}{hint}")

    def _outside(self, path: KeyPath, name: str) -> Finding:
        relative = posixpath.normpath(name)
        if not name.startswith("/") and any(candidate in self.tree.files for candidate in _candidates(relative)):
            return self._error(path, f"{name} is looked for in /, where Kometa is started", f"write config/{relative}")
        message = f"{name} is outside /config, so nothing here says whether the container has it"
        return self._warning(path, message, f"put it into {self.tree.name}/ and write config/...")

    def _asset_directories(self, path: KeyPath, listed: Value) -> Iterator[Finding]:
        for name in listed if isinstance(listed, list) else [listed]:
            place = in_config(name) if isinstance(name, str) else None
            if place and place not in self.tree.directories:
                message = f"the asset directory {name} is not in the project, and Kometa passes over a missing one"
                remedy = f"create {shown(self.tree, place)}; an empty one needs a .gitkeep for git"
                yield self._warning(path, message, remedy)

    def _has_yaml(self, place: str) -> bool:
        inside = "" if place == "." else f"{place}/"
        names = (path.removeprefix(inside) for path in self.tree.files if path.startswith(inside))
        return any(name.endswith((".yml", ".yaml")) and "/" not in name for name in names)


def kometa_name(name: str) -> str:
    """Return the name by which Kometa knows the secret that has this name here: tmdb_key is tmdb-key."""
    return name.lower().replace("_", "-")


def key_for(definition: str) -> str:
    """Return the key of config.yml below which a file with such definitions is named."""
    kinds = {"metadata": "metadata_files", "overlays": "overlay_files", "playlists": "playlist_files"}
    return kinds.get(definition, "collection_files")


def in_config(name: str) -> str | None:
    """Return where in the tree a file is that config.yml names, None if it is outside /config. Kometa runs in /."""
    place = posixpath.normpath(posixpath.join("/", name))
    if place == "/config":
        return "."
    return place.removeprefix("/config/") if place.startswith("/config/") else None


def _candidates(place: str) -> list[str]:
    """Return the paths that Kometa tries for a file: .yml is added where no ending stands, .yaml will do as well."""
    if not place.endswith((".yml", ".yaml")):
        return [f"{place}.yml", f"{place}.yaml"]
    stem = place.rpartition(".")[0]
    return [place, f"{stem}.yml", f"{stem}.yaml"]


def _mapping(value: Value) -> dict[Any, Value]:
    return value if isinstance(value, dict) else {}


def _is_blank(value: Value) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_public(url: str) -> bool:
    """Return whether an address is one that a reverse proxy serves: https, or a domain name without Plex's port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_domain = "." in host and not re.fullmatch(r"[\d.]+", host)
    return parts.scheme == "https" or (is_domain and ":32400" not in parts.netloc)
