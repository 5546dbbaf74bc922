"""What shapes Kometa's container besides its image: the same for the service's Quadlet and for a single run. Pure."""

import shlex
from collections.abc import Iterator
from typing import Final

from kometa_host.settings.variables import Settings

# keys of [Container] that a single run has as well, and the option of podman run for each; see podman-systemd.unit(5)
OPTIONS: Final = {
    "AddCapability": "--cap-add", "AddDevice": "--device", "AddHost": "--add-host", "DNS": "--dns",
    "DNSOption": "--dns-option", "DNSSearch": "--dns-search", "DropCapability": "--cap-drop", "HostName": "--hostname",
    "NetworkAlias": "--network-alias", "PidsLimit": "--pids-limit", "Secret": "--secret", "ShmSize": "--shm-size",
    "Sysctl": "--sysctl", "Timezone": "--tz", "Ulimit": "--ulimit",
}  # fmt: skip


def lines(settings: Settings, section: str) -> list[str]:
    """Return the further lines of a section of kometa.container."""
    return [f"{key}={value}" for key, value in settings.kometa_quadlet.get(section, ())]


def podman_arguments(settings: Settings) -> list[str]:
    """Return arguments of podman run for the same container: mounts, memory and the lines that have an option."""
    volumes = [f"--volume={volume}" for volume in settings.kometa_volumes]
    memory = [f"--memory={settings.kometa_memory}"] if settings.kometa_memory else []
    return [*volumes, *memory, *_of_lines(settings)]


def volume_sources(settings: Settings) -> list[str]:
    """Return the host's paths that are mounted besides the config tree."""
    return [volume.partition(":")[0] for volume in settings.kometa_volumes]


def _of_lines(settings: Settings) -> Iterator[str]:
    for key, value in settings.kometa_quadlet.get("Container", ()):
        if key == "PodmanArgs":
            yield from shlex.split(value)
        elif key in OPTIONS:
            yield f"{OPTIONS[key]}={value}"
