"""Paths in a config.yml of another machine, as the container has them. Pure.

Whoever ran Kometa without Docker has paths of that machine, such as /opt/kometa/config/Movies.yml.
"""

import posixpath
from collections.abc import Collection, Iterator
from typing import Final

from kometa_host.adoption.edits import Edit, applied, line_span, value_edit
from kometa_host.config_tree import yaml12
from kometa_host.config_tree.findings import ALLOW
from kometa_host.config_tree.named_files import CONFIG, FILE_LISTS, OLD_LISTS, in_config, named_files
from kometa_host.config_tree.plaintext_secrets import leaves
from kometa_host.config_tree.yaml12 import Document, KeyPath

LISTS: Final = (*FILE_LISTS, *OLD_LISTS, "playlist_files")
ALLOWED: Final = "  # kometa-host: allow"


def inside_config(text: str, known: Collection[str]) -> tuple[str, list[str]]:
    """Given a config.yml and all files and directories of the tree, return it with paths into the tree, and them.

    A path that is in /config already, or that ends like nothing in the tree, stays as it is. Raise YamlError.
    """
    document = yaml12.load(text, CONFIG)
    edits, said = [], []
    for path, value in _paths(document):
        place = _place_of(value, known)
        if place:
            edits.append(value_edit(text, document.places[path], f"config/{place}"))
            said.append(f"{value} is config/{place} now")
    return applied(text, edits), said


def with_missing_allowed(text: str, known: Collection[str]) -> tuple[str, list[str]]:
    """Return a config.yml in which lines are allowed that name a file or folder the source does not have, and these.

    Kometa passes over such a line with an error in its log, as it did before. Raise YamlError.
    """
    document = yaml12.load(text, CONFIG)
    missing = {
        document.line_of(file.path): file.name
        for file in named_files(document.value)
        if file.place is not None and "<<" not in file.name and not file.found(known)
    }
    return applied(text, _allowing(text, missing)), list(missing.values())


def _allowing(text: str, lines: Collection[int]) -> Iterator[Edit]:
    for number in lines:
        start, end = line_span(text, number)
        if not ALLOW.search(text[start:end]):
            yield Edit(end, end, ALLOWED)


def _paths(document: Document) -> Iterator[tuple[KeyPath, str]]:
    """Yield the places where config.yml names a file or folder of its own, and the names."""
    for path, value in leaves(document.value):
        if path in document.places and isinstance(value, str) and _is_path(path):
            yield path, value


def _is_path(path: KeyPath) -> bool:
    keys = [key for key in path if isinstance(key, str)]
    if keys[-1:] in (["file"], ["folder"]):
        return any(key in LISTS for key in keys)
    return keys[-1:] == ["asset_directory"] or keys == ["apprise", "config"] or keys[-1:] in [[name] for name in LISTS]


def _place_of(value: str, known: Collection[str]) -> str | None:
    """Return what in the tree a path of another machine means, by the longest end that they have in common."""
    name = value.strip().replace("\\", "/")
    if "<<" in name or "://" in name or in_config(name) is not None:
        return None
    return next((end for end in _ends(posixpath.normpath(name)) if _is(end, known)), None)


def _is(place: str, known: Collection[str]) -> bool:
    """Return whether a place is in the tree; Kometa puts .yml or .yaml behind a name without an ending."""
    stem = place.removesuffix(".yml").removesuffix(".yaml")
    return place == "." or any(name in known for name in (place, f"{stem}.yml", f"{stem}.yaml"))


def _ends(name: str) -> Iterator[str]:
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return ("/".join(parts[at:]) for at in range(len(parts)))
