"""Checks of what shapes Kometa's container: mounts, memory, and further lines of its Quadlet."""

import re
import shlex
from collections.abc import Mapping
from typing import Final

from kometa_host.settings.paths import checked_host_path, contains, overlap, refuse_account_internals
from kometa_host.settings.refusals import RefusalError, every, kind, listed, quoted, text_of

VOLUME: Final = "write host path, container path and options, such as /srv/assets:/assets:ro"
OPTIONS: Final = frozenset({"ro", "rw", "z", "nosuid", "nodev", "noexec"})
WHY_NOT: Final = {
    "Z": "Z would label the folder for Kometa alone and take it from others, such as Plex; write z where SELinux is",
    "U": "U would give every file of the folder to Kometa's user",
}
# where the image, or we, have something already
TAKEN: Final = ("/run", "/proc", "/sys", "/dev", "/app", "/etc/s6-overlay", "/command", "/package")
MEMORY: Final = "write a size with its unit, such as 2G or 1500M, or None for no limit"
LEAST_MEMORY: Final = 256 * 1024**2
UNITS: Final = {"K": 1024, "M": 1024**2, "G": 1024**3}

SECTIONS: Final = ("Unit", "Container", "Service")
QUADLET: Final = 'write sections, keys and values of the Quadlet, such as {"Container": {"DNS": "192.168.1.1"}}'
WHY_NO_USER: Final = (
    "the image starts as root inside its container and goes down to kometa_puid and kometa_pgid itself; with another "
    "user or user namespace Kometa never runs"
)
NO_PORT: Final = "Kometa listens on nothing: leave it out"
# keys that would break what the rest of the Quadlet is made for, and what to do instead
REFUSED: Final = {
    "Container": {
        **dict.fromkeys(("UserNS", "User", "Group", "UIDMap", "GIDMap", "SubUIDMap", "SubGIDMap"), WHY_NO_USER),
        **dict.fromkeys(("PublishPort", "ExposeHostPort"), NO_PORT),
        **dict.fromkeys(("Volume", "Mount"), "set kometa_volumes instead"),
        **dict.fromkeys(("Environment", "EnvironmentFile", "EnvironmentHost"), "set kometa_environment instead"),
        **dict.fromkeys(("Entrypoint", "Exec", "RunInit"), "leave it out: the image starts with its own s6-overlay"),
        **dict.fromkeys(("Image", "Rootfs"), "set kometa_image instead"),
        **dict.fromkeys(("Network", "Pod"), "set mms_network instead"),
        "ContainerName": "leave it out: it is kometa on every host",
        "AutoUpdate": "leave it out: kometa_autodeploy_schedule updates, without killing a run",
        "Memory": "set kometa_memory instead",
        "Tmpfs": "leave it out: /run is one already, and /config is the config tree",
    },
    "Service": dict.fromkeys(
        ("ExecStart", "Type", "User", "Group", "Delegate", "Restart"),
        "leave it out: the unit is Podman's, of the account, and starts Kometa again",
    ),
    "Unit": {},
}
# options of podman run that would do what the keys above do
REFUSED_OPTIONS: Final = {
    **dict.fromkeys(("--userns", "--user", "-u", "--uidmap", "--gidmap", "--subuidname", "--subgidname"), WHY_NO_USER),
    **dict.fromkeys(("--publish", "-p", "--publish-all", "-P", "--expose"), NO_PORT),
    **dict.fromkeys(("--volume", "-v", "--mount", "--tmpfs", "--volumes-from"), "set kometa_volumes instead"),
    **dict.fromkeys(("--env", "-e", "--env-file", "--env-host"), "set kometa_environment instead"),
    **dict.fromkeys(("--network", "--net", "--pod"), "set mms_network instead"),
    **dict.fromkeys(("--memory", "-m"), "set kometa_memory instead"),
    **dict.fromkeys(("--name", "--entrypoint", "--rm", "--replace", "--detach", "-d", "--init"), "leave it out"),
    "--privileged": "leave it out: Kometa needs no more rights than it has",
}

Lines = tuple[tuple[str, str], ...]


def checked_volumes(value: object, config_dir: str | None, backup_dir: str | None, home: str) -> tuple[str, ...]:
    """Given mounts as SOURCE:TARGET[:OPTIONS], return them."""
    volumes = every(lambda item: _checked_volume(item, config_dir, backup_dir, home), listed(value))
    targets = [volume.split(":")[1] for volume in volumes]
    twice = sorted({target for target in targets if targets.count(target) > 1})
    if twice:
        raise RefusalError(f"{', '.join(twice)} more than once", "mount each container path once")
    return tuple(volumes)


