"""The variables of a host that take the place of what its container was given. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from kometa_host.adoption.container import Container, Mount
from kometa_host.config_tree.left_behind import IS_KOMETAS
from kometa_host.settings import names, times
from kometa_host.settings.environment import RESERVED, SECRET_NAME, checked_environment
from kometa_host.settings.kometa_options import OPTIONS
from kometa_host.settings.paths import contains
from kometa_host.settings.refusals import RefusalError

TIMES: Final = ("KOMETA_TIMES", "KOMETA_TIME", "PMM_TIME")
# set by what we deploy, or by Docker itself: nothing to say about them
WITHOUT_A_WORD: Final = ("PUID", "PGID", "KOMETA_RUN", "KOMETA_CONFIG", "KOMETA_PLEX_URL", "KOMETA_PLEX_TOKEN",
                         "KOMETA_DOCKER", "KOMETA_LINUXSERVER")  # fmt: skip
# variables of the images, and of programs in them, that a user may have set
OF_A_FILE: Final = "FILE__"  # how LinuxServer.io's images name a variable whose value is in a file
OF_IMAGES: Final = re.compile(r"UMASK|DOCKER_MODS|LSIO_\w+|FILE__\w+|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY")
LSIO: Final = "lscr.io/linuxserver/kometa"


@dataclass
class HostSettings:
    """Variables of group_data with their values, secrets of the environment by name, and what there is to say.

    variables: the whole environment, for a config.yml that names its variables.
    """

    values: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    plex_url: str | None = None
    config: str | None = None


def settings_of(container: Container) -> HostSettings:
    """Given what a container had, return what a host needs to be told for the same."""
    result = HostSettings()
    environment = _with_arguments(container)
    result.variables = dict(environment)
    result.plex_url = environment.get("KOMETA_PLEX_URL")
    result.config = environment.get("KOMETA_CONFIG")
    _check(result, "mms_timezone", times.checked_timezone, environment.pop("TZ", None))
    _check(result, "kometa_times", _times, next(filter(None, (environment.pop(name, None) for name in TIMES)), None))
    _sort_environment(result, environment)
    _image(result, container.image)
    volumes = [volume for mount in container.mounts if (volume := _volume(mount, result))]
    if volumes:
        result.values["kometa_volumes"] = volumes
    if container.memory:
        result.values["kometa_memory"] = container.memory.upper().removesuffix("B")
    return result


def _with_arguments(container: Container) -> dict[str, str]:
    """Return the environment, options of Kometa's command line among it; PMM_ is the previous name of KOMETA_."""
    found = {re.sub(r"^PMM_(?!TIME$)", "KOMETA_", name): value for name, value in container.environment.items()}
    words = [part for word in container.arguments for part in word.split("=", 1)]
    for option, value in pairwise([*words, ""]):
        if re.fullmatch(r"--times?|-t", option):
            found.setdefault("KOMETA_TIMES", value)
    return found


def _check(result: HostSettings, name: str, check: Callable[[str], Any], value: str | None) -> None:
    if not value:
        return
    try:
        result.values[name] = check(value.strip())
    except RefusalError as refusal:
        result.notes.append(f"{name} was not set from the container: {refusal}")


def _times(value: str) -> list[str]:
    """Return daily runs; Kometa's other separator is a bar, and it takes 6:00 for 06:00."""
    shown = [time.strip() for time in re.split(r"[|,]", value)]
    return list(times.checked_times([f"0{time}" if re.fullmatch(r"\d:\d\d", time) else time for time in shown]))


def _sort_environment(result: HostSettings, environment: Mapping[str, str]) -> None:
    """Put each variable where it belongs: secrets apart, the rest into kometa_environment, what has no use nowhere."""
    plain: dict[str, str] = {}
    for name, value in environment.items():
        kometas = name.upper().startswith("KOMETA_")
        inner = name[7:].lower().replace("_", "-")
        if name.upper() == "KOMETA_PLEX_TOKEN":
            result.secrets["plextoken"] = value
        elif name.upper() in WITHOUT_A_WORD or not (kometas or OF_IMAGES.fullmatch(name)):
            continue
        elif name.startswith(OF_A_FILE):
            result.notes.append(f"the container took {name.removeprefix(OF_A_FILE)} from the file {value}; "
                                f"where config.yml names it, it is a secret here (make secrets-edit)")  # fmt: skip
        elif name.upper() in RESERVED and value.lower() in ("false", "no", "0"):
            continue
        elif name.upper() in RESERVED:
            result.notes.append(f"{name} of the container has no use here: {RESERVED[name.upper()]}")
        elif kometas and inner not in OPTIONS and SECRET_NAME.search(name.upper()):
            result.secrets[inner] = value
        else:
            plain[name] = value
    _check_environment(result, plain)


def _check_environment(result: HostSettings, plain: Mapping[str, str]) -> None:
    kept: dict[str, str] = {}
    for name, value in plain.items():
        try:
            kept |= checked_environment({name: value})
        except RefusalError as refusal:
            result.notes.append(f"of the container's environment was left out: {refusal}")
    if kept:
        result.values["kometa_environment"] = kept


def _image(result: HostSettings, image: str) -> None:
    """The default image is kept: it is LinuxServer.io's, which PUID and PGID are for; the branch is taken over."""
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in ("nightly", "develop"):
        result.values["kometa_image"] = names.checked_image(f"{LSIO}:{tag}")
    elif tag not in ("", "latest"):
        result.notes.append(f"the container's image was {image}; kometa_image pins a version, as {LSIO}:<version>")


def _volume(mount: Mount, result: HostSettings) -> str | None:
    if mount.target.rstrip("/") in ("/config", "/etc/localtime", "/etc/timezone", "/var/run/docker.sock"):
        return None
    if contains("/config", mount.target):
        if mount.source.startswith("/") and not IS_KOMETAS.match(mount.target.removeprefix("/config/")):
            result.notes.append(f"{mount.source} was mounted at {mount.target}: its files belong into the config tree")
        return None
    if not mount.source.startswith("/"):
        result.notes.append(
            f"the container saw {mount.source} as {mount.target}; kometa_volumes needs an absolute path"
        )
        return None
    return f"{mount.source.rstrip('/')}:{mount.target.rstrip('/')}{':ro' if mount.read_only else ''}"


def lines(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the settings as lines of group_data."""
    yield from (f"{name} = {python(value)}" for name, value in values.items())


def python(value: Any) -> str:
    """Return a value as the project's Python files write it."""
    if isinstance(value, str):
        quoted = repr(value)
        return f'"{value}"' if quoted == f"'{value}'" and '"' not in value else quoted
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(python, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{python(key)}: {python(item)}' for key, item in value.items())}}}"
    return repr(value)
