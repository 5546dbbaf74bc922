"""Checks of names: the account, the network, the image, Plex's address. Each returns it or raises RefusalError."""

import re
from urllib.parse import SplitResult, urlsplit

from kometa_host.settings.refusals import RefusalError, quoted, text_of

# Values of podman run --network that are modes, and Podman's own network, which has no names for containers.
NETWORK_MODES = ("bridge", "container", "default", "host", "none", "ns", "pasta", "podman", "private", "slirp4netns")
DEFAULT_PORTS = {"http": 80, "https": 443}
HOST_ITSELF = "host.containers.internal"  # Podman's name for the host in its containers
PLEX_EXAMPLE = "http://plex:32400"

_DOMAIN = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
_PATH = r"[a-z0-9]+([._-]+[a-z0-9]+)*"
# The grammar of github.com/distribution/reference, with the registry and at least one of tag and digest required.
IMAGE = re.compile(
    rf"(?P<registry>{_DOMAIN})/(?P<path>{_PATH}(/{_PATH})*)(?P<tag>:\w[\w.-]{{0,127}})?(?P<digest>@sha256:[0-9a-f]{{64}})?",
    re.A,
)


def checked_user(value: object) -> str:
    """Given a Linux user name, not root's, return it."""
    remedy = "write a user name of small letters, digits, _ and -, at most 32, such as mms"
    name = text_of(value, remedy)
    if name in ("root", "nobody"):
        raise RefusalError(
            name, "name an account of its own, such as mms: Kometa runs without privileges, with its own home"
        )
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", name):
        raise RefusalError(quoted(name), remedy)
    return name


def checked_network(value: object) -> str:
    """Given the name of a Podman network, return it."""
    remedy = "write letters, digits, . _ and -, beginning with a letter or digit, such as mms"
    name = text_of(value, remedy)
    if name.endswith(".network"):
        plain = name.removesuffix(".network") or "mms"
        raise RefusalError(
            quoted(name),
            f"write {plain}: Podman's names have no .network, that is the ending of the Quadlet file's name",
        )
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", name):
        raise RefusalError(quoted(name), remedy)
    if name in NETWORK_MODES:
        raise RefusalError(
            f"{name}, which means something else to podman --network", "name a network of its own, such as mms"
        )
    return name


def checked_group(value: object) -> str:
    """Given the name of an autodeploy group, return it; units and files are named after it."""
    remedy = "write small letters, digits, _ and -, beginning with a letter, such as interactive"
    name = text_of(value, remedy)
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name):
        raise RefusalError(quoted(name), remedy)
    return name


def checked_image(value: object) -> str:
    """Given registry/name:tag or registry/name@sha256:digest, return it."""
    remedy = "write registry/name:tag, such as lscr.io/linuxserver/kometa:latest"
    name = text_of(value, remedy)
    if "://" in name:
        raise RefusalError(quoted(name), f"leave out {name.split('://')[0]}://; {remedy}")
    first, slash, rest = name.partition("/")
    if not slash or not (re.search(r"[.:]", first) or first == "localhost"):
        likely = f"docker.io/{name}" if slash else f"lscr.io/linuxserver/{name}"
        raise RefusalError(
            f"{quoted(name)}, a name without a registry",
            f"write it whole, such as {likely}: for a short one Podman asks",
        )
    match = IMAGE.fullmatch(name)
    if match is None:
        small = rest != rest.lower() and IMAGE.fullmatch(f"{first}/{rest.lower()}")
        raise RefusalError(quoted(name), "write the image's name in small letters" if small else remedy)
    if match["path"] == "kometateam/kometa":
        raise RefusalError(
            f"{quoted(name)}, Kometa's own image, which has no PUID, no PGID and no s6-overlay",
            "write lscr.io/linuxserver/kometa with the same tag (latest, nightly, v2.4.4): the same Kometa",
        )
    if not match["tag"] and not match["digest"]:
        raise RefusalError(
            f"{quoted(name)}, without a tag", f"write the version too, such as {name}:latest or a digest"
        )
    return name


