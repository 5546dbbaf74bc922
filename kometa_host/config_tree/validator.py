"""What Kometa's own validator says about a config tree, as findings with file and line. Pure.

Only a file that Kometa cannot read is an error: of what else its JSON schemas complain no run takes notice, and it is
told as a warning, once for each kind of complaint. The validator names places by library, base name and keys: `library
'Movies' collection_files: movies.yml [collection-schema.json] at collections -> Best: ...`. The lines are found in the
project's own files; config.yml on the host can have more, which Kometa has added.
Source: Kometa 2.4.4, modules/validator.py.
"""

import json
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from kometa_host.config_tree import yaml12
from kometa_host.config_tree.findings import Finding, Severity, dotted, is_allowed, summarised
from kometa_host.config_tree.named_files import CONFIG, in_config, is_on_host
from kometa_host.config_tree.plaintext_secrets import leaves
from kometa_host.config_tree.redaction import is_harmless, is_secret_path, redacted_value
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value, YamlError
from kometa_host.errors import UserError

MAX_LENGTH = 400  # characters of one message; a schema's complaint repeats the whole value
MAX_VALUE = 60
LIBRARY = re.compile(r"library '(?P<library>.*?)'(?: (?P<key>\w+))?: (?P<rest>.*)", re.DOTALL)
PLAYLISTS = re.compile(r"(?P<key>playlist_files): (?P<rest>.*)", re.DOTALL)
FILE = re.compile(r"(?P<name>[^:\[]+?\.ya?ml)(?: \[(?P<schema>[\w.-]+)\] at (?P<at>.*)|: (?P<rest>.*))", re.DOTALL)
NOT_FOUND = re.compile(r"path not found: (?P<path>.*)", re.DOTALL)
UNREADABLE = re.compile(r"YAML Error|Error loading file")
# what a schema says about a value, after the value itself
COMPLAINT = re.compile(
    r".*(?P<complaint>(?:is not (?:of type|one of|valid under|a |allowed)|is a required property|does not match|is too "
    r"|is less than|is greater than|has non-unique|should not be|is a dependency|was expected|non-empty).*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Verdict:
    """What the validator said, in its own words; unable: why this image's Kometa cannot be asked, empty if it could."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unable: str = ""


@dataclass(frozen=True)
class _Said:
    """One thing that the validator said; kind is equal for complaints that are told together, empty for the others."""

    finding: Finding
    kind: tuple[str, ...] = ()


def parse(output: bytes) -> Verdict:
    """Given what programs/container/validate.py printed, return the verdict. Raise UserError if it is no answer."""
    try:
        answer = json.loads(output)
        errors, warnings = (tuple(map(str, answer.get(name, ()))) for name in ("errors", "warnings"))
        return Verdict(errors, warnings, str(answer.get("unable", "")))
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise UserError("Kometa's validator gave no answer that could be understood; nothing was changed.") from None


def findings(
    verdict: Verdict,
    files: Mapping[str, str],
    folder: str,
    on_host: str,
    secrets: frozenset[str],
    host_files: Collection[str] = (),
) -> list[Finding]:
    """Given a verdict and the texts of the project's YAML files, by path in the tree, return what to show.

    folder: what messages call the tree; on_host: config.yml as Kometa has it; secrets: texts that no message may show;
    host_files: patterns of what is on the host alone, and not before the validator.
    """
    places = _Places(files, on_host)
    texts: list[tuple[Severity, str]] = [("error", text) for text in verdict.errors]
    texts += [("warning", text) for text in verdict.warnings]
    said = [_said(places, severity, text) for severity, text in texts if not _is_the_hosts(text, host_files)]
    lines = {name: text.splitlines() for name, text in files.items()}
    found = [one for one in said if not is_allowed(lines.get(one.finding.file, ()), one.finding.line)]
    return [
        Finding(one.severity, f"{folder}/{one.file}", one.line, _shown(one.message, secrets), one.remedy)
        for one in summarised((one.kind or number, one.finding) for number, one in enumerate(found))
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
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 3]}..."


def _said(places: "_Places", severity: Severity, text: str) -> _Said:
    library = LIBRARY.fullmatch(text) or PLAYLISTS.fullmatch(text)
    if library is None:
        return _in_file(places, severity, CONFIG, text)
    path: KeyPath = ("libraries", library["library"]) if "library" in library.groupdict() else ()
    path = (*path, library["key"]) if library["key"] else path
    if missing := NOT_FOUND.fullmatch(library["rest"]):
        return _missing(places, path, missing["path"])
    named = FILE.fullmatch(library["rest"])
    if named and (file := places.file(path, named["name"])):
        return _in_file(places, severity, file, library["rest"])
    return _Said(Finding(_severity(severity, text), CONFIG, places.line(CONFIG, path), library["rest"], "correct it"))


def _is_the_hosts(text: str, patterns: Collection[str]) -> bool:
    """Return whether a message says that a file is missing which the settings have as the host's own."""
    library = LIBRARY.fullmatch(text) or PLAYLISTS.fullmatch(text)
    missing = NOT_FOUND.fullmatch(library["rest"]) if library else None
    place = in_config(missing["path"]) if missing else None
    return place is not None and is_on_host(place, patterns)


def _missing(places: "_Places", path: KeyPath, name: str) -> _Said:
    """Return that a file is not there: our own checks have refused one of the project's, others come with a mount."""
    line = places.line(CONFIG, places.entry(path, name))
    remedy = "it has to come with a mount, or from another program on the host; else Kometa passes over it"
    return _Said(Finding("warning", CONFIG, line, f"{name} is not among the project's files", remedy))


def _severity(said: Severity, text: str) -> Severity:
    return "error" if said == "error" and UNREADABLE.search(text) else "warning"


def _in_file(places: "_Places", severity: Severity, file: str, text: str) -> _Said:
    named = FILE.fullmatch(text)
    if named is None:
        return _Said(Finding(_severity(severity, text), file, 0, text, "correct it"))
    if named["schema"] is None:
        line = places.error_line(file)
        return _Said(Finding(_severity(severity, named["rest"]), file, line, named["rest"], "correct it"))
    path, message, is_added = places.walk(file, named["at"])
    return _complaint(places, file, path, message, named["schema"], is_added)


def _complaint(places: "_Places", file: str, path: KeyPath, message: str, schema: str, is_added: bool) -> _Said:
    """Return a schema's complaint about the value at a path; is_added: Kometa itself has put it there."""
    found = COMPLAINT.fullmatch(message)
    complaint = found["complaint"] if found else message
    value = message.removesuffix(complaint).strip()
    value = value if len(value) <= MAX_VALUE else f"{value[: MAX_VALUE - 3]}..."
    text = f"{value} {complaint}" if value else complaint
    text = f"{dotted(path)}: {text}" if path else text
    if is_added:
        text = f"{text}; Kometa has added it on the host"
    remedy = f"Kometa's {schema} would have it otherwise; runs as a rule take no notice"
    kind = (file if is_added else "", schema, re.sub(r"\[.*", "", complaint), str(is_added))
    return _Said(Finding("warning", file, 0 if is_added else places.line(file, path), text, remedy), kind)


class _Places:
    """Finds lines and files that the validator only hints at."""

    def __init__(self, files: Mapping[str, str], on_host: str) -> None:
        self._files = files
        self._documents: dict[str, Document | YamlError] = {}
        self._on_host = _read(on_host, CONFIG)

    def _document(self, file: str) -> Document | None:
        if file not in self._documents:
            self._documents[file] = _read(self._files.get(file, ""), file)
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

    def walk(self, file: str, text: str) -> tuple[KeyPath, str, bool]:
        """Given `key -> key: message`, return the path, the message, and whether only the host's file has the path.

        Keys may contain anything: the values decide.
        """
        declared = self._document(file)
        read = self._on_host if file == CONFIG and isinstance(self._on_host, Document) else declared
        path, message = _walked(read.value if read else None, text)
        ours, _ = _walked(declared.value if declared else None, text)
        return path, message, len(ours) < len(path)

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


def _read(text: str, file: str) -> Document | YamlError:
    try:
        return yaml12.load(text, file)
    except YamlError as error:
        return error


def _walked(value: Value, text: str) -> tuple[KeyPath, str]:
    path: KeyPath = ()
    text = text.removeprefix("(root): ")
    while step := _step(value, text):
        key, text = step
        path, value = (*path, key), value[key]
        if text.startswith(": "):
            return path, text[2:]
        text = text.removeprefix(" -> ")
    return path, text


def _step(value: Value, text: str) -> tuple[object, str] | None:
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for key in sorted(keys, key=lambda key: -len(str(key))):
        rest = text.removeprefix(str(key))
        if text.startswith(str(key)) and rest.startswith((": ", " -> ")):
            return key, rest
    return None


def _same_file(one: str, other: str) -> bool:
    return posixpath.join("/", posixpath.normpath(one)) == posixpath.join("/", posixpath.normpath(other))
