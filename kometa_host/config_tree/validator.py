"""What Kometa's own validator says about a config tree, as findings with file and line. Pure.

The validator names places by library, base name and keys: `library 'Movies' collection_files: movies.yml
[collection-schema.json] at collections -> Best: ...`. The lines are found in the project's own files.
Source: Kometa 2.4.4, modules/validator.py.
"""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kometa_host.config_tree import yaml12
from kometa_host.config_tree.config_yml import in_config
from kometa_host.config_tree.findings import Finding, Severity
from kometa_host.config_tree.plaintext_secrets import leaves
from kometa_host.config_tree.redaction import is_harmless, is_secret_path, redacted_value
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value, YamlError
from kometa_host.errors import UserError

CONFIG = "config.yml"
LONGEST = 400  # characters of one message; a schema's complaint repeats the whole value
LIBRARY = re.compile(r"library '(?P<library>.*?)'(?: (?P<key>\w+))?: (?P<rest>.*)", re.DOTALL)
PLAYLISTS = re.compile(r"(?P<key>playlist_files): (?P<rest>.*)", re.DOTALL)
FILE = re.compile(r"(?P<name>[^:\[]+?\.ya?ml)(?: \[(?P<schema>[\w.-]+)\] at (?P<at>.*)|: (?P<rest>.*))", re.DOTALL)
NOT_FOUND = re.compile(r"path not found: (?P<path>.*)", re.DOTALL)


@dataclass(frozen=True)
class Verdict:
    """What the validator said, in its own words; unable: why this image's Kometa cannot be asked, empty if it could."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unable: str = ""


def parse(output: bytes) -> Verdict:
    """Given what programs/container/validate.py printed, return the verdict. Raise UserError if it is no answer."""
    try:
        answer = json.loads(output)
        return Verdict(tuple(answer.get("errors", ())), tuple(answer.get("warnings", ())), answer.get("unable", ""))
    except (ValueError, AttributeError, TypeError):
        raise UserError("Kometa's validator gave no answer that could be understood; nothing was changed.") from None


def findings(verdict: Verdict, files: Mapping[str, str], folder: str, secrets: frozenset[str]) -> list[Finding]:
    """Given a verdict and the texts of the project's YAML files, by path in the tree, return what to show.

    folder: what messages call the tree; secrets: texts that no message may show.
    """
    places = _Places(files)
    found = [_finding(places, "error", text) for text in verdict.errors]
    found += [_finding(places, "warning", text) for text in verdict.warnings]
    return [
        Finding(one.severity, f"{folder}/{one.file}", one.line, _shown(one.message, secrets), one.remedy)
        for one in found
    ]


def secrets_in(config: str) -> frozenset[str]:
    """Return the secrets that stand in a config.yml of a host: tokens that Kometa wrote there."""
    try:
        value = yaml12.load(config, CONFIG).value
    except YamlError:
        return frozenset()
    secret = ((path, item) for path, item in leaves(value) if is_secret_path(path) and not is_harmless(item))
    return frozenset(str(item) for _, item in secret)


def _shown(message: str, secrets: frozenset[str]) -> str:
    text = str(redacted_value(" ".join(message.split()), (), secrets))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _finding(places: "_Places", severity: Severity, text: str) -> Finding:
    library = LIBRARY.fullmatch(text) or PLAYLISTS.fullmatch(text)
    if library is None:
        return _in_file(places, severity, CONFIG, (), text)
    path: KeyPath = ("libraries", library["library"]) if "library" in library.groupdict() else ()
    path = (*path, library["key"]) if library["key"] else path
    if missing := NOT_FOUND.fullmatch(library["rest"]):
        line = places.line(CONFIG, places.entry(path, missing["path"]))
        remedy = "put the file into the project, or correct the path"
        return Finding(severity, CONFIG, line, f"there is no file {missing['path']}", remedy)
    named = FILE.fullmatch(library["rest"])
    if named and (file := places.file(path, named["name"])):
        return _in_file(places, severity, file, path, library["rest"])
    return Finding(severity, CONFIG, places.line(CONFIG, path), library["rest"], "correct it")


def _in_file(places: "_Places", severity: Severity, file: str, path: KeyPath, text: str) -> Finding:
    named = FILE.fullmatch(text)
    if named is None:
        return Finding(severity, file, 0, text, "correct it")
    if named["schema"] is None:
        return Finding(severity, file, places.error_line(file), named["rest"], "correct it")
    where, message = places.walk(file, named["at"])
    return Finding(severity, file, places.line(file, where), message, f"Kometa's schema {named['schema']} refuses it")


class _Places:
    """Finds lines and files that the validator only hints at."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._documents: dict[str, Document | YamlError] = {}

    def _document(self, file: str) -> Document | None:
        if file not in self._documents:
            try:
                self._documents[file] = yaml12.load(self._files.get(file, ""), file)
            except YamlError as error:
                self._documents[file] = error
        document = self._documents[file]
        return document if isinstance(document, Document) else None

    def line(self, file: str, path: KeyPath) -> int:
        """Return the line of a value, 0 if only the file is known."""
        document = self._document(file)
        return document.line_of(path) if document and path else 0

    def error_line(self, file: str) -> int:
        """Return the line at which a file stops being YAML, 0 if it is YAML to us."""
        self._document(file)
        error = self._documents[file]
        return error.line if isinstance(error, YamlError) else 0

    def walk(self, file: str, text: str) -> tuple[KeyPath, str]:
        """Given `key -> key: message`, return the path and the message. Keys may contain anything: values decide."""
        document = self._document(file)
        value: Value = document.value if document else None
        path: KeyPath = ()
        text = text.removeprefix("(root): ")
        while step := _step(value, text):
            key, text = step
            path, value = (*path, key), value[key]
            if text.startswith(": "):
                return path, text[2:]
            text = text.removeprefix(" -> ")
        return path, text

    def entry(self, path: KeyPath, name: str) -> KeyPath:
        """Return the path of the entry of a list that names a file, else that of the list."""
        return next((found for found, item in self._named(path) if _same_file(item, name)), path)

    def file(self, path: KeyPath, base: str) -> str | None:
        """Return the file of the tree with this base name that the list at the path names; else the only such one."""
        named = (in_config(item) for _, item in self._named(path))
        candidates = [name for name in named if name in self._files and posixpath.basename(name or "") == base]
        candidates += [name for name in self._files if posixpath.basename(name) == base]
        return candidates[0] if candidates else None

    def _named(self, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
        document = self._document(CONFIG)
        value: Value = document.value if document else None
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        for index, item in enumerate(value if isinstance(value, list) else []):
            name = item.get("file") if isinstance(item, dict) else item
            if isinstance(name, str):
                yield (*path, index), name


def _step(value: Value, text: str) -> tuple[object, str] | None:
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for key in sorted(keys, key=lambda key: -len(str(key))):
        rest = text.removeprefix(str(key))
        if text.startswith(str(key)) and rest.startswith((": ", " -> ")):
            return key, rest
    return None


def _same_file(one: str, other: str) -> bool:
    return posixpath.join("/", posixpath.normpath(one)) == posixpath.join("/", posixpath.normpath(other))
