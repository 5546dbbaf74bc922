"""What in a source is Kometa's config tree, and which of its files belong to the project. Pure."""

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from kometa_host.adoption.sources import IS_CONFIGURATION, Source, SourceError
from kometa_host.config_tree.left_behind import IS_KOMETAS, READ_BY_KOMETA, is_ignored
from kometa_host.config_tree.named_files import CONFIG, YAML
from kometa_host.config_tree.tree import name_problem

COMPOSE: Final = re.compile(r"(docker-|podman-)?compose[\w.-]*\.ya?ml|my-(kometa|plex-meta-manager)[\w.-]*\.xml", re.I)
LARGE: Final = 512 * 1024**2  # bytes of images that still go through the controller
MOST_READ: Final = 1 << 20  # bytes of a file in which libraries are looked for
TEMPLATES: Final = ("config.yml.template", "config.yml.sample", "config.yml.example", "config.example.yml")


@dataclass
class Sorted:
    """The files of a config tree: those that are taken, and those that are not, by reason; sizes in bytes."""

    yaml: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    of_kometa: list[str] = field(default_factory=list)
    large: dict[str, int] = field(default_factory=dict)  # top folder -> size
    rest: list[str] = field(default_factory=list)


def config_path(source: Source, files: Mapping[str, int], wanted: str | None = None) -> str:
    """Return the path of config.yml, or of the file that the container was told to read. Raise SourceError.

    Other programs have a config.yml as well: of several, those that name libraries count. A configuration can have
    another name where there is none of this one.
    """
    name = posixpath.basename(wanted) if wanted else CONFIG
    for is_one in (_called(name), _called(CONFIG, "config.yaml"), _called(*TEMPLATES), _begins_with_config):
        found = [path for path in files if is_one(_name(path)) and not _is_hidden(path)]
        # one alone may have no libraries yet; of several, and of other names, those that have them are meant
        ours = found if len(found) == 1 and is_one is not _begins_with_config else _naming_libraries(source, found)
        if ours:
            return _shallowest(ours, source.shown)
    where = "is it the folder that Kometa has as /config? Without one there is nothing to adopt"
    raise SourceError(f"{source.shown} has no {name}: {where}")


def _called(*names: str) -> Callable[[str], bool]:
    return lambda name: name in names


def _begins_with_config(name: str) -> bool:
    return name.lower().startswith("config") and name.lower().endswith(YAML)


def _naming_libraries(source: Source, paths: Collection[str]) -> list[str]:
    """Return the files that name libraries, as every configuration of Kometa does."""
    texts = ((path, stream.read(MOST_READ).decode("utf-8", "replace")) for path, stream in source.read(paths))
    return [path for path, text in texts if IS_CONFIGURATION.search(text)]


def _shallowest(found: list[str], shown: str) -> str:
    found = sorted(found, key=lambda path: (path.count("/"), path))
    nearest = [path for path in found if path.count("/") == found[0].count("/")]
    if len(nearest) > 1:
        names = ", ".join(nearest[:5])
        raise SourceError(f"{shown} has several configurations: {names}. Name one of them, as {shown}/{nearest[0]}")
    return nearest[0]


def compose_files(files: Iterable[str], config: str) -> list[str]:
    """Return what can describe the container: beside config.yml, or in the folders above it."""
    above = {posixpath.dirname(config)}
    while "" not in above:
        above |= {posixpath.dirname(folder) for folder in above}
    return sorted(path for path in files if posixpath.dirname(path) in above and COMPOSE.fullmatch(_name(path)))


def sort_files(files: Mapping[str, int], root: str, config: str, named: Collection[str]) -> Sorted:
    """Given all files, the folder of config.yml and what it names, return which are taken.

    Paths are those below the root. Of images only so many bytes are taken as a controller should carry.
    """
    inside = f"{root}/" if root else ""
    tree = {path.removeprefix(inside): size for path, size in files.items() if path.startswith(inside)}
    result = Sorted()
    for path in sorted(tree):
        _sort(path, config.removeprefix(inside), named, result)
    _leave_large(tree, result)
    return result


def _sort(path: str, config: str, named: Collection[str], result: Sorted) -> None:
    name = _name(path).lower()
    if path == config or is_ignored(_name(path), is_directory=False):
        return
    if path == CONFIG or any(map(name_problem, path.split("/"))):  # another file has its place
        result.rest.append(path)
    elif is_kometas(path):
        result.of_kometa.append(path)
    elif _is_hidden(path) or COMPOSE.fullmatch(_name(path)):
        result.rest.append(path)
    elif name.endswith(YAML):
        result.yaml.append(path)
    elif name.endswith(READ_BY_KOMETA) or path in named:
        result.others.append(path)
    else:
        result.rest.append(path)


def is_kometas(path: str) -> bool:
    """Return whether Kometa writes a file itself: logs, its cache, reports, the posters under its overlays."""
    parts = path.split("/")
    return any(IS_KOMETAS.match("/".join(parts[:depth])) for depth in range(1, len(parts) + 1))


def _leave_large(tree: Mapping[str, int], result: Sorted) -> None:
    """Leave whole top folders of images behind, the largest first, until the rest is not too much."""
    sizes: dict[str, int] = {}
    for path in result.others:
        sizes[path.partition("/")[0]] = sizes.get(path.partition("/")[0], 0) + tree[path]
    total = sum(sizes.values())
    for folder in sorted(sizes, key=lambda folder: -sizes[folder]):
        if total <= LARGE:
            break
        total -= sizes[folder]
        result.large[folder] = sizes[folder]
    result.others = [path for path in result.others if path.partition("/")[0] not in result.large]


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _name(path: str) -> str:
    return posixpath.basename(path)
