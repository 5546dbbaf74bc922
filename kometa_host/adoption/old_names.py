"""Names of previous releases in a config.yml, and what they are called now. Pure.

Kometa still reads them (modules/config.py of 2.4.4) and warns in every run. A key is renamed in its place;
metadata_path alone can become two keys, since it named files with collections as well as files with metadata.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from kometa_host.adoption.edits import Edit, applied, line_span
from kometa_host.config_tree import yaml12
from kometa_host.config_tree.findings import dotted
from kometa_host.config_tree.named_files import CONFIG, FILE_LISTS, OLD_LISTS
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value

SETTINGS: Final = {"collection_minimum": "minimum_items", "save_missing": "save_report"}
ADD: Final = {"add": "add_missing"}
ADD_ALL: Final = {"radarr_add_all": "radarr_add_all_existing", "sonarr_add_all": "sonarr_add_all_existing"}
# section -> old name -> new name, at the top and in a library
GLOBAL: Final = {
    "settings": SETTINGS | {"playlist_sync_to_user": "playlist_sync_to_users"},
    "radarr": ADD,
    "sonarr": ADD,
}
OF_LIBRARY: Final = {"settings": SETTINGS, "radarr": ADD, "sonarr": ADD, "operations": ADD_ALL}
BOTH: Final = frozenset({"collection_files", "metadata_files"})

# Given an entry of metadata_path, the keys below which it belongs; both where its content is not known.
KindOf = Callable[[Value], frozenset[str]]


def converted(text: str, kind_of: KindOf) -> tuple[str, list[str]]:
    """Return a config.yml with today's names, and what was renamed. Raise YamlError."""
    text, said = _split_metadata_paths(text, kind_of)
    document = yaml12.load(text, CONFIG)
    edits: list[Edit] = []
    for path, new in _old_keys(document.value):
        edit = _renaming(text, document, path, new)
        if edit:
            edits.append(edit)
            said.append(f"{dotted(path)} is {new} now")
    return applied(text, edits), said


def _old_keys(config: Value) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each key with an old name, and its new name."""
    yield from _in_sections((), config, GLOBAL)
    for name, library in _mapping(_mapping(config).get("libraries")).items():
        path: KeyPath = ("libraries", name)
        yield from _in_sections(path, library, OF_LIBRARY)
        yield from _in_mapping(path, library, {"overlay_path": "overlay_files"})
        for key in (*FILE_LISTS, *OLD_LISTS):
            entries = _mapping(library).get(key)
            for index, entry in enumerate(entries if isinstance(entries, list) else ()):
                yield from _in_mapping((*path, key, index), entry, {"pmm": "default"})
    playlists = _mapping(config).get("playlist_files")
    for index, entry in enumerate(playlists if isinstance(playlists, list) else ()):
        yield from _in_mapping(("playlist_files", index), entry, {"pmm": "default"})


def _in_sections(
    path: KeyPath, value: Value, sections: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[KeyPath, str]]:
    for section, names in sections.items():
        yield from _in_mapping((*path, section), _mapping(value).get(section), names)


def _in_mapping(path: KeyPath, value: Value, names: Mapping[str, str]) -> Iterator[tuple[KeyPath, str]]:
    found = _mapping(value)
    yield from (((*path, old), new) for old, new in names.items() if old in found and new not in found)


def _renaming(text: str, document: Document, path: KeyPath, new: str) -> Edit | None:
    """Return the edit that renames a key where it stands; None for one that only repeats another (an alias)."""
    if path not in document.lines:
        return None
    start, end = line_span(text, document.lines[path])
    found = re.search(rf"(?<![\w.-]){re.escape(path[-1])}(?=[\"']?\s*:)", text[start:end])
    return Edit(start + found.start(), start + found.end(), new) if found else None


# metadata_path


def _split_metadata_paths(text: str, kind_of: KindOf) -> tuple[str, list[str]]:
    """Return the text with each library's metadata_path under its new name or names, one library after the other."""
    said: list[str] = []
    tried: set[KeyPath] = set()
    while True:
        document = yaml12.load(text, CONFIG)
        path = next((path for path in _metadata_paths(document) if path not in tried), None)
        if path is None:
            return text, said
        tried.add(path)
        text, names = _split(text, document, path, kind_of)
        if names:
            said.append(f"{dotted(path)} is {' and '.join(names)} now")


