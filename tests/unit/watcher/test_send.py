"""Sending: what goes to apprise and to curl, and that no part of an address comes back."""

import stat
from pathlib import Path

import pytest

from kometa_host.state.watch_config import ADDRESSES, PING_URL, addresses_text
from kometa_host.watcher import send
from kometa_host.watcher.outbox import PING
from kometa_host.watcher.words import Message

ADDRESS = "discord://1234567/SeCrEt-ToKeN"
MESSAGE = Message("nas: it's failed", 'why "so"\n\\ next', "failure", None, "/fail")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library directory with addresses, and a place for programs that comes first."""
    (tmp_path / ADDRESSES).write_text(addresses_text([ADDRESS, "json://x"]))
    (tmp_path / PING_URL).write_text("https://hc.example/secret-id?a=b\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def program(library: Path, name: str, text: str) -> None:
    """Put a program in the first place."""
    path = library / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_apprise_gets_the_text_as_its_input_and_the_addresses_by_the_path_of_their_file(library: Path) -> None:
    program(library, "apprise", f'printf "%s\\n" "$@" >{library}/arguments; cat >{library}/input')
    assert send.send(library, 2, MESSAGE) == ""
    assert (library / "input").read_text() == MESSAGE.body
    arguments = (library / "arguments").read_text()
    assert "SeCrEt" not in arguments
    assert arguments.splitlines()[:5] == ["-v", "--config", f"{library}/notify.yml", "--tag", "service2"]
    assert MESSAGE.title in arguments.splitlines()


def test_why_it_failed_is_said_without_any_part_of_an_address(library: Path) -> None:
    said = [
        "2026-11-22 12:00:00,000 - WARNING - Failed to send Discord notification: Unauthorized, error=401.",
        f"2026-11-22 12:00:00,000 - ERROR - Unparseable URL {ADDRESS}",
        "2026-11-22 12:00:00,000 - INFO - token SeCrEt-ToKeN",
    ]
    program(library, "apprise", f"cat <<'E' >&2\n{chr(10).join(said)}\nE\nexit 1")
    assert send.send(library, 1, MESSAGE) == "Failed to send Discord notification: Unauthorized, error=401."


def test_an_address_that_apprise_does_not_know_is_said(library: Path) -> None:
    program(library, "apprise", f"echo 'Unparseable URL {ADDRESS}'; exit 3")
    assert send.send(library, 1, MESSAGE) == "apprise does not know this kind of address"


def test_a_service_that_does_not_answer_is_left(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "PATIENCE", 0.2)
    program(library, "apprise", "exec sleep 30")
    assert send.send(library, 1, MESSAGE).startswith("no answer within")


def test_a_host_without_apprise_is_said(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(library))
    assert send.send(library, 1, MESSAGE) == "apprise is not on the host"


def test_a_ping_is_curls_input_with_the_message_as_its_body(library: Path) -> None:
    program(library, "curl", f'printf "%s\\n" "$@" >{library}/arguments; cat >{library}/input')
    assert send.send(library, PING, MESSAGE) == ""
    assert "secret" not in (library / "arguments").read_text()
    assert (library / "input").read_text().splitlines()[:2] == [
        'url = "https://hc.example/secret-id/fail?a=b"',
        'data-raw = "nas: it\'s failed\\nwhy \\"so\\"\\n\\\\ next"',
    ]


def test_a_ping_that_fails_is_said_without_its_url(library: Path) -> None:
    program(library, "curl", "echo 'curl: (6) Could not resolve host: hc.example' >&2; exit 6")
    assert send.send(library, PING, MESSAGE) == "kometa_notify_url could not be pinged (curl: 6)"