def _checked_volume(value: object, config_dir: str | None, backup_dir: str | None, home: str) -> str:
    parts = text_of(value, VOLUME).split(":")
    if len(parts) not in (2, 3):
        raise RefusalError(quoted(value), VOLUME)
    source, target = (checked_host_path(part, "/srv/assets") for part in parts[:2])
    if source == "/":
        raise RefusalError(f"{quoted(value)}, the whole host", VOLUME)
    refuse_account_internals(source, home, "/srv/assets")
    if config_dir and overlap(source, config_dir):
        raise RefusalError(f"{quoted(value)}, which is /config already", "leave it out")
    if backup_dir and overlap(source, backup_dir):
        raise RefusalError(f"{quoted(value)}, where the backups are", "keep them out of Kometa's reach")
    _refuse_target(target, quoted(value))
    options = parts[2].split(",") if len(parts) == 3 else []
    for option in options:
        if option not in OPTIONS:
            allowed = f"the options are {', '.join(sorted(OPTIONS))}"
            raise RefusalError(f"{quoted(value)} with the option {option}", WHY_NOT.get(option, allowed))
    return ":".join([source, target, *([",".join(options)] if options else [])])


def _refuse_target(target: str, shown: str) -> None:
    if contains("/config", target):
        remedy = "mount it beside, such as at /assets, and name that in config.yml"
        raise RefusalError(f"{shown}, below /config, all of which the image gives to Kometa's user", remedy)
    if target == "/" or any(contains(place, target) for place in TAKEN):
        raise RefusalError(f"{shown}, where the container has something else", f"mount it elsewhere; {VOLUME}")


def checked_memory(value: object) -> str | None:
    """Given a size such as 4G or None, return it."""
    if value is None or value == "":
        return None
    text = text_of(value, MEMORY).upper().removesuffix("B")
    match = re.fullmatch(r"([0-9]{1,6})([KMG])", text)
    if match is None:
        raise RefusalError(quoted(value), MEMORY)
    if int(match[1]) * UNITS[match[2]] < LEAST_MEMORY:
        raise RefusalError(f"{quoted(value)}, too little for Kometa to start", "write at least 256M; a run needs more")
    return text


def checked_quadlet(value: object) -> dict[str, Lines]:
    """Given section -> {key: value or list of values}, return the keys and values of each section in their order."""
    if not isinstance(value, Mapping):
        raise RefusalError(kind(value), QUADLET)
    return dict(every(_checked_section, value.items()))


def _checked_section(item: tuple[object, object]) -> tuple[str, Lines]:
    section, keys = item
    if section not in SECTIONS:
        raise RefusalError(f"the section {quoted(section)}", f"the sections are {', '.join(SECTIONS)}; {QUADLET}")
    if isinstance(keys, list | tuple):  # as this returns them: a Settings of Settings
        keys = {key: [other for name, other in keys if name == key] for key, _ in keys}
    if not isinstance(keys, Mapping):
        raise RefusalError(f"{section} with {kind(keys)}", QUADLET)
    lines = every(lambda pair: _checked_lines(str(section), *pair), keys.items())
    return str(section), tuple(line for several in lines for line in several)


def _checked_lines(section: str, key: object, value: object) -> Lines:
    if not isinstance(key, str) or not re.fullmatch(r"[A-Z][A-Za-z0-9]*", key):
        raise RefusalError(f"the key {quoted(key)} of {section}", "write a key of podman-systemd.unit(5), such as DNS")
    by_name = {name.lower(): remedy for name, remedy in REFUSED[section].items()}
    if remedy := by_name.get(key.lower()):
        raise RefusalError(f"{key} in {section}", remedy)
    values = every(lambda item: _checked_value(f"{section}.{key}", item), listed(value))
    if key in ("PodmanArgs", "GlobalArgs"):
        for text in values:
            _refuse_options(key, text)
    return tuple((key, text) for text in values)


def _checked_value(where: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else value
    text = text_of(text, f"{where}: {QUADLET}").strip()
    if text.endswith("\\"):
        raise RefusalError(
            f"{where} with a \\ at its end", "systemd would take the next line as part of it; leave it out"
        )
    return text


def _words(key: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise RefusalError(f"{key} with a quote that is not closed", "close it") from None


def _refuse_options(key: str, text: str) -> None:
    for word in _words(key, text):
        name = word.partition("=")[0]
        short = next((flag for flag in REFUSED_OPTIONS if len(flag) == 2 and re.match(rf"{flag}[^-]", word)), None)
        if remedy := REFUSED_OPTIONS.get(name) or (REFUSED_OPTIONS[short] if short else None):
            raise RefusalError(f"{name} in {key}", remedy)
