"""Runs in Kometa's container: asks Plex as Kometa will, prints what came of it as JSON, and never a token."""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree


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


def answer(url: str, headers: dict[str, str]) -> tuple[int | str, bytes]:
    """Return the HTTP status of a URL, or why there is none, and what came with it."""
    if not url.startswith(("http://", "https://")):
        return "it is no http address", b""
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  (checked above)
        with urllib.request.urlopen(request, timeout=15) as reply:  # noqa: S310
            return int(reply.status), reply.read()
    except urllib.error.HTTPError as error:
        return error.code, b""
    except Exception as error:
        return str(getattr(error, "reason", error)), b""


def libraries(document: bytes) -> list[str] | None:
    """Return the names of the libraries in Plex's answer, None if it is none."""
    try:
        entries = ElementTree.fromstring(document).iter("Directory")  # noqa: S314  (from the user's own Plex)
        return [str(entry.get("title")) for entry in entries]
    except ElementTree.ParseError:
        return None


def main(default_url: str) -> None:
    """Ask, and print the answers."""
    section = configured()
    url, token = with_secrets(section.get("url") or default_url), with_secrets(section.get("token"))
    if url.upper() == "ENV":
        url = os.environ.get("KOMETA_PLEX_URL", default_url)
    if token.upper() == "ENV":
        token = os.environ.get("KOMETA_PLEX_TOKEN", "")
    parts = urlsplit(url)
    base = url.rstrip("/")
    identity, _ = answer(f"{base}/identity", {})
    sections: tuple[int | str | None, bytes] = (None, b"")
    if identity == 200:
        sections = answer(f"{base}/library/sections", {"X-Plex-Token": token.strip()})
    print(
        json.dumps(
            {
                "url": f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else ""),
                "has_token": bool(token.strip()),
                "identity": identity,
                "sections": sections[0],
                "libraries": libraries(sections[1]),
            }
        )
    )


main(sys.argv[1])
