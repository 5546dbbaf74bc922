"""Checks of the config tree before anything connects: its YAML, secrets in clear, and the sense of config.yml."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import astuple
from functools import cache
from pathlib import Path
from typing import Any, Final

from kometa_host.config_tree import yaml12
from kometa_host.config_tree.cache import CacheFile
from kometa_host.config_tree.config_yml import ConfigChecks, KometaSettings, shown
from kometa_host.config_tree.findings import Finding
from kometa_host.config_tree.plaintext_secrets import raw_secrets
from kometa_host.config_tree.tree import CONFIG, ManagedFile, Tree
from kometa_host.config_tree.yaml12 import Document, YamlError

LARGEST: Final = 4 * 1024 * 1024  # bytes of a YAML file that is still read; people write far smaller ones


def check_tree(tree: Tree, settings: KometaSettings, secret_names: Collection[str] | None = None) -> list[Finding]:
    """Given a rendered tree and the host's settings, return all findings, by file and line.

    secret_names are the names of the host's secrets as the settings have them, None if they are not known.
    """
    findings = list(_content_findings(tree))
    config = _config_document(tree)
    if config is not None:
        findings += ConfigChecks(tree, config, settings, secret_names).findings()
    return sorted(
        dict.fromkeys(findings), key=lambda finding: (finding.file != shown(tree, CONFIG), finding.file, finding.line)
    )


def _config_document(tree: Tree) -> Document | None:
    try:
        return yaml12.load(tree.files[CONFIG].read(), CONFIG)
    except YamlError:
        return None  # a finding of its own


# What depends on one file's content alone: syntax, and secrets in clear


def _content_findings(tree: Tree) -> Iterator[Finding]:
    """Yield the findings of each YAML file. Those of a content that was checked before are remembered."""
    store = CacheFile("checks")
    remembered = store.read().get(_version())
    old: Mapping[str, Any] = remembered if isinstance(remembered, dict) else {}
    new: dict[str, Any] = {}
    for path, file in tree.files.items():
        if not path.endswith((".yml", ".yaml")):
            continue
        key = f"{'config' if path == CONFIG else 'other'} {file.sha256}"
        found = _remembered(old.get(key))
        findings = found if found is not None else list(_content_findings_of(file))
        new[key] = [astuple(finding) for finding in findings]
        yield from (
            Finding(item.severity, shown(tree, path), item.line, item.message, item.remedy) for item in findings
        )
    if not new.keys() <= old.keys():
        store.write({_version(): new})


@cache
def _version() -> str:
    """Return what changes with the checks, so that no older answer is taken for theirs."""
    here = Path(__file__)
    sources = [
        here,
        *(here.with_name(f"{name}.py") for name in ("findings", "plaintext_secrets", "redaction", "yaml12")),
    ]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _remembered(entry: object) -> list[Finding] | None:
    try:
        return [Finding(*fields) for fields in entry]  # type: ignore[attr-defined]
    except TypeError:
        return None


def _content_findings_of(file: ManagedFile) -> Iterator[Finding]:
    if file.size > LARGEST:
        message = f"is larger than {LARGEST // 1024**2} MiB and was not checked"
        yield Finding("warning", file.path, 0, message, "split it, if Kometa is to read it")
        return
    content = file.read()
    try:
        document = yaml12.load(content, file.path)
    except YamlError as error:
        yield Finding("error", file.path, error.line, error.problem, error.remedy)
        document = Document(None, {})
    yield from raw_secrets(content.decode("utf-8-sig", "replace"), document, file.path)
