"""The files that config.yml names, checked together: what one says by itself, and what the others make of it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from kometa_host.config_tree import config_words, named_files
from kometa_host.config_tree.definitions import Report
from kometa_host.config_tree.findings import Finding
from kometa_host.config_tree.named_files import NamedFile, mapping
from kometa_host.config_tree.tree import Tree
from kometa_host.config_tree.yaml12 import Value

Reports = Callable[[str, frozenset[str]], Report | None]


class DefinitionFiles:
    """The checks of all definition files of a tree.

    reports gives what a file of the tree says by itself, None if it cannot be read; shown how messages call it;
    on_host are patterns of what other programs write on the host.
    """

    def __init__(
        self, tree: Tree, config: Value, reports: Reports, shown: Callable[[str], str], on_host: Collection[str]
    ) -> None:
        self.tree, self.reports, self.shown, self.on_host = tree, reports, shown, on_host
        self.libraries: Mapping[Any, Value] = mapping(mapping(config).get("libraries"))
        self.keys: dict[str, set[str]] = {}
        self.named_by: dict[str, set[str]] = {}
        for named in named_files.named_files(config):
            for path in named.found(tree.files):
                self.keys.setdefault(path, set()).update(named_files.OLD_LISTS.get(named.key, (named.key,)))
                self.named_by.setdefault(path, set()).update(
                    [str(named.path[1])] if named.path[0] == "libraries" else []
                )

    def findings(self) -> Iterator[Finding]:
        for path, keys in self.keys.items():
            report = None if keys == {"image_files"} else self.reports(path, frozenset(keys - {"image_files"}))
            if report:
                file = self.shown(path)
                yield from (replace(finding, file=file) for finding in report.findings)
                yield from self._missing_templates(file, report)
                yield from self._templates(file, report)
                yield from self._libraries(file, report)
                yield from self._kinds(file, report, self.named_by[path])

    def _templates(self, file: str, report: Report) -> Iterator[Finding]:
        """Yield calls of templates that are nowhere, unless some come from where we cannot look."""
        known = set(report.templates)
        for _, name in report.external:
            places = _template_file(name).found(self.tree.files) if name else []
            external = self.reports(places[0], frozenset()) if places else None
            if external is None or external.external:
                return
            known.update(external.templates)
        for line, name in report.calls:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                remedy = f"did you mean {near[0]}?" if near else "define it below templates: in this file"
                yield Finding("warning", file, line, f"there is no template {name}", remedy)

    def _missing_templates(self, file: str, report: Report) -> Iterator[Finding]:
        """Yield files of templates that would have to be in the tree; other programs write some on the host."""
        for line, name in report.external:
            place = _template_file(name).place if name else None
            if name is None or place is None or "<<" in name or named_files.is_on_host(place, self.on_host):
                continue
            if not _template_file(name).found(self.tree.files):
                near = named_files.near_file(place, self.tree.files)
                remedy = f"did you mean config/{near}?" if near else f"create {self.shown(place)}"
                yield Finding("warning", file, line, f"external_templates names {name}, which is not in the project",
                              remedy)  # fmt: skip

    def _libraries(self, file: str, report: Report) -> Iterator[Finding]:
        known = [str(name) for name in self.libraries]
        for line, name in report.libraries:
            if name not in known:
                near = get_close_matches(name, known, n=1, cutoff=0.5)
                remedy = f"did you mean {near[0]}?" if near else f"write one of {', '.join(known)}"
                message = f"a playlist names the library {name}, which config.yml does not have"
                yield Finding("warning", file, line, message, remedy)

    def _kinds(self, file: str, report: Report, libraries: set[str]) -> Iterator[Finding]:
        """Yield what is only for films in a file that only libraries of shows name, and the other way."""
        kinds = {config_words.kind_of(name) for name in libraries}
        for kind, entries in (("shows", report.films), ("films", report.shows)):
            if kinds == {kind} and entries:
                line, word = entries[0]
                other = "films" if kind == "shows" else "shows"
                message = (
                    f"{word} is for libraries of {other}, and {' and '.join(sorted(libraries))} sounds like {kind}"
                )
                yield Finding("warning", file, line, message, "name the file in the other library, or allow the line")


def _template_file(name: str) -> NamedFile:
    return NamedFile((), "external_templates", name, is_folder=False)
