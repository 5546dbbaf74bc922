"""Plex, as Kometa's container sees it."""

from collections.abc import Sequence
from shlex import quote

from kometa_host.config_tree import plex_libraries, redaction
from kometa_host.plans import plex as plex_plan
from kometa_host.reports.diagnosis.check import DEPLOY, Answer, Host, ok, problem, unknown
from kometa_host.settings.urls import parts_of


def is_unreachable_host(url: str, host: Host) -> bool:
    """Return whether a URL names the host itself in a way that leads a container to itself."""
    name = parts_of(url).hostname or ""
    found = host.look.found
    is_bare_name = name == found.host.text("hostname").lower() and name not in found.containers
    return plex_plan.uses_pasta(found) and (is_bare_name or plex_plan.is_the_host_itself(name, found))


def plex_url(host: Host) -> Answer:
    """Judge the address in config.yml."""
    url = host.plex_section.get("url")
    wanted = host.settings.kometa_plex_url
    if not isinstance(url, str) or not url.strip():
        return unknown("config.yml names none") if not host.plex_section else problem(
            "none", "config.yml has no url under plex", f"write url: {wanted} under plex, then: {DEPLOY}"
        )  # fmt: skip
    if "<<" in url or url.upper() == "ENV":
        return ok("kept as a secret")
    if is_unreachable_host(url, host):
        return problem(
            redaction.redacted(url),
            "that is this host itself, and inside a container its address is the container's own",
            f"{plex_plan.remedy_for_the_host_itself(url, host.look.found)} Then: {DEPLOY}",
        )
    if url.rstrip("/") == wanted.rstrip("/"):
        return ok(wanted)
    return problem(
        redaction.redacted(url),
        f"config.yml does not use Plex's name on the network {host.settings.mms_network}: a Traefik or public address "
        "leads out of the host and back, or nowhere",
        f"write url: {wanted} under plex in config.yml (or set kometa_plex_url), then: {DEPLOY}",
    )


def plex_reachable(host: Host) -> Answer:
    if not host.plex:
        return unknown("Kometa's container does not run" if not host.runs_now else "its container did not answer")
    url, identity = host.plex["url"], host.plex["identity"]
    if identity is None:
        return unknown(f"config.yml has another address than {url}, which was not asked")
    if identity == 200:
        return ok(f"{url} answers from inside the container")
    name = parts_of(url).hostname or ""
    if "." in name or ":" in name:
        return problem(
            f"{url} does not answer: {identity}",
            "Plex does not run there, or a firewall or another address stands between",
            f"start Plex on {quote(name)}; try: podman exec kometa curl -sf {quote(url)}/identity   (as the account)",
        )
    plex = host.look.found.containers.get(name)
    cause = "Plex does not run, or not on this network under this name"
    if plex and host.settings.mms_network not in plex.networks:
        cause = f"the container {plex.name} is not on the network {host.settings.mms_network}"
    return problem(
        f"{url} does not answer: {identity}",
        cause,
        f"systemctl --user start plex   (as the account); try: podman exec kometa curl -sf {quote(url)}/identity",
    )


def plex_token(host: Host) -> Answer:
    if host.plex.get("identity") != 200:
        return unknown("Plex was not reached")
    if not host.plex.get("has_token"):
        return problem(
            "none", "plex: token in config.yml is empty, or its secret has no value",
            f"make secrets-edit   (add plextoken), then: {DEPLOY}",
        )  # fmt: skip
    if host.plex.get("sections") == 200:
        return ok("accepted by /library/sections")
    return problem(
        f"refused by /library/sections ({host.plex.get('sections')})",
        "the token is wrong or was withdrawn",
        f"put a new one in place (make secrets-edit; see support.plex.tv/articles/204059436), then: {DEPLOY}",
    )


def libraries(host: Host) -> Answer:
    """Judge the libraries in config.yml, their names and the defaults in them, by those that Plex has."""
    found = plex_libraries.libraries(host.plex)
    if found is None or not host.config:
        return unknown("Plex did not tell its libraries" if host.config else "config.yml cannot be read")
    missing = list(plex_libraries.missing(host.config, found))
    misplaced = list(plex_libraries.misplaced(host.config, found))
    if not missing:
        return _misplaced(misplaced) if misplaced else ok("all of config.yml are in Plex")
    return problem(
        f"Plex has no {', '.join(name for name, _ in missing)}",
        "Kometa compares the names letter by letter, and leaves out of its run what Plex does not have",
        f"correct config.yml: {'; '.join(f'{name}: {remedy}' for name, remedy in missing)}; then: {DEPLOY}",
    )


def _misplaced(defaults: Sequence[tuple[str, str, str]]) -> Answer:
    return problem(
        ", ".join(f"the default {default} is not for {library}" for default, library, _ in defaults),
        "; ".join(f"{library} holds {holds} in Plex" for library, holds in dict(row[1:] for row in defaults).items()),
        f"name it in another library of config.yml, then: {DEPLOY}",
    )