def _metadata_paths(document: Document) -> Iterator[KeyPath]:
    for name, library in _mapping(_mapping(document.value).get("libraries")).items():
        found = _mapping(library)
        path: KeyPath = ("libraries", name, "metadata_path")
        if "metadata_path" in found and not BOTH & found.keys() and path in document.lines:
            yield path


def _split(text: str, document: Document, path: KeyPath, kind_of: KindOf) -> tuple[str, list[str]]:
    """Return the text with one metadata_path renamed, and the new names; entries of both kinds stand below both."""
    value = document.value["libraries"][path[1]]["metadata_path"]
    entries = value if isinstance(value, list) else [value]
    kinds = [kind_of(entry) for entry in entries]
    names = [name for name in sorted(BOTH) if any(name in kind for kind in kinds)] or ["collection_files"]
    edit = _renaming(text, document, path, names[0])
    if edit is None:
        return text, []
    if len(names) == 1:
        return applied(text, [edit]), names
    block = _Block(text, document.lines[path])
    parts = [block.under(name, [name in kind for kind in kinds]) for name in names]
    ended = [part if part.endswith("\n") else f"{part}\n" for part in parts[:-1]]
    return text[: block.start] + "".join([*ended, parts[-1]]) + text[block.end :], names


class _Block:
    """A key with all lines below it: a list whose items can be told apart, or something else that stays whole."""

    def __init__(self, text: str, number: int) -> None:
        lines = text.splitlines(keepends=True)
        self.start = sum(len(line) for line in lines[: number - 1])
        self.key, rest = lines[number - 1], lines[number:]
        indent = _indentation(self.key)
        length = next((at for at, line in enumerate(rest) if _ends_block(line, indent)), len(rest))
        self.below = rest[: _without_trailing_comments(rest, length)]
        self.end = self.start + len(self.key) + sum(map(len, self.below))

    def under(self, name: str, wanted: list[bool]) -> str:
        """Return the block below another key, with the wanted items only."""
        key = self.key.replace("metadata_path", name, 1)
        key = key if key.endswith("\n") else f"{key}\n"
        items = self._items()
        if len(items) != len(wanted):  # no list in block style
            return key + "".join(self.below)
        return key + "".join(item for item, is_wanted in zip(items, wanted, strict=True) if is_wanted)

    def _items(self) -> list[str]:
        """Return the lines of each item, with the comments above it."""
        dashes = [_indentation(line) for line in self.below if line.lstrip().startswith("-")]
        starts = [at for at, line in enumerate(self.below) if re.match(rf" {{{min(dashes, default=0)}}}-(\s|$)", line)]
        bounds = [0, *map(self._with_comments, starts[1:]), len(self.below)]
        return ["".join(self.below[one:other]) for one, other in pairwise(bounds)]

    def _with_comments(self, at: int) -> int:
        while self.below[at - 1].lstrip().startswith("#"):
            at -= 1
        return at


def _ends_block(line: str, indent: int) -> bool:
    """Return whether a line is the first that is no longer below a key; a list may stand at the key's own depth."""
    body = line.strip()
    if not body or body.startswith("#"):
        return False
    depth = _indentation(line)
    return depth < indent or (depth == indent and not re.match(r"-(\s|$)", body))


def _without_trailing_comments(lines: list[str], length: int) -> int:
    """Return how many lines are left without the blanks and comments at the end, which belong to what follows."""
    while length and (not lines[length - 1].strip() or lines[length - 1].lstrip().startswith("#")):
        length -= 1
    return length


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _mapping(value: Value) -> dict[Value, Value]:
    return value if isinstance(value, dict) else {}
