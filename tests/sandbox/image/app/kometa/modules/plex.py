"""Asking a Plex server which libraries it has."""

# mypy: disable-error-code="import-not-found, import-untyped, no-any-return"

import urllib.error
import urllib.request
from xml.etree import ElementTree

from modules.logs import Log
from modules.util import Failed


def libraries(url: str, token: str, log: Log, timeout: float) -> list[str]:
    """Return the titles of the server's libraries; raise Failed with Kometa's words when it does not let us."""
    if token != token.strip():
        text = f"Invalid leading whitespace, reserved character(s), or return character(s) in header value: {token!r}"
        raise Failed(f"Plex Error: {text}")
    request = urllib.request.Request(f"{url.rstrip('/')}/library/sections", headers={"X-Plex-Token": token})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            document = ElementTree.fromstring(answer.read())  # noqa: S314  (our own stand-in)
    except urllib.error.HTTPError as error:
        if error.code == 401:
            log.info("Plex connection attempt returned 'Unauthorized'")
            raise Failed("Plex Error: Plex token is invalid") from None
        raise Failed(f"Plex Error: {error}") from None
    except (OSError, ValueError):
        raise Failed("Plex Error: Plex URL is probably invalid") from None
    return [str(entry.get("title")) for entry in document.iter("Directory")]
