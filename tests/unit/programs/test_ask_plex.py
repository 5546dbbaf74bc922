"""What Plex tells of its libraries, and what a deploy makes of it. Podman is a stand-in that runs the probe here."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from kometa_host.state import programs
from operations.engine import plex, transport

SECTIONS = (
    '<MediaContainer size="2"><Directory type="movie" title="Movies"/>'
    '<Directory type="show" title="TV &amp; more"/></MediaContainer>'
)
PODMAN = """#!/bin/sh
case "$*" in
    *inspect*) echo "$STATE" ;;
    exec*) shift 7; exec "$PYTHON" - "$@" ;;
esac
"""


class Server(BaseHTTPRequestHandler):
    body = SECTIONS
    elsewhere = ""  # where it sends whoever asks for the libraries
    tokens: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.tokens.append(self.headers["X-Plex-Token"])
        redirects = self.elsewhere and self.path == "/library/sections"
        self.send_response(302 if redirects else 200)
        if redirects:
            self.send_header("Location", self.elsewhere)
        self.end_headers()
        self.wfile.write(self.body.encode() if self.path == "/library/sections" else b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def asked(folder: Path, url: str, state: str = "running", config: str = "") -> bytes:
    """Return what the program prints on a host whose container is in a state."""
    (folder / "podman").write_text(PODMAN)
    (folder / "podman").chmod(0o755)
    (folder / "config.yml").write_text(config)
    probe = programs.path_of("ask_plex.py").read_text().replace("/config/config.yml", f"{folder}/config.yml")
    script = programs.program("ask_plex", plex_url=url, probe=probe)
    more = {"PATH": f"{folder}:{os.environ['PATH']}", "STATE": state, "PYTHON": sys.executable, "HOME": str(folder)}
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, env={**os.environ, **more})
    return done.stdout


def test_plex_tells_its_libraries(tmp_path: Path, url: str) -> None:
    said = json.loads(asked(tmp_path, url))
    assert (said["identity"], said["sections"], said["libraries"]) == (
        200,
        200,
        {"Movies": "movie", "TV & more": "show"},
    )


@pytest.mark.parametrize(
    ("written", "is_asked"),
    [("{url}/", True), ("<<plexurl>>", True), ("{url}?<<plextoken>>", False), ("http://<<plextoken>>.attacker", False)],
)
def test_the_token_goes_to_the_declared_address_alone(
    written: str, is_asked: bool, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOMETA_PLEXTOKEN", "hunter2")
    monkeypatch.setenv("KOMETA_PLEXURL", url)
    Server.tokens.clear()
    config = f"plex:\n  url: {written.format(url=url)}\n  token: <<plextoken>>\n"
    printed = asked(tmp_path, url, config=config)
    assert (Server.tokens == [None, "hunter2"]) is is_asked
    assert (json.loads(printed)["identity"] == 200) is is_asked
    assert b"hunter2" not in printed


def test_nobody_is_followed_to_another_address(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOMETA_PLEXTOKEN", "hunter2")
    monkeypatch.setattr(Server, "elsewhere", f"{url}/attacker")
    Server.tokens.clear()
    said = json.loads(asked(tmp_path, url, config=f"plex:\n  url: {url}\n  token: <<plextoken>>\n"))
    assert Server.tokens == [None, "hunter2"]
    assert (said["sections"], said["libraries"]) == (302, None)


def test_what_is_no_answer_of_plex_tells_none(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "body", "no XML")
    assert json.loads(asked(tmp_path, url))["libraries"] is None


def test_a_plex_that_does_not_answer_tells_none(tmp_path: Path) -> None:
    said = json.loads(asked(tmp_path, "http://127.0.0.1:1"))
    assert (said["sections"], said["libraries"]) == (None, None)


def test_without_a_running_container_nobody_is_asked(tmp_path: Path, url: str) -> None:
    assert asked(tmp_path, url, state="exited") == b""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            b'{"libraries": {"Movies": "movie"}}',
            "kometa/config.yml: Plex has no library movies, and Kometa leaves it out of its run",
        ),
        (b'{"libraries": {"movies": "movie", "Movies": "movie"}}', ""),
        (b'{"libraries": {"movies": "show"}}', "the default oscars is not for movies, which holds shows in Plex"),
        (b'{"libraries": ["Movies"]}', ""),
        (b'{"libraries": null}', ""),
        (b"", ""),
        (b"Traceback", ""),
    ],
)
def test_a_deploy_tells_what_plex_lacks_and_nothing_where_it_was_not_asked(
    answer: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    known = SimpleNamespace(kometa_plex_url="http://plex:32400", mms_user="mms", kometa_config_source="kometa")
    monkeypatch.setattr(plex, "settings", lambda: known)
    monkeypatch.setattr(plex, "host", SimpleNamespace(log=lines.append))
    monkeypatch.setattr(transport, "run", lambda *_: SimpleNamespace(stdout=answer))
    plex.tell_what_plex_has_otherwise("libraries:\n  movies: {collection_files: [{default: oscars}]}\n")
    assert bool(lines) is bool(said)
    assert said in "".join(lines)
    plex.tell_what_plex_has_otherwise("libraries: [\n")
    assert len(lines) == bool(said)
