#!/usr/bin/python3
"""Stand-in for a Plex Media Server: /identity for everybody, / and /library/sections for those with the token."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = os.environ.get("PLEX_STANDIN_TOKEN", "sandbox-plex-token")
LIBRARIES = (("1", "movie", "Movies"), ("2", "show", "TV Shows"))
SERVER = 'machineIdentifier="standin" version="1.42.2.10156"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
DENIED = "<html><head><title>Unauthorized</title></head><body><h1>401 Unauthorized</h1></body></html>"


def document(path: str) -> str | None:
    """Return the XML that answers `path`, or None when there is nothing."""
    sections = "".join(f'<Directory key="{key}" type="{kind}" title="{title}"/>\n' for key, kind, title in LIBRARIES)
    return {
        "/identity": f'{HEAD}<MediaContainer size="0" claimed="1" {SERVER}/>\n',
        "/": f'{HEAD}<MediaContainer size="1" friendlyName="standin" {SERVER}/>\n',
        "/library/sections": f'{HEAD}<MediaContainer size="{len(LIBRARIES)}">\n{sections}</MediaContainer>\n',
    }.get(path)


class Plex(BaseHTTPRequestHandler):
    """Answers GET."""

    def do_GET(self) -> None:
        """Answer with the document, 401 without the token, or 404."""
        parts = urlsplit(self.path)
        path = parts.path.rstrip("/") or "/"
        token = self.headers.get("X-Plex-Token") or parse_qs(parts.query).get("X-Plex-Token", [""])[0]
        body = document(path)
        if path != "/identity" and token != TOKEN:
            self.answer(401, "text/html", DENIED)
        elif body is None:
            self.answer(404, "text/html", "")
        else:
            self.answer(200, "text/xml;charset=utf-8", body)

    def answer(self, status: int, kind: str, text: str) -> None:
        """Send one answer."""
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer(("0.0.0.0", 32400), Plex).serve_forever()  # noqa: S104  (inside a container)
