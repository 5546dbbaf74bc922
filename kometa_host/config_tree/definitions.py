"""Checks of the files that config.yml names: what Kometa would not load, or not know. Pure, and by content alone.

All of it is told as a warning: Kometa passes over what it does not know, and over a file that it cannot load, and goes
on with the others.
Source: Kometa 2.4.4, modules/meta.py and modules/builder.py.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from kometa_host.config_tree import named_files, schedules, vocabulary
from kometa_host.config_tree.findings import Finding, Place
from kometa_host.config_tree.named_files import mapping
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value

DEFINED: Final = ("collections", "dynamic_collections", "overlays", "playlists", "metadata")
SCHEDULED: Final = ("schedule", "visible_library", "visible_home", "visible_shared")


@dataclass
class Report:
    """What a file says: findings without the file's name, and what only other files can judge.

    templates: names that it defines; calls: lines with the name of a template; external: lines with a file of templates
    that it names, None for one that is none of the tree's; libraries: lines with a library of a playlist; films, shows:
    lines with what only libraries of that kind have.
    """

    findings: list[Finding] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    calls: list[tuple[int, str]] = field(default_factory=list)
    external: list[tuple[int, str | None]] = field(default_factory=list)
    libraries: list[tuple[int, str]] = field(default_factory=list)
    films: list[tuple[int, str]] = field(default_factory=list)
    shows: list[tuple[int, str]] = field(default_factory=list)


def examine(document: Document, keys: Collection[str]) -> Report:
    """Given a file's document and the keys of config.yml that name it, return what is to be said of it."""
    return _Examination(document, frozenset(keys)).report()


