"""What a container of Kometa was given: a compose file, an Unraid template, or what docker inspect tells. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree import ElementTree

import yaml

IMAGE: Final = re.compile(r"(^|/)(kometa|plex-meta-manager)(:|@|$)")
SHAPE: Final = re.compile(r"\$\$|\$\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?[^}]*\}|\$(?P<plain>\w+)")


@dataclass(frozen=True)
class Mount:
    """A folder of the host that the container sees at another path."""

    source: str
    target: str
    read_only: bool = False


@dataclass
class Container:
    """What a container was given, and what described it (for messages)."""

    described_by: str
    image: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)
    env_files: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    memory: str | None = None
    host_network: bool = False

    @property
    def config_source(self) -> str | None:
        """The folder of the host that is /config in the container."""
        return next((mount.source for mount in self.mounts if mount.target.rstrip("/") == "/config"), None)


def containers_in(text: str, name: str, variables: Mapping[str, str] | None = None) -> list[Container]:
    """Given a file's text, its name and the variables of its .env, return the containers of Kometa that it describes.

    A file that describes none, or nothing at all, gives an empty list.
    """
    try:
        if text.lstrip().startswith("["):
            return [_inspected(item, name) for item in _items(text) if _is_kometa(_inspected_image(item))]
        if text.lstrip().startswith("<"):
            return _of_unraid(text, name)
        # All scalars as text: to YAML 1.1 the time 06:00 is a number.
        return _of_compose(_interpolated(yaml.load(text, yaml.BaseLoader), variables or {}), name)  # noqa: S506
    except (ValueError, TypeError, AttributeError, KeyError, yaml.YAMLError, ElementTree.ParseError):
        return []  # another kind of file


def dotenv(text: str) -> dict[str, str]:
    """Return the variables of a .env file."""
    found = (re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", line) for line in text.splitlines())
    return {match[1]: _unquoted(match[2]) for match in found if match}


def _unquoted(value: str) -> str:
    quoted = re.fullmatch(r"(['\"])(.*)\1(\s+#.*)?", value)
    return quoted[2] if quoted else re.sub(r"\s+#.*", "", value)


def _is_kometa(image: object) -> bool:
    return isinstance(image, str) and bool(IMAGE.search(image.lower()))


def _interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a compose file's value with the variables of its .env put in; one that is not known becomes empty."""

    def known(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match["braced"] or match["plain"], match["default"] or "")

    if isinstance(value, dict):
        return {key: _interpolated(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_interpolated(item, variables) for item in value]
    return SHAPE.sub(known, value) if isinstance(value, str) else value


# docker inspect


def _items(text: str) -> Iterator[Mapping[str, Any]]:
    """Yield the containers of one JSON list after the other, as docker and podman print them."""
    rest = text.strip()
    while rest:
        listed, length = json.JSONDecoder().raw_decode(rest)
        yield from listed
        rest = rest[length:].lstrip()


def _inspected_image(item: Mapping[str, Any]) -> object:
    return (item.get("Config") or {}).get("Image") or item.get("ImageName")


def _inspected(item: Mapping[str, Any], name: str) -> Container:
    config, host = item["Config"], item.get("HostConfig") or {}
    memory = host.get("Memory") or 0
    return Container(
        name,
        image=str(_inspected_image(item)),
        environment=_environment(config.get("Env") or []),
        mounts=[
            Mount(str(mount["Source"]), str(mount["Destination"]), mount.get("RW") is False)
            for mount in item.get("Mounts") or []
            if mount.get("Type") == "bind"
        ],
        arguments=[str(word) for word in config.get("Cmd") or []],
        memory=f"{memory // 1024**2}M" if memory else None,
        host_network=host.get("NetworkMode") == "host",
    )


# A compose file


def _of_compose(document: Mapping[str, Any], name: str) -> list[Container]:
    services = document.get("services") or document
    return [
        _service(service, name)
        for service in services.values()
        if isinstance(service, Mapping) and _is_kometa(service.get("image"))
    ]


def _service(service: Mapping[str, Any], name: str) -> Container:
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    memory = service.get("mem_limit") or limits.get("memory")
    command = service.get("command") or []
    env_files = service.get("env_file") or []
    return Container(
        name,
        image=str(service["image"]),
        environment=_environment(service.get("environment") or []),
        mounts=list(_mounts(service.get("volumes") or [])),
        env_files=[_path_of(item) for item in ([env_files] if isinstance(env_files, str) else env_files)],
        arguments=command.split() if isinstance(command, str) else [str(word) for word in command],
        memory=str(memory) if memory else None,
        host_network=service.get("network_mode") == "host",
    )


def _path_of(item: object) -> str:
    return str(item["path"]) if isinstance(item, Mapping) else str(item)


def _environment(given: Mapping[str, object] | Iterable[object]) -> dict[str, str]:
    """Return variables as Docker understands a list of NAME=value or a mapping; one without a value is left out."""
    pairs = given.items() if isinstance(given, Mapping) else (str(item).partition("=")[::2] for item in given)
    return {str(name).strip(): str(value) for name, value in pairs if value}


def _mounts(volumes: Iterable[object]) -> Iterator[Mount]:
    for volume in volumes:
        if isinstance(volume, Mapping):
            if volume.get("source") and volume.get("target"):
                yield Mount(str(volume["source"]), str(volume["target"]), volume.get("read_only") == "true")
            continue
        match = re.fullmatch(r"(?P<source>(?:[A-Za-z]:)?[^:]+):(?P<target>/[^:]*)(?::(?P<options>.*))?", str(volume))
        if match:
            yield Mount(match["source"], match["target"], "ro" in (match["options"] or "").split(","))


# A template of Unraid


def _of_unraid(text: str, name: str) -> list[Container]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return []
    root = ElementTree.fromstring(text)  # noqa: S314  # no document type, so nothing to expand
    image = root.findtext("Repository") or ""
    if root.tag != "Container" or not _is_kometa(image):
        return []
    container = Container(name, image=image, host_network=root.findtext("Network") == "host")
    for item in root.iter("Config"):
        target, value = item.get("Target") or "", (item.text or item.get("Default") or "").strip()
        if item.get("Type") == "Variable" and value:
            container.environment[target] = value
        elif item.get("Type") == "Path" and value:
            container.mounts.append(Mount(value, target, item.get("Mode", "").startswith("ro")))
    return [container]
