"""Servers that take messages, for real: as chat services take them, as mail servers do, and as broken ones do."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


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
    """Answers requests below /PATH: /good as one of the many that take JSON, /bad with 500, /hang never, /ping as
    Healthchecks does. `is_broken` makes /good fail as well.
    """

    def __init__(self, address: str) -> None:
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

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request as its path wants it."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.received.paths.append(request.path)
        if request.path.startswith("/hang"):
            self.gone.wait(120)
        is_bad = request.path.startswith("/bad") or (self.is_broken and request.path.startswith("/good"))
        if request.path.startswith("/good") and not is_bad:
            known: dict[str, Any] = json.loads(body)
            self.received.titles.append(known["title"])
            self.received.bodies.append(known["message"])
        request.send_response(500 if is_bad else 200)
        request.end_headers()

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


@contextmanager
def web_service(address: str) -> Iterator[WebService]:
    """Yield a server of the web."""
    service = WebService(address)
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
