"""What adoption makes of a source: files of the config tree, secrets, variables of the host. Changes nothing."""

import glob
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kometa_host.adoption import comments, host_settings, layout, old_names, paths
from kometa_host.adoption.container import Container, containers_in, dotenv
from kometa_host.adoption.host_settings import HostSettings
from kometa_host.adoption.lifting import is_liftable, lifted
from kometa_host.adoption.paths import ALLOWED
from kometa_host.adoption.required import with_required
from kometa_host.adoption.sources import Source, SourceError
from kometa_host.adoption.vault import Vault
from kometa_host.config_tree import yaml12
from kometa_host.config_tree.findings import Finding, is_allowed
from kometa_host.config_tree.named_files import CONFIG, in_config, mapping, named_files
from kometa_host.config_tree.placeholders import kometa_name
from kometa_host.config_tree.plaintext_secrets import leaves, raw_secrets
from kometa_host.config_tree.tree import MAX_NAMED, MAX_YAML_SIZE
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value, YamlError
from kometa_host.settings.names import HOST_ITSELF
from kometa_host.settings.urls import parts_of

KINDS = {"metadata": "metadata_files", "collections": "collection_files", "dynamic_collections": "collection_files"}
SECTIONS = frozenset({"libraries", "plex", "settings", "tmdb"})  # every configuration has one of these
UNDESCRIBED = "no description"
TRIAL = "https://example.org/1"  # what a place is tried with
BOTH = frozenset(KINDS.values())


@dataclass
class Adoption:
    """What a source gives a project. No secret is in any text but those of `secrets`, `commented` and `seeds`.

    root: the folder of config.yml in the source; changed: path -> content, of config.yml and all YAML; copied: paths of
    images and the like; on_host: paths of files that Kometa reads and that hold secrets, which no project may have;
    commented: secrets that stood in comments only; seeds: section -> first tokens; variables: of group_data.
    """

    root: str
    config: str
    changed: dict[str, bytes] = field(default_factory=dict)
    copied: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    commented: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, dict[str, str]] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    of_kometa: list[str] = field(default_factory=list)
    large: dict[str, int] = field(default_factory=dict)
    on_host: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)

    def in_source(self, path: str) -> str:
        """Return where in the source a file of the tree is."""
        return f"{self.root}/{path}" if self.root else path


def adoption_of(source: Source) -> Adoption:
    """Return what a source gives. Raise SourceError or YamlError if it has no configuration that Kometa can read."""
    files = source.files()
    given = _container_settings(source, files)
    config = layout.config_path(source, files, source.config or given.config)
    if files[config] > MAX_YAML_SIZE:
        raise SourceError(
            f"{source.shown}: {config} is larger than {MAX_YAML_SIZE // 1024**2} MiB; is it the right one?"
        )
    root = posixpath.dirname(config)
    text = _text_of(_content(source, config), posixpath.basename(config))
    _refuse_foreign(text, posixpath.basename(config))
    left = _named_in_short(path for path in source.left if f"{path}/".startswith(f"{root}/" if root else ""))
    sorted_files = layout.sort_files(files, root, config, _named(text))
    result = Adoption(root, config, variables=given.values, notes=given.notes)
    result.notes += [f"links that lead out of the source, or to nothing, are not followed: {left}"] if left else []
    result.of_kometa, result.large = sorted_files.of_kometa, sorted_files.large
    # what is too large for a definition is copied as it is, and never held in memory
    large = [path for path in sorted_files.yaml if files[result.in_source(path)] > MAX_YAML_SIZE]
    contents = _contents(source, result, [path for path in sorted_files.yaml if path not in large])
    known = {*contents, *large, *sorted_files.others, *_directories(files, root)}
    text, moved = paths.inside_config(text, known)
    _adopt_config(result, text, given, contents, known)
    result.renamed += moved
    result.copied = [*sorted_files.others, *large]
    result.rest = list(sorted_files.rest)
    _adopt_definitions(result, text, contents)
    return result


# What is read


def _contents(source: Source, result: Adoption, wanted: Iterable[str]) -> dict[str, bytes]:
    by_source = {result.in_source(path): path for path in wanted}
    found = {by_source[name]: stream.read() for name, stream in source.read(by_source)}
    if lacking := sorted(set(by_source.values()) - found.keys()):
        raise SourceError(f"{source.shown} lists {lacking[0]} and does not give it; is it a link, or changed just now?")
    return found


