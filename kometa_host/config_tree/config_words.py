"""Checks of the words in config.yml: keys, schedules, defaults and template variables that Kometa does not know. Pure.

All of it is told as a warning: Kometa passes over what it does not know.
Source: Kometa 2.4.4, modules/config.py and modules/meta.py.
"""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any, Final

from kometa_host.config_tree import named_files, schedules, vocabulary
from kometa_host.config_tree.findings import Finding, Place
from kometa_host.config_tree.named_files import mapping
from kometa_host.config_tree.yaml12 import KeyPath, Value

OF_A_LIBRARY: Final = ("plex", "radarr", "sonarr", "tautulli", "webhooks", "settings")
SCHEDULED_IN_PLEX: Final = ("clean_bundles", "empty_trash", "optimize")
FLAGS: Final = ("true", "false")
# names that libraries of films and of shows have
FILMS: Final = re.compile(r"(?i)\b(?:movies?|films?|filme|kino|cinema|pel[ií]culas)\b")
SHOWS: Final = re.compile(r"(?i)\b(?:tv|shows?|series|serien|s[eé]ries)\b")


def findings(at: Place) -> list[Finding]:
    """Given config.yml, return which of its words Kometa does not know."""
    return list(_Words(at).findings())


def kind_of(name: str) -> str | None:
    """Return whether a library's name is one of films or of shows, None if it does not tell."""
    is_film, is_show = bool(FILMS.search(name)), bool(SHOWS.search(name))
    return None if is_film == is_show else "films" if is_film else "shows"


def kind_of_default(written: str) -> str | None:
    """Return whether one of Kometa's defaults is for films or for shows alone, None if for both."""
    name = _bare(written)
    return "films" if name in vocabulary.FILM_DEFAULTS else "shows" if name in vocabulary.SHOW_DEFAULTS else None


def _bare(written: str) -> str:
    """Return the name of a default without its ending and the folder that it is in."""
    name = re.sub(r"\.ya?ml$", "", written)
    return next((name.removeprefix(start) for start in vocabulary.DEFAULT_FOLDERS if name.startswith(start)), name)


