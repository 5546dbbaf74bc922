"""Sends messages: in words by the host's apprise, and pings by curl. No address is ever in an argument."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from kometa_host.state.watch_config import ADDRESSES, PING_URL, tag
from kometa_host.watcher.files import MAX_CONFIG, read_bounded
from kometa_host.watcher.outbox import PING
from kometa_host.watcher.words import Message

PATIENCE = 60  # seconds for a service to answer; apprise itself gives up earlier
PING_PATIENCE = 15
NO_SUCH_SERVICE = 3  # of apprise: no address could be used
MIN_SECRET = 5  # characters of a part of an address that is kept from being shown


def send(library_dir: Path, place: int, message: Message) -> str:
    """Send a message to an address of kometa_notify, or as a ping; return why that was not possible, else nothing."""
    try:
        return _ping(library_dir, message) if place == PING else _apprise(library_dir, place, message)
    except FileNotFoundError as error:
        return f"{error.filename} is not on the host"
    except subprocess.TimeoutExpired as error:
        return f"no answer within {error.timeout:.0f} s"
    except (OSError, ValueError) as error:
        return f"it could not be sent ({type(error).__name__})"


def apprise_command(services: Path, place: int, message: Message) -> list[str]:
    """Return the command that sends a message, whose text is its input."""
    title = ["--title", message.title, "--notification-type", message.kind, "--input-format", "text"]
    return ["apprise", "-v", "--config", str(services), "--tag", tag(place), *title]


def _apprise(library_dir: Path, place: int, message: Message) -> str:
    services = library_dir / ADDRESSES
    done = _run(apprise_command(services, place, message), message.body or message.title, PATIENCE)
    if done.returncode == 0:
        return ""
    if done.returncode == NO_SUCH_SERVICE:
        return "apprise does not know this kind of address"
    return reason(done.stdout + done.stderr, read_bounded(services, MAX_CONFIG))


def reason(said: str, addresses: str) -> str:
    """Given what apprise said, return its last word that holds no part of an address."""
    # one that it does not understand it prints whole
    parts = {part for part in re.split(r"[^\w.~%-]+", addresses) if len(part) >= MIN_SECRET}
    lines = [re.sub(r"^[\d-]+ [\d:,]+ - [A-Z]+ - ", "", line).strip() for line in said.splitlines()]
    clean = [line for line in lines if line and "://" not in line and not any(part in line for part in parts)]
    return clean[-1][:200] if clean else "it refused the message, or did not answer"


def _ping(library_dir: Path, message: Message) -> str:
    url = read_bounded(library_dir / PING_URL, MAX_CONFIG).strip()
    done = _run(["curl", "-sS", "-f", "-o", "/dev/null", "-K", "-"], ping_input(url, message), PING_PATIENCE)
    said = re.findall(r"^curl: \((\d+)\)", done.stderr, re.M)
    return "" if done.returncode == 0 else f"kometa_notify_url could not be pinged (curl: {', '.join(said) or 'ended'})"


def ping_input(url: str, message: Message) -> str:
    """Return the input of curl that pings a URL with what is appended to its path, the message as its body."""
    path, mark, query = url.partition("?")
    text = f"{message.title}\n{message.body}".strip()
    lines = [f"url = {_quoted(f'{path}{message.ping}{mark}{query}')}", f"data-raw = {_quoted(text)}"]
    return "\n".join([*lines, f"max-time = {PING_PATIENCE - 5}"]) + "\n"


def _quoted(text: str) -> str:
    # see "config" in curl(1)
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


def _run(command: list[str], text: str, patience: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=text, capture_output=True, text=True, errors="replace", timeout=patience, check=False
    )