def _content(source: Source, path: str) -> bytes:
    found = None
    for _, stream in source.read([path]):
        found = stream.read()  # of several of one name in an archive, the last counts
    if found is not None:
        return found
    raise SourceError(f"{source.shown} lists {path} and does not give it; is it a link, or changed just now?")


def _text_of(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(
            f"{name} is not UTF-8 text, and Kometa does not read it; save it with that encoding"
        ) from None


def _refuse_foreign(text: str, name: str) -> None:
    """Raise SourceError for a text that is no configuration of Kometa, and YamlError for one that nobody can read."""
    try:
        found = mapping(yaml12.load(text, CONFIG).value)
    except YamlError as error:
        if not re.search(r"\{[{%]", "".join(text.splitlines()[error.line - 1 : error.line])):
            raise
        raise SourceError(
            f"{name} is a template, in line {error.line} too: Kometa cannot read it before a program (Ansible, Helm or "
            "the like) has filled it in; adopt the folder on the host that has the result"
        ) from None
    if found and not found.keys() & SECTIONS:
        what = "a manifest of Kubernetes" if "apiVersion" in found else "no configuration of Kometa"
        raise SourceError(
            f"{name} is {what}: it has none of {', '.join(f'{key}:' for key in sorted(SECTIONS))}; adopt the folder "
            "whose config.yml has them, or write there the text that Kometa is given as such"
        )


def _named(text: str) -> set[str]:
    """Return the paths in the tree that config.yml names, whatever for. Raise YamlError."""
    values = (value for _, value in leaves(yaml12.load(text, CONFIG).value) if isinstance(value, str))
    return {place for value in values if "/" in value and (place := in_config(value))}


def _directories(files: Iterable[str], root: str) -> Iterator[str]:
    inside = f"{root}/" if root else ""
    for path in files:
        if path.startswith(inside):
            parts = path.removeprefix(inside).split("/")[:-1]
            yield from ("/".join(parts[: depth + 1]) for depth in range(len(parts)))


# The container


def _container_settings(source: Source, files: Mapping[str, int]) -> HostSettings:
    """Return what the container that used this configuration was given, if anything describes it."""
    config = _guessed_config(files)
    texts = dict(source.descriptions())
    names = layout.compose_files(files, config) + [path for path in files if posixpath.basename(path) == ".env"]
    texts |= {name: stream.read().decode("utf-8", "replace") for name, stream in source.read(names)}
    variables = {
        folder: dotenv(text) for path, text in texts.items() if (folder := _folder_of_dotenv(path)) is not None
    }
    containers = [
        container
        for name, text in texts.items()
        for container in containers_in(text, name, variables.get(posixpath.dirname(name)))
    ]
    container = _chosen(containers, source.shown)
    for path in container.env_files:
        more = _text_beside(source, files, container.described_by, path)
        container.environment = dotenv(more) | container.environment
    container.environment = variables.get(posixpath.dirname(config), {}) | container.environment
    settings = host_settings.settings_of(container)
    if container.described_by == UNDESCRIBED:
        settings.notes.append(
            "nothing there describes the container, so kometa_times and mms_timezone stay as they are: set them, or "
            "name its compose file or Unraid's template of it in place of the folder"
        )
    if len(containers) > 1:
        settings.notes.append(
            f"of {len(containers)} containers of Kometa that with {container.config_source} as /config was taken; for "
            "another one name its folder, with --into"
        )
    return settings


def _guessed_config(files: Mapping[str, int]) -> str:
    found = [path for path in files if posixpath.basename(path).startswith("config.y")]
    return min(found, key=lambda path: (path.count("/"), path), default=CONFIG)


def _folder_of_dotenv(path: str) -> str | None:
    return posixpath.dirname(path) if posixpath.basename(path) == ".env" else None


def _text_beside(source: Source, files: Mapping[str, int], name: str, path: str) -> str:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    return _content(source, place).decode("utf-8", "replace") if place in files else ""


def _chosen(containers: list[Container], shown: str) -> Container:
    """Return the container whose /config is the source, or else the first; an empty one if there is none."""
    folder = shown.rpartition(":")[2].rstrip("/")
    mine = [item for item in containers if (item.config_source or "").rstrip("/") == folder]
    return next(iter(mine or containers), Container(UNDESCRIBED))


# config.yml


def _adopt_config(
    result: Adoption, text: str, given: HostSettings, contents: Mapping[str, bytes], known: set[str]
) -> None:
    text, lacking = paths.with_missing_allowed(text, known)
    result.notes += list(_not_there(lacking))
    text, added = with_required(text)
    result.notes += [f"{name} was not there, and Kometa needs it; it is now" for name in added]
    text, result.renamed = old_names.converted(text, lambda entry: _kind_of(entry, contents))
    vault = Vault({**given.secrets, **_secrets_by_place(text, result.variables)})
    plain = result.variables.get("kometa_environment", {})
    environment = {kometa_name(name.upper().removeprefix("KOMETA_")): value for name, value in plain.items()}
    changed = lifted(text, vault, given.plex_url, environment, given.variables)
    commented = Vault(vault.secrets)
    final = comments.without_secrets(changed.text, yaml12.load(changed.text, CONFIG), CONFIG, commented)
    result.changed[CONFIG] = final.encode()
    result.secrets = _used(vault.secrets, final)
    result.commented = {name: value for name, value in commented.secrets.items() if name not in vault.secrets}
    result.seeds = changed.seeds
    result.notes += changed.notes
    _keep_named_volumes(result, final)
    if changed.plex_url or given.plex_url:
        result.variables["kometa_plex_url"] = changed.plex_url or given.plex_url
        result.notes += _of_a_network(str(result.variables["kometa_plex_url"]))
    result.missing = _missing(final, result)


def _of_a_network(url: str) -> list[str]:
    """Return what there is to say of an address of Plex by a name that only a network of containers knows."""
    name = parts_of(url).hostname or ""
    if not re.fullmatch(r"[\w-]+|.+\.svc(\.cluster\.local)?", name):
        return []
    return [
        f"Plex was called {url}: here {name} is known if it is a container of mms in the network mms, too; if not, set "
        f"kometa_plex_url to the address of its machine, or to http://{HOST_ITSELF}:32400 on this very host"
    ]


def _not_there(names: Iterable[str]) -> Iterator[str]:
    """Yield what there is to say of files that config.yml names and the source does not have."""
    if listed := _named_in_short(names):
        yield f"config.yml names what was not there before either, its lines are allowed as they are: {listed}"


def _named_in_short(names: Iterable[str]) -> str:
    """Return names in one line, each once and the first few only."""
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    return f"{', '.join(found[:MAX_NAMED])}{more}"


def _keep_named_volumes(result: Adoption, text: str) -> None:
    """Keep the mounts whose place in the container config.yml names, and say the others: they may not be there."""
    volumes = result.variables.pop("kometa_volumes", [])
    named = [volume for volume in volumes if volume.split(":")[1] in text]
    result.variables |= {"kometa_volumes": named} if named else {}
    result.notes += [
        f"the container had the volume {volume}, which config.yml does not name; kometa_volumes is for such"
        for volume in volumes
        if volume not in named
    ]


def _secrets_by_place(text: str, variables: dict[str, Any]) -> dict[str, str]:
    """Take out of kometa_environment, and return, what config.yml has in a secret's place: KOMETA_TRAKTID, say."""
    document = yaml12.load(text, CONFIG)
    places = [
        kometa_name(str(value)[2:-2])
        for path, value in leaves(document.value)
        if re.fullmatch(r"<<[^<>]+>>", str(value)) and is_liftable(path, TRIAL)
    ]
    environment = variables.pop("kometa_environment", {})
    names = {name: kometa_name(name.upper().removeprefix("KOMETA_")) for name in environment}
    kept = {name: value for name, value in environment.items() if names[name] not in places}
    variables |= {"kometa_environment": kept} if kept else {}
    return {names[name]: value for name, value in environment.items() if name not in kept}


def _used(secrets: Mapping[str, str], text: str) -> dict[str, str]:
    """Return the secrets that config.yml names; others would reach the container for nothing."""
    names = {kometa_name(name) for name in re.findall(r"<<([^<>\s]+)>>", text)}
    return {name: value for name, value in secrets.items() if kometa_name(name) in names}


def _missing(text: str, result: Adoption) -> list[str]:
    """Return the names, as the secrets file takes them, of placeholders of config.yml that nothing has a value for."""
    environment = result.variables.get("kometa_environment", {})
    given = {kometa_name(name.upper().removeprefix("KOMETA_")) for name in environment}
    known = given | {kometa_name(name) for name in result.secrets}
    document = yaml12.load(text, CONFIG)
    values = [(path, str(value)) for path, value in leaves(document.value) if "template_variables" not in path]
    names = [name for path, value in values for name in re.findall(_placeholder(path), value)]
    return [name for name in dict.fromkeys(map(kometa_name, names)) if name not in known]


def _placeholder(path: KeyPath) -> str:
    """Return the pattern of a placeholder that has to have a value: in an address anywhere, else as the whole value."""
    return r"<<([^<>\s]+)>>" if path[-1:] == ("url",) else r"^<<([^<>\s]+)>>$"


def _kind_of(entry: Value, contents: Mapping[str, bytes]) -> frozenset[str]:
    """Return below which of today's keys an entry of metadata_path belongs."""
    if isinstance(entry, dict) and ("default" in entry or "pmm" in entry):
        return frozenset({"collection_files"})
    named = entry if isinstance(entry, str) else (entry or {}).get("file") or (entry or {}).get("folder")
    place = in_config(named) if isinstance(named, str) else None
    if place is None:
        return BOTH
    texts = [content for path, content in contents.items() if path in (place, f"{place}.yml") or _is_in(path, place)]
    return frozenset(kind for content in texts for kind in _kinds_in(content)) or frozenset({"collection_files"})


def _is_in(path: str, folder: str) -> bool:
    return posixpath.dirname(path) == folder


def _kinds_in(content: bytes) -> Iterator[str]:
    top = _parsed(content).value
    yield from (kind for key, kind in KINDS.items() if isinstance(top, dict) and key in top)


# The other YAML files


def _adopt_definitions(result: Adoption, text: str, contents: Mapping[str, bytes]) -> None:
    """Sort the YAML files beside config.yml: what is taken, what is left, and what goes to the host alone."""
    read = {path for file in named_files(yaml12.load(text, CONFIG).value) for path in file.found(contents)}
    named = read | _named(text)
    for path, content in contents.items():
        content = _with_break_allowed(result, path, content) if path in read else content
        _adopt_yaml(result, path, content, is_named=path in named)
    if result.on_host:
        result.variables["kometa_host_files"] = [glob.escape(path) for path in result.on_host]


def _with_break_allowed(result: Adoption, path: str, content: bytes) -> bytes:
    """Return a file that Kometa cannot read, and passes over, with the line allowed at which reading ends."""
    try:
        yaml12.load(content, path)
    except YamlError as error:
        lines = content.splitlines(keepends=True)
        number = min(max(error.line, 1), len(lines))  # what is never closed breaks behind the last line
        if is_allowed([lines[number - 1].decode("utf-8", "replace")], 1):
            return content
        body = lines[number - 1].rstrip(b"\r\n")
        lines[number - 1] = body + ALLOWED.encode() + lines[number - 1][len(body) :]
        result.notes.append(f"Kometa cannot read {path}, and passes over it: line {error.line}, {error.problem}")
        return b"".join(lines)
    return content


def _adopt_yaml(result: Adoption, path: str, content: bytes, *, is_named: bool) -> None:
    """Take a file as it is, or without the secrets of its comments; one whose values have secrets is the host's alone.

    It is held as it was read: what is looked through here is what the project gets, whoever edits it meanwhile.
    """
    document = _parsed(content)
    if is_configuration(document.value):
        result.rest.append(path)
        result.notes.append(
            f"{path} is another configuration of Kometa, and is left; adopt it into a folder of its own"
        )
        return
    text = content.decode("utf-8-sig", "replace")
    if not any(_secrets_in(text, document, path)):
        result.changed[path] = content
        return
    vault = Vault({})
    masked = comments.without_secrets(text, document, path, vault)
    left = next(_secrets_in(masked, _parsed(masked.encode()), path), None)
    if left:
        (result.on_host if is_named else result.rest).append(path)
        kept = "it is the host's alone (kometa_host_files), and goes straight there, see next" if is_named else "left"
        result.notes.append(
            f"{path}, line {left.line}: {left.message}. Kometa puts secrets into config.yml only, so {kept}"
        )
        return
    result.changed[path] = masked.encode()
    result.commented |= {f"{name}-of-{posixpath.basename(path)}": value for name, value in vault.secrets.items()}


def _secrets_in(text: str, document: Document, path: str) -> Iterator[Finding]:
    lines = text.splitlines()
    return (item for item in raw_secrets(text, document, path) if not is_allowed(lines, item.line))


def is_configuration(value: Value) -> bool:
    """Return whether a YAML file's value is one that Kometa could be started with."""
    return isinstance(value, dict) and "libraries" in value and ("plex" in value or "tmdb" in value)


def _parsed(content: bytes) -> Document:
    try:
        return yaml12.load(content, "")
    except YamlError:
        return Document(None, {})