class _Examination:
    def __init__(self, document: Document, keys: frozenset[str]) -> None:
        self.document, self.keys = document, keys
        self.at = Place("", document)
        self.roots = frozenset().union(*(vocabulary.ROOTS.get(key, frozenset()) for key in keys))
        self.result = Report()

    def report(self) -> Report:
        self.result.findings += self._roots()
        content = mapping(self.document.value)
        for root in DEFINED:
            for name, body in mapping(content.get(root)).items():
                self.result.findings += self._definition((root, name), body)
        for name, body in mapping(content.get("templates")).items():
            self.result.templates.append(str(name))
            self.result.findings += self._attributes(("templates", name), mapping(body), vocabulary.TEMPLATE)
        self._external(content.get("external_templates"))
        self.result.findings = _counted(self.result.findings)
        return self.result

    # The file as a whole

    def _roots(self) -> Iterator[Finding]:
        value = self.document.value
        wanted = " or ".join(f"{root}:" for root in sorted(self.roots))
        if not isinstance(value, dict) or not value:
            found = "is empty" if value in (None, {}, "") else "is a list" if isinstance(value, list) else "has no keys"
            yield self.at.warning((), f"the file {found}, and Kometa does not load it", f"begin it with {wanted}")
            return
        if not self.roots & value.keys():
            yield self._without_root(value, wanted)
        for root in self.roots & value.keys():
            if not value[root]:
                yield self.at.warning((root,), f"{root} is blank, so Kometa finds nothing in it", "write below it")
        for key in value:
            yield from self._root(key)

    def _without_root(self, value: dict[Any, Value], wanted: str) -> Finding:
        others = [(root, key) for key, roots in vocabulary.ROOTS.items() for root in roots if root in value]
        if others:
            root, key = others[0]
            message = f"{root} is not read in a file that stands below {' and '.join(sorted(self.keys))}"
            return self.at.warning((root,), message, f"name the file below {key}")
        return self.at.warning((), "nothing in this file is read by Kometa", f"begin it with {wanted}")

    def _root(self, key: Value) -> Iterator[Finding]:
        known = self.roots.union(*(vocabulary.BESIDE.get(name, frozenset()) for name in self.keys))
        near = get_close_matches(str(key), known, n=1, cutoff=0.8)
        if key not in known and near and near[0] not in self.document.value:
            yield self.at.warning((key,), f"Kometa does not know {key} here", f"did you mean {near[0]}?")

    # Collections, overlays, playlists, metadata

    def _definition(self, path: KeyPath, body: Value) -> Iterator[Finding]:
        if body is not None and not isinstance(body, dict):
            yield self.at.warning(path, f"{path[0]}.{path[1]} is not a mapping, and Kometa passes over it",
                                  "write its keys below its name")  # fmt: skip
            return
        self._template_calls(path, mapping(body).get("template"))
        if path[0] == "playlists":
            self._playlist_libraries((*path, "libraries"), mapping(body).get("libraries"))
        if path[0] == "dynamic_collections":
            yield from self._dynamic(path, mapping(body))
        elif path[0] != "metadata":
            yield from self._attributes(path, mapping(body))

    def _attributes(self, path: KeyPath, body: dict[Any, Value], besides: Collection[str] = ()) -> Iterator[Finding]:
        for key, value in body.items():
            name = str(key).lower().partition(".")[0]
            if "<<" in name or name in besides:
                continue
            if name not in vocabulary.ATTRIBUTES and name not in vocabulary.SEARCHES:
                yield self._unknown((*path, key), str(key), vocabulary.ATTRIBUTES)
            if name in SCHEDULED and not isinstance(value, bool):
                yield from self._schedule((*path, key), value)
            if path[0] == "collections":
                self._vote((*path, key), name)

    def _dynamic(self, path: KeyPath, body: dict[Any, Value]) -> Iterator[Finding]:
        for key in body:
            if str(key).lower() not in vocabulary.DYNAMIC:
                yield self._unknown((*path, key), str(key), vocabulary.DYNAMIC)
        kind = body.get("type")
        if kind is None:
            yield self.at.warning(path, f"{path[0]}.{path[1]} has no type, and Kometa passes over it", "write one")
        elif str(kind).lower() not in vocabulary.DYNAMIC_TYPES:
            yield self._unknown((*path, "type"), str(kind), vocabulary.DYNAMIC_TYPES)

    def _unknown(self, path: KeyPath, word: str, known: Collection[str]) -> Finding:
        near = get_close_matches(word.lower(), known, n=1)
        remedy = (
            f"did you mean {near[0]}?" if near else f"look it up in the documentation of Kometa {vocabulary.VERSION}"
        )
        return self.at.warning(path, f"Kometa does not know {word} here", remedy)

    def _schedule(self, path: KeyPath, value: Value) -> Iterator[Finding]:
        for message, remedy in schedules.problems(value):
            yield self.at.warning(path, f"{path[-1]}: {message}", remedy)

    def _vote(self, path: KeyPath, name: str) -> None:
        entry = (self.document.line_of(path), name)
        if name in vocabulary.FILM_ATTRIBUTES:
            self.result.films.append(entry)
        if name in vocabulary.SHOW_ATTRIBUTES:
            self.result.shows.append(entry)

    # What other files, or config.yml, have to say about

    def _template_calls(self, path: KeyPath, calls: Value) -> None:
        for call in calls if isinstance(calls, list) else [calls]:
            name = mapping(call).get("name")
            if isinstance(name, str) and "<<" not in name:
                self.result.calls.append((self.document.line_of((*path, "template")), name))

    def _playlist_libraries(self, path: KeyPath, listed: Value) -> None:
        names = listed if isinstance(listed, list) else str(listed or "").split(",")
        line = self.document.line_of(path)
        self.result.libraries += [
            (line, str(name).strip()) for name in names if str(name).strip() and "<<" not in str(name)
        ]

    def _external(self, listed: Value) -> None:
        key = "external_templates"
        for index, entry in enumerate(listed) if isinstance(listed, list) else [(None, listed)] if listed else []:
            path: KeyPath = (key,) if index is None else (key, index)
            files = [one.name for one in named_files.named_by(path, entry) if not one.is_folder]
            line = self.document.line_of(path)
            self.result.external += [(line, name) for name in files] or [(line, None)]


def _counted(findings: list[Finding]) -> list[Finding]:
    """Return the findings, of equal ones the first with the number of the others."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.message, finding.remedy), []).append(finding)
    return [
        one if len(lines := {other.line for other in others}) == 1
        else Finding(one.severity, one.file, one.line, f"{one.message} (in {len(lines)} lines)", one.remedy)
        for one, *rest in alike.values()
        for others in [[one, *rest]]
    ]  # fmt: skip
