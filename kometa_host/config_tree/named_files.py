"""Files that config.yml names: where it names them, as what, and which files of the tree they are. Pure.

Source: Kometa 2.4.4, modules/config.py, modules/util.py (load_files) and modules/meta.py (load_file).
"""

import fnmatch
import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from kometa_host.config_tree.yaml12 import KeyPath, Value

FILE_LISTS: Final = ("collection_files", "metadata_files", "overlay_files", "image_files")
# old keys that Kometa still reads -> the keys that it takes each for
OLD_LISTS: Final = {"metadata_path": ("collection_files", "metadata_files"), "overlay_path": ("overlay_files",)}
CONFIG: Final = "config.yml"
YAML: Final = (".yml", ".yaml")


@dataclass(frozen=True)
class NamedFile:
    """A file or folder that config.yml names: at which path of the document, under which key, and its name there."""

    path: KeyPath
    key: str
    name: str
    is_folder: bool

    @property
    def place(self) -> str | None:
        """Where in the tree it is, None if it is outside /config."""
        return in_config(self.name)

    def candidates(self) -> list[str]:
        """Return the paths in the tree that Kometa tries for a file."""
        return [] if self.place is None else _candidates(self.place)

    def found(self, files: Collection[str]) -> list[str]:
        """Given all files of a tree, return those that are meant."""
        if self.place is None:
            return []
        if self.is_folder:
            return [path for path in files if _is_inside(path, self.place)]
        return [path for path in self.candidates() if path in files][:1]


def named_files(config: Value) -> Iterator[NamedFile]:
    """Given the value of config.yml, yield each file and folder that it names for Kometa to read."""
    for path, entry in entries(config):
        yield from named_by(path, entry)


def named_by(path: KeyPath, entry: Value) -> Iterator[NamedFile]:
    """Given an entry of a list of files and its path, whose last text is the list's key, yield what it names."""
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    if isinstance(entry, str):
        yield NamedFile(path, key, entry, is_folder=False)
    for kind in ("file", "folder"):
        if isinstance(name := mapping(entry).get(kind), str):
            yield NamedFile((*path, kind), key, name, is_folder=kind == "folder")


def entries(config: Value) -> Iterator[tuple[KeyPath, Value]]:
    """Yield each entry of all lists of files, which can be a list, a mapping or a text."""
    for path, listed in _file_lists(mapping(config)):
        if isinstance(listed, list):
            yield from (((*path, index), entry) for index, entry in enumerate(listed))
        elif listed is not None:
            yield path, listed


def _file_lists(config: dict[Any, Value]) -> Iterator[tuple[KeyPath, Value]]:
    yield ("playlist_files",), config.get("playlist_files")
    for name, library in mapping(config.get("libraries")).items():
        for key in (*FILE_LISTS, *OLD_LISTS):
            yield ("libraries", name, key), mapping(library).get(key)


def in_config(name: str) -> str | None:
    """Return where in the tree a file is that config.yml names, None if it is outside /config. Kometa runs in /."""
    place = posixpath.normpath(posixpath.join("/", name))
    if place == "/config":
        return "."
    return place.removeprefix("/config/") if place.startswith("/config/") else None


def is_on_host(place: str, patterns: Collection[str]) -> bool:
    """Return whether a path in the tree is one that other programs write on the host, as the settings declare."""
    return any(fnmatch.fnmatchcase(place, pattern) or _is_below(place, pattern) for pattern in patterns)


def mapping(value: Value) -> dict[Any, Value]:
    """Return a mapping, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def near_file(place: str, files: Collection[str]) -> str | None:
    """Return the file of a tree that was probably meant by a name, None if none is like it. Endings say nothing."""
    stems = {posixpath.splitext(path)[0]: path for path in files if path.endswith(YAML) and path != CONFIG}
    near = get_close_matches(posixpath.splitext(place)[0], stems, n=1, cutoff=0.7)
    return stems[near[0]] if near else None


def _is_below(place: str, pattern: str) -> bool:
    parents = place.split("/")
    return any(fnmatch.fnmatchcase("/".join(parents[:count]), pattern) for count in range(1, len(parents)))


def _is_inside(path: str, folder: str) -> bool:
    """Return whether a file is one of the YAML files that Kometa takes from a folder; it looks in no folders below."""
    name = path if folder == "." else path.removeprefix(f"{folder}/")
    return (folder == "." or name != path) and "/" not in name and name.endswith(YAML)


def _candidates(place: str) -> list[str]:
    """Return the paths that Kometa tries for a file: .yml is added where no ending stands, .yaml will do as well."""
    if not place.endswith(YAML):
        return [f"{place}.yml", f"{place}.yaml"]
    stem = place.rpartition(".")[0]
    return [place, f"{stem}.yml", f"{stem}.yaml"]
