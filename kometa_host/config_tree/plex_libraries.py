"""The libraries that config.yml names, held against those that Plex has. Pure.

Kometa compares the names letter by letter; one that Plex does not have is left out of the run, and a run that is left
with none ends. Source: Kometa 2.4.4, modules/plex.py.
"""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from kometa_host.config_tree import named_files
from kometa_host.config_tree.config_words import kind_of_default
from kometa_host.config_tree.named_files import mapping
from kometa_host.config_tree.yaml12 import Value

HOLDS: Final = {"movie": "films", "show": "shows", "artist": "music", "photo": "photos"}  # Plex's types in words


def wanted(config: Value) -> dict[str, str]:
    """Return the libraries of config.yml that are on its own server, not one of theirs: key there -> name in Plex."""
    libraries = mapping(mapping(config).get("libraries"))
    return {
        str(key): str(mapping(library).get("library_name") or key)
        for key, library in libraries.items()
        if not mapping(mapping(library).get("plex")).get("url")
    }


def missing(config: Value, found: Collection[str]) -> Iterator[tuple[str, str]]:
    """Given the value of config.yml and the names that Plex has, yield each name that it lacks and what to write."""
    for name in wanted(config).values():
        if name in found:
            continue
        same = [title for title in found if title.casefold() == name.casefold()]
        near = same or get_close_matches(name, found, n=1)
        yield name, f"did you mean {near[0]}?" if near else f"Plex has {', '.join(sorted(found)) or 'none'}"


def misplaced(config: Value, types: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Given the value of config.yml and the libraries of Plex with their types, yield each default that is for another
    kind: its name, the library that names it, and what this library holds.
    """
    names = wanted(config)
    for path, entry in named_files.entries(config):
        default = mapping(entry).get("default", mapping(entry).get("pmm"))
        key = str(path[1]) if path[0] == "libraries" else ""
        holds = HOLDS.get(types.get(names.get(key, ""), ""))
        if isinstance(default, str) and holds and (kind_of_default(default) or holds) != holds:
            yield default, key, holds


def libraries(answered: Mapping[str, Any]) -> dict[str, str] | None:
    """Given what programs/container/ask_plex.py answered, return the libraries that Plex has with their types.

    None if Plex did not tell them.
    """
    found = answered.get("libraries")
    return {str(name): str(kind) for name, kind in found.items()} if isinstance(found, dict) else None