def is_linuxserver(image: str) -> bool:
    """Say whether an image is built by LinuxServer.io, also if it comes through another registry."""
    registry, _, path = image.partition("/")
    return registry == "lscr.io" or not {"linuxserver", "linuxserver.io"}.isdisjoint(path.split("/"))


def checked_userns(value: object, image: str | None) -> str | None:
    """Given the value of UserNS= or None, return it; image is None where it is not known. Refuse what cannot work."""
    if value is None or value == "":
        return None
    none = "write None (null on the command line) for no UserNS= line"
    mode = text_of(value, none)
    if not re.fullmatch(r"(auto|host|keep-id|nomap|private|ns|container)(:[A-Za-z0-9=:,@#+./_-]*)?", mode):
        raise RefusalError(quoted(mode), f"{none}, or keep-id[:uid=N,gid=N] with an image that is made for it")
    if mode.split(":")[0] not in ("host", "keep-id"):
        raise RefusalError(
            quoted(mode),
            f"{none}: the ids of the config tree are those of the account's own user namespace (podman unshare)",
        )
    if mode.startswith("keep-id") and image and is_linuxserver(image):
        raise RefusalError(f"{quoted(mode)} with the image {image}", f"{none}. {WHY_NOT_KEEP_ID}")
    return mode


WHY_NOT_KEEP_ID = (
    "LinuxServer.io images start with s6-overlay, which must be root inside the container and drops to kometa_puid and "
    "kometa_pgid (PUID, PGID) by itself. keep-id makes it the account instead, which ends in: "
    "s6-overlay-suexec: fatal: unable to exec /etc/s6-overlay/s6-rc.d/init/run: Operation not permitted"
)


def checked_plex_url(value: object) -> str:
    """Given Plex's http(s)://host:port as the container reaches it, return it. A URL with more is not repeated."""
    remedy = f"write {PLEX_EXAMPLE}: Plex by its container name, which the network resolves"
    parts, port = _split_url(text_of(value, remedy).strip(), remedy)
    host = parts.hostname or ""
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:]+", host):
        raise RefusalError("a URL whose host is no name and no address", remedy)
    shown = f"{parts.scheme}://{parts.netloc}"
    if host == "localhost" or host.endswith(".localhost") or re.match(r"127\.|0\.0\.0\.0$|::1?$", host):
        of_the_host = (
            f"; a Plex of the host itself, in no container of that network, is {parts.scheme}://{HOST_ITSELF}:32400"
        )
        raise RefusalError(f"{shown}, which inside the container is the container itself", f"{remedy}{of_the_host}")
    if not port and not (port is None and _is_proxied(parts)):
        raise RefusalError(f"{shown}, without a port", "write its port too; Plex listens on 32400")
    return shown


def plex_url_warnings(url: str) -> list[str]:
    """Return what is odd about an address of Plex that may be right all the same: on a server far away, say."""
    if not _is_proxied(urlsplit(url)):
        return []
    return [
        f"kometa_plex_url is {url}, which leads through a reverse proxy; where Plex is within reach, write "
        f"{PLEX_EXAMPLE}, by its container name, or its address with its own port"
    ]


def _is_proxied(parts: SplitResult) -> bool:
    """Return whether an address is one that a reverse proxy serves: a domain name at the usual port of https."""
    host = parts.hostname or ""
    is_domain = "." in host and not re.fullmatch(r"[\d.]+", host)
    return is_domain and parts.scheme == "https" and parts.port in (None, 443)


def _split_url(url: str, remedy: str) -> tuple[SplitResult, int | None]:
    """Return the parts of a URL that has scheme, host and perhaps port, and the port. Its other parts may be secret."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusalError("a URL with an impossible host or port", remedy) from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise RefusalError("no http:// or https:// URL", remedy)
    if parts.username is not None or parts.password is not None:
        raise RefusalError("a URL with a user name or password in it (not shown here)", remedy)
    if parts.query or parts.fragment:
        raise RefusalError(
            "a URL with a token or another parameter (not shown here)",
            f"{remedy}; the token belongs into kometa_secrets",
        )
    if parts.path not in ("", "/"):
        raise RefusalError("a URL with a path", remedy)
    return parts, port
