"""Runs in Kometa's container: asks Plex as Kometa will, prints what came of it as JSON, and never a token.

Whoever is in the container can write config.yml. So only the address that is declared is asked, and no other that it
sends us to: the token goes nowhere else.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

MAX_ANSWER = 1 << 20  # bytes


def configured() -> dict[str, object]:
    """Return the plex section of config.yml, {} where it cannot be read."""
    try:
        import ruamel.yaml

        text = Path("/config/config.yml").read_text(encoding="utf-8")
        section = ruamel.yaml.YAML(typ="safe").load(text)["plex"]
        return section if isinstance(section, dict) else {}
    except Exception:
        return {}


def with_secrets(value: object) -> str:
    """Return a value of config.yml with its placeholders replaced from the environment, as Kometa does it."""

    def secret(match: re.Match[str]) -> str:
        return os.environ.get("KOMETA_" + match[1].upper().replace("-", "_"), "")

    return re.sub(r"<<([^<>]+)>>", secret, str(value or ""))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow nobody to another address: urllib would take the token along."""

    def redirect_request(self, *_: object) -> None:
        """Take a redirection as the answer."""


def is_declared(url: object, expanded: str, declared: str) -> bool:
    """Return whether the url of config.yml is the declared one, or kept as a secret of its own."""
    secret = re.fullmatch(r"\s*<<[^<>]+>>\s*", str(url or ""))
    return bool(secret) or expanded.strip().rstrip("/") == declared.strip().rstrip("/")


def answer(url: str, headers: dict[str, str]) -> tuple[int | str, bytes]:
    """Return the HTTP status of a URL, or why there is none, and what came with it."""
    if not url.startswith(("http://", "https://")):
        return "it is no http address", b""
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  (checked above)
        with urllib.request.build_opener(NoRedirect).open(request, timeout=15) as reply:
            return int(reply.status), reply.read(MAX_ANSWER)
    except urllib.error.HTTPError as error:
        return error.code, b""
    except Exception as error:
        return str(getattr(error, "reason", error)), b""


def libraries(document: bytes) -> dict[str, str] | None:
    """Return the libraries in Plex's answer with their types (movie, show, artist, photo), None if it is none."""
    try:
        entries = ElementTree.fromstring(document).iter("Directory")  # noqa: S314  (from the user's own Plex)
        return {str(entry.get("title")): str(entry.get("type")) for entry in entries}
    except ElementTree.ParseError:
        return None


def asked(url: str, token: str) -> dict[str, object]:
    """Ask the Plex at an address; return what came of it."""
    parts = urlsplit(url)
    identity, _ = answer(f"{url}/identity", {})
    sections: tuple[int | str | None, bytes] = (None, b"")
    if identity == 200:
        sections = answer(f"{url}/library/sections", {"X-Plex-Token": token})
    return {
        "url": f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else ""),
        "identity": identity,
        "sections": sections[0],
        "libraries": libraries(sections[1]),
    }


def main(declared: str) -> None:
    """Ask, and print the answers."""
    section = configured()
    written = section.get("url") or declared
    url, token = with_secrets(written).strip(), with_secrets(section.get("token")).strip()
    if url.upper() == "ENV":
        url = os.environ.get("KOMETA_PLEX_URL", declared)
    if token.upper() == "ENV":
        token = os.environ.get("KOMETA_PLEX_TOKEN", "")
    found: dict[str, object] = {"url": declared, "identity": None}
    if is_declared(written, url, declared):
        found = asked(url.rstrip("/"), token)
    print(json.dumps({**found, "has_token": bool(token)}))


main(sys.argv[1])