class _Words:
    def __init__(self, at: Place) -> None:
        self.at, self.config = at, mapping(at.document.value)
        self.libraries = mapping(self.config.get("libraries"))

    def findings(self) -> Iterator[Finding]:
        anchors = {original[0] for original in self.at.document.repeats.values() if original}
        names = [key for key in self.config if key not in anchors and not str(key).startswith(("x-", "."))]
        yield from self._keys((), names, vocabulary.TOP_LEVEL)
        for name in vocabulary.SECTIONS:
            yield from self._section((name,), mapping(self.config.get(name)))
        yield from self._plex(("plex",), mapping(self.config.get("plex")))
        for name, library in self.libraries.items():
            yield from self._library(("libraries", name), mapping(library))
        for path, entry in named_files.entries(self.config):
            yield from self._entry(path, mapping(entry))

    def _keys(self, path: KeyPath, names: Collection[Any], known: Collection[str]) -> Iterator[Finding]:
        for name in names:
            if name not in known:
                where = f" below {self.at.name(path)}" if path else " at the top of config.yml"
                remedy = _right_place(path, str(name)) or _nearest(str(name), known)
                yield self.at.warning((*path, name), f"Kometa does not know {name}{where}", remedy)

    def _section(self, path: KeyPath, section: dict[Any, Value]) -> Iterator[Finding]:
        name = str(path[-1])
        yield from self._keys(path, section, vocabulary.SECTIONS[name])
        flags = vocabulary.FLAG_KEYS.get(name, frozenset())
        numbers = vocabulary.NUMBER_KEYS.get(name, frozenset())
        for key, value in section.items():
            if value is None or "<<" in str(value):
                continue
            if key in flags and not isinstance(value, bool):
                yield self._taken_for_default((*path, key), value, "true or false")
            if key in numbers and not isinstance(value, int):
                yield self._taken_for_default((*path, key), value, "a whole number, without quotes")

    def _taken_for_default(self, path: KeyPath, value: Value, wanted: str) -> Finding:
        message = f"{self.at.name(path)} is {value!r}, and Kometa takes its default instead"
        return self.at.warning(path, message, f"write {wanted}")

    def _library(self, path: KeyPath, library: dict[Any, Value]) -> Iterator[Finding]:
        yield from self._keys(path, library, vocabulary.LIBRARY)
        for name in OF_A_LIBRARY:
            yield from self._section((*path, name), mapping(library.get(name)))
        yield from self._plex((*path, "plex"), mapping(library.get("plex")))
        operations = library.get("operations")
        for index, operation in enumerate(operations if isinstance(operations, list) else [operations]):
            below = (*path, "operations", index) if isinstance(operations, list) else (*path, "operations")
            yield from self._keys(below, mapping(operation), vocabulary.OPERATIONS)
            yield from self._schedule((*below, "schedule"), mapping(operation).get("schedule"))
        for key in ("schedule", "schedule_overlays", "schedule_overlay"):
            yield from self._schedule((*path, key), library.get(key))
        yield from self._variables((*path, "template_variables"), library.get("template_variables"))

    def _plex(self, path: KeyPath, plex: dict[Any, Value]) -> Iterator[Finding]:
        for key in SCHEDULED_IN_PLEX:
            if not isinstance(plex.get(key), bool) and str(plex.get(key)).lower() not in FLAGS:
                yield from self._schedule((*path, key), plex.get(key))

    def _schedule(self, path: KeyPath, value: Value) -> Iterator[Finding]:
        for message, remedy in schedules.problems(value):
            yield self.at.warning(path, f"{self.at.name(path)}: {message}", remedy)

    # Entries of the lists of files

    def _entry(self, path: KeyPath, entry: dict[Any, Value]) -> Iterator[Finding]:
        yield from self._schedule((*path, "schedule"), entry.get("schedule"))
        key = next(step for step in reversed(path) if isinstance(step, str))
        for word in ("default", "pmm"):
            if isinstance(entry.get(word), str):
                yield from self._default((*path, word), str(entry[word]), named_files.OLD_LISTS.get(key, (key,)))
                yield from self._variables((*path, "template_variables"), entry.get("template_variables"))
        if "repo" in entry and not mapping(self.config.get("settings")).get("custom_repo"):
            message = "repo: names a file of settings.custom_repo, and that is blank"
            yield self.at.warning((*path, "repo"), message, "set settings.custom_repo, or name the file by url:")
        if key == "playlist_files":
            libraries = mapping(entry.get("template_variables")).get("libraries")
            yield from self._playlist_libraries((*path, "template_variables", "libraries"), libraries)

    def _default(self, path: KeyPath, written: str, keys: Collection[str]) -> Iterator[Finding]:
        known = frozenset().union(*(vocabulary.DEFAULTS.get(key, frozenset()) for key in keys))
        name = _bare(written)
        if "<<" in written or "image_files" in keys:
            return
        if name not in known:
            message = f"Kometa has no default {written} for {' or '.join(keys)}"
            others = [key for key, names in vocabulary.DEFAULTS.items() if name in names]
            remedy = f"it has one of that name for {' and '.join(others)}; name it there" if others else ""
            yield self.at.warning(path, message, remedy or _nearest(name, known))
        elif path[0] == "libraries":
            yield from self._kind(path, name)

    def _kind(self, path: KeyPath, default: str) -> Iterator[Finding]:
        kind = kind_of(str(mapping(self.libraries.get(path[1])).get("library_name") or path[1]))
        only = kind_of_default(default) or kind
        if kind and only != kind:
            message = f"the default {default} is for libraries of {only}, and {path[1]} sounds like one of {kind}"
            yield self.at.warning(path, message, "name it in the other library; if it is right, allow the line")

    def _playlist_libraries(self, path: KeyPath, listed: Value) -> Iterator[Finding]:
        for name in listed if isinstance(listed, list) else str(listed or "").split(","):
            yield from unknown_library(self.at, path, str(name).strip(), self.libraries)

    # Variables of Kometa's own defaults; those of other files are their own

    def _variables(self, path: KeyPath, variables: Value) -> Iterator[Finding]:
        if variables is not None and not isinstance(variables, dict):
            yield self.at.warning(path, f"{self.at.name(path)} is not a mapping, and Kometa passes over it",
                                  "write names and values below it")  # fmt: skip
        for name, value in mapping(variables).items():
            if isinstance(value, dict | list) or value is None or "<<" in str(value):
                continue
            yield from self._variable((*path, name), str(name), value)

    def _variable(self, path: KeyPath, name: str, value: Value) -> Iterator[Finding]:
        known = vocabulary.VARIABLE_VALUES.get(name, frozenset(FLAGS) if name.startswith("use_") else frozenset())
        if known and str(value).lower() not in known:
            near = get_close_matches(str(value).lower(), known, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"write one of {', '.join(sorted(known)[:12])}"
            yield self.at.warning(path, f"{name} has no value {value}", remedy)
        if name in vocabulary.NUMBERS and not re.fullmatch(r"\d+", str(value)):
            yield self.at.warning(path, f"{name} is {value}, and has to be a whole number", "write a number")
        if name == "schedule" or name.startswith("schedule_"):
            yield from self._schedule(path, value)


def _nearest(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else "remove it, or look it up in Kometa's documentation"


def _right_place(path: KeyPath, name: str) -> str | None:
    """Return where in a library, or below which section, a key belongs that stands somewhere else."""
    inside = {"operations": vocabulary.OPERATIONS, "settings": vocabulary.SECTIONS["settings"]}
    if path[:1] == ("libraries",) and len(path) == 2:
        return next((f"write it below {key}: of the library" for key, known in inside.items() if name in known), None)
    if path[:1] == ("libraries",) and name in vocabulary.LIBRARY:
        return f"write it below {path[1]}: itself"
    if path == () and name in inside["settings"]:
        return "write it below settings:"
    return "write it below a library" if path == () and name in vocabulary.LIBRARY else None


def unknown_library(at: Place, path: KeyPath, name: str, libraries: Collection[Any]) -> Iterator[Finding]:
    """Yield that a playlist names a library that config.yml does not have."""
    known = [str(library) for library in libraries]
    if name and "<<" not in name and name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]}?" if near else f"write one of {', '.join(known) or 'them'}"
        yield at.warning(path, f"a playlist names the library {name}, which config.yml does not have", remedy)
