"""Whether Kometa's container can reach Plex at the address that it is given. Pure.

With pasta, Podman's way to the network from version 5 on, the host's own address is the container's own as well:
whoever asks for it there asks the container, which refuses. Podman 5.3 and newer has a name for the host there.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from kometa_host.errors import UserError
from kometa_host.plans.packages import podman_version
from kometa_host.settings.names import HOST_ITSELF
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import Container, Observed

FIRST_WITH_PASTA = (5, 0)
FIRST_WITH_HOST_NAME = (5, 3)  # under pasta; slirp4netns has always had it
# Plex Media Server's images: plexinc's, LinuxServer's, and whatever others call theirs
PLEX_IMAGE = re.compile(r"/(pms-docker|plex)(:|@|$)")


def refuse_unreachable(settings: Settings, found: Observed) -> None:
    """Raise UserError if Kometa cannot reach Plex as it is called: by the host's own address, or past the network."""
    refuse_indirect_url(settings, found.containers.values())
    if is_the_host_itself(settings.plex_host, found) and uses_pasta(found):
        raise UserError(
            f"kometa_plex_url is {settings.kometa_plex_url}, an address of this host itself, which inside a container "
            f"is the container. {remedy_for_the_host_itself(settings.kometa_plex_url, found)}"
        )


def refuse_indirect_url(settings: Settings, containers: Iterable[Container]) -> None:
    """Raise UserError if Plex runs on the same network and is not called by its container's name."""
    names = [
        container.name
        for container in containers
        if container.state == "running"
        and PLEX_IMAGE.search(container.image)
        and settings.mms_network in container.networks
    ]
    # a URL's host is in small letters, and Podman's name server takes them for the same
    if names and settings.plex_host not in [name.lower() for name in names]:
        raise UserError(
            f"kometa_plex_url is {settings.kometa_plex_url}, but Plex runs on this host as the container {names[0]} "
            f"in the network {settings.mms_network}, where Kometa reaches it directly. Set kometa_plex_url to "
            f"http://{names[0]}:{_port(settings.kometa_plex_url)}, here and in Kometa's config.yml."
        )


def is_the_host_itself(name: str, found: Observed) -> bool:
    """Say whether a name or address is the host's own. A bare name may be a container's, and is taken for that."""
    own = {_normal(address) for address in found.host.text("own-addresses").split()}
    known = found.host.text("hosts-file").splitlines() if "." in name else []
    called = [fields[0] for line in known if (fields := line.split()) and name in map(str.lower, fields[1:])]
    hostname = found.host.text("hostname").lower().partition(".")[0]
    is_own_name = bool(hostname) and "." in name and name.partition(".")[0] == hostname and _normal(name) not in own
    return is_own_name or any(_normal(address) in own or _is_loopback(address) for address in (name, *called))


def uses_pasta(found: Observed) -> bool:
    """Say whether containers get their network from pasta. A host without Podman yet will have one that does."""
    chosen = found.text("own-rootless-network") or found.host.text("rootless-network")
    version = podman_version(found.host.text("podman-version"))
    return chosen == "pasta" or (not chosen and (version is None or version >= FIRST_WITH_PASTA))


def remedy_for_the_host_itself(url: str, found: Observed) -> str:
    """Return what to do where Plex runs on the host itself, outside the network of Kometa's container."""
    version = podman_version(found.host.text("podman-version"))
    if version and FIRST_WITH_PASTA <= version < FIRST_WITH_HOST_NAME:
        return (
            f"Podman {'.'.join(map(str, version))} gives its containers no way to services of their own host: install "
            "Podman 5.3 or newer, or run Plex as a container of the same account and network."
        )
    parts = urlsplit(url)
    return f"Set kometa_plex_url to {parts.scheme}://{HOST_ITSELF}:{_port(url)}, here and in Kometa's config.yml."


def _port(url: str) -> int:
    return urlsplit(url).port or 32400


def _normal(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address.lower()


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
