"""Servers that take messages, for real: as chat services take them, as mail servers do, and as broken ones do."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

WEBHOOKS = "/api/webhooks/"
TOKEN = "AxoG1fyQuietToken"  # noqa: S105  (of the Gotify above)


@dataclass
class Received:
    """What arrived: the title and the text of each message, and the paths of all requests."""

    titles: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Forget it."""
        for entries in (self.titles, self.bodies, self.paths):
            entries.clear()


class WebService:
    """Answers as the servers do that people have: / is ntfy's, which takes a topic in JSON; /message Gotify's, which
    wants its token in a header; /api/webhooks/... Discord's, which says 204 without a word; /ping Healthchecks'. /bad
    answers with 500, /hang never. `is_broken` makes ntfy answer with 500 as well.
    """

    def __init__(self, address: str, port: int = 0, certificate: Path | None = None) -> None:
        self.received = Received()
        self.is_broken = False
        self.gone = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.take(self)

            def do_POST(self) -> None:
                service.take(self)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer((address, port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request as its path wants it."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.received.paths.append(request.path)
        path = request.path.partition("?")[0]
        if path.startswith("/hang"):
            self.gone.wait(120)
        is_bad = path.startswith("/bad") or (path == "/" and self.is_broken)
        if path == "/message" and request.headers.get("X-Gotify-Key") != TOKEN:
            request.send_response(401)
        elif is_bad:
            request.send_response(500)
        else:
            if not path.startswith("/ping"):
                self._note(path, json.loads(body))
            request.send_response(204 if path.startswith(WEBHOOKS) else 200)
        request.end_headers()

    def _note(self, path: str, known: dict[str, Any]) -> None:
        if path in ("/", "/message"):
            assert path != "/" or known["topic"], known
            self.received.titles.append(known["title"])
            self.received.bodies.append(known["message"])
        elif path.startswith(WEBHOOKS):
            self.received.bodies.append(known["content"])

    def close(self) -> None:
        """End it; what it lets hang is let go."""
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()


class Mailbox:
    """A mail server that takes everything."""

    def __init__(self, address: str) -> None:
        self.received = Received()
        with socket.create_server((address, 0)) as free:
            self.port = free.getsockname()[1]
        self.controller = Controller(self, hostname=address, port=self.port)
        self.controller.start()

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        """Take a mail."""
        mail = message_from_bytes(envelope.content)
        text = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
        payload = text.get_payload(decode=True)
        self.received.titles.append(str(mail["Subject"]))
        self.received.bodies.append(payload.decode() if isinstance(payload, bytes) else "")
        return "250 OK"


def self_signed(folder: Path, name: str) -> Path:
    """Make a certificate for a name, with its key; return the file of both."""
    path = folder / f"{name}.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", "-"]
    path.write_bytes(subprocess.run(made, capture_output=True, check=True).stdout)
    return path


@contextmanager
def web_service(address: str, port: int = 0, certificate: Path | None = None) -> Iterator[WebService]:
    """Yield a server of the web, with a certificate one of HTTPS."""
    service = WebService(address, port, certificate)
    try:
        yield service
    finally:
        service.close()


@contextmanager
def mailbox(address: str) -> Iterator[Mailbox]:
    """Yield a mail server."""
    box = Mailbox(address)
    try:
        yield box
    finally:
        box.controller.stop()
