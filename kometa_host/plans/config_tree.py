"""Config tree of a host: what the project declares, brought together with what Kometa wrote there itself. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kometa_host.config_tree import merge, yaml12
from kometa_host.config_tree.merge import Deviation
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.yaml12 import Value, YamlError
from kometa_host.state import filesets
from kometa_host.state.filesets import Changes, Entry, FileSet, FoundSet, WantedFile

Seeds = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Reconciled:
    """The tree as it is to be written, what has to change for that, and where config.yml is not as declared."""

    tree: FileSet
    changes: Changes
    deviations: tuple[Deviation, ...] = ()


def reconcile(declared: FileSet, found: FoundSet, seeds: Seeds | None = None) -> Reconciled:
    """Given the declared tree and the found one, return what to write. What Kometa added to config.yml is kept.

    seeds are the tokens with which Trakt and MyAnimeList begin on a host that has none yet.
    """
    if found.text is None and (not seeds or found.digest == declared.digest):
        return Reconciled(declared, filesets.changes(declared, found))
    text = declared.files[CONFIG].text()
    document, on_host, previously = yaml12.load(text, CONFIG).value, _readable(found.text), _readable(found.declared)
    complete = merge.seeded(document, seeds or {})
    deviations = merge.deviations(complete, on_host, previously)
    if found.text is None or deviations:
        value = merge.wanted(complete, on_host, previously)
        file = WantedFile.of(merge.as_text(value, text, document), declared.files[CONFIG].mode)
    else:
        file = WantedFile.of(found.text, declared.files[CONFIG].mode)
        found = _taken_as_written(found, file)
    tree = replace(declared, files={**declared.files, CONFIG: file}, declared_digest=declared.digest)
    return Reconciled(tree, filesets.changes(tree, found), () if found.text is None else tuple(deviations))


def _readable(text: str | None) -> Value:
    try:
        return None if text is None else yaml12.load(text, CONFIG).value
    except YamlError:
        return None  # what cannot be read holds nothing worth keeping, and is kept as a copy when it is replaced


def _taken_as_written(found: FoundSet, file: WantedFile) -> FoundSet:
    """Return the found tree with its config.yml counted as ours, whatever Kometa did to its looks."""
    how = found.deviations.get(CONFIG, frozenset()) - {"changed"}
    rest = {name: ways for name, ways in found.deviations.items() if name != CONFIG}
    entry = found.manifest.get(CONFIG, Entry(None, file.mode, -1, -1))
    return replace(
        found,
        deviations=rest | ({CONFIG: how} if how else {}),
        manifest={**found.manifest, CONFIG: replace(entry, sha256=file.sha256)},
    )
