"""Checks of the config tree before anything connects: its YAML, secrets in plain text, and the sense of config.yml.

An error stops a deploy: what keeps Kometa from running or from reading a file that config.yml names, and secrets in
clear. All else is a warning. A line that ends with `# kometa-host: allow` has neither.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, astuple, replace
from typing import Any, Final

from kometa_host.config_tree import config_words, named_files, yaml12
from kometa_host.config_tree.cache import CacheFile, code_version
from kometa_host.config_tree.config_yml import ConfigChecks, KometaSettings, shown
from kometa_host.config_tree.definition_files import DefinitionFiles
from kometa_host.config_tree.definitions import Report, examine
from kometa_host.config_tree.findings import Finding, Place, is_allowed
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.plaintext_secrets import raw_secrets
from kometa_host.config_tree.tree import MAX_YAML_SIZE, ManagedFile, Tree
from kometa_host.config_tree.yaml12 import Document, YamlError

UNREADABLE: Final = "unreadable"


def check_tree(tree: Tree, settings: KometaSettings, secret_names: Collection[str] | None = None) -> list[Finding]:
    """Given a rendered tree and the host's settings, return all findings, by file and line.

    secret_names are the names of the host's secrets as the settings have them, None if they are not known.
    """
    memory = _Memory()
    config = _config_document(tree)
    findings = list(_content_findings(tree, _named(tree, config), memory))
    if config is not None:
        findings += ConfigChecks(tree, config, settings, secret_names).findings()
        findings += _definition_findings(tree, config, memory, settings.kometa_host_files)
    memory.save()
    found = _without_allowed(tree, dict.fromkeys(findings))
    return sorted(found, key=lambda finding: (finding.file != shown(tree, CONFIG), finding.file, finding.line))


def _named(tree: Tree, config: Document | None) -> set[str]:
    """Return the files that Kometa reads: config.yml and what it names."""
    named = named_files.named_files(config.value) if config else ()
    return {CONFIG, *(path for one in named for path in one.found(tree.files))}


def _without_allowed(tree: Tree, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings whose line does not allow them. config.yml itself has to be YAML in any case."""
    lines: dict[str, list[str]] = {}
    paths = {shown(tree, path): path for path in tree.files}
    for finding in findings:
        path = paths.get(finding.file)
        if path and path not in lines:
            lines[path] = tree.files[path].read().decode("utf-8-sig", "replace").splitlines()
        if path is None or not is_allowed(lines[path], finding.line):
            yield finding


def _config_document(tree: Tree) -> Document | None:
    try:
        return yaml12.load(tree.files[CONFIG].read(), CONFIG)
    except YamlError:
        return None  # a finding of its own


class _Memory:
    """What depends on a file's content alone, by a key that has its digest; remembered from one deploy to the next."""

    def __init__(self) -> None:
        self.store = CacheFile("checks")
        remembered = self.store.read().get(code_version())
        self.old: Mapping[str, Any] = remembered if isinstance(remembered, dict) else {}
        self.new: dict[str, Any] = {}

    def save(self) -> None:
        if not self.new.keys() <= self.old.keys():
            self.store.write({code_version(): self.new})


# What depends on one file's content alone: syntax, secrets in plain text, and its definitions


def _content_findings(tree: Tree, named: Collection[str], memory: _Memory) -> Iterator[Finding]:
    """Yield the findings of each YAML file; what cannot be read is an error only in a file that Kometa reads."""
    for path, file in tree.files.items():
        if not path.endswith((".yml", ".yaml")):
            continue
        key = f"{'config' if path == CONFIG else 'other'} {file.sha256}"
        found = _remembered(memory.old.get(key))
        findings = found if found is not None else list(_content_findings_of(file))
        memory.new[key] = [astuple(finding) for finding in findings]
        yield from (replace(_in_context(item, path in named), file=shown(tree, path)) for item in findings)


def _definition_findings(tree: Tree, config: Document, memory: _Memory, on_host: Collection[str]) -> Iterator[Finding]:
    """Yield the findings of the files that config.yml names, and of its own words."""
    yield from config_words.findings(Place(shown(tree, CONFIG), config))

    def report(path: str, keys: frozenset[str]) -> Report | None:
        file = tree.files[path]
        key = f"{' '.join(sorted(keys))} definitions {file.sha256}"
        found = _remembered_report(memory.old.get(key)) or _report_of(file, keys)
        memory.new[key] = asdict(found) if found else None
        return found

    yield from DefinitionFiles(tree, config.value, report, lambda path: shown(tree, path), on_host).findings()


def _report_of(file: ManagedFile, keys: frozenset[str]) -> Report | None:
    if file.size > MAX_YAML_SIZE:
        return None
    try:
        return examine(yaml12.load(file.read(), file.path), keys)
    except YamlError:
        return None  # a finding of its own


def _remembered_report(entry: object) -> Report | None:
    try:
        report = Report(**entry)  # type: ignore[arg-type]
        return replace(report, findings=[Finding(**finding) for finding in report.findings])  # type: ignore[arg-type]
    except TypeError:
        return None


def _in_context(finding: Finding, is_named: bool) -> Finding:
    """Return what a finding comes to in a file that config.yml names, or does not name."""
    if is_named or finding.kind != UNREADABLE:
        return finding
    message = f"{finding.message} (config.yml does not name this file)"
    return replace(finding, severity="warning", message=message)


def _remembered(entry: object) -> list[Finding] | None:
    try:
        return [Finding(*fields) for fields in entry]  # type: ignore[attr-defined]
    except TypeError:
        return None


def _content_findings_of(file: ManagedFile) -> Iterator[Finding]:
    if file.size > MAX_YAML_SIZE:
        message = f"is larger than {MAX_YAML_SIZE // 1024**2} MiB and was not checked"
        yield Finding("warning", file.path, 0, message, "split it, if Kometa is to read it")
        return
    content = file.read()
    try:
        document = yaml12.load(content, file.path)
    except YamlError as error:
        yield Finding("error", file.path, error.line, error.problem, error.remedy, UNREADABLE)
        document = Document(None, {})
    for path, tag in document.tags.items():
        message = f"`{tag}` is a tag of YAML here, which Kometa leaves out of the text"
        yield Finding("warning", file.path, document.line_of(path), message, "put quotes around the whole text")
    yield from raw_secrets(content.decode("utf-8-sig", "replace"), document, file.path)
