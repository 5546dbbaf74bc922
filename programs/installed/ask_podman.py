"""Asks a `podman system service` that is at hand; programs/lib/freeze.sh talks to it.

`ask_podman.py SOCKET SECONDS`: on standard input a question a line, `NUMBER running`, `NUMBER mounts ID`, `NUMBER pause
ID` or `NUMBER unpause ID`; for each a line of answer, `NUMBER yes`, where something is told with one tab before each
word of it, or `NUMBER no`. NUMBER is whatever the asker likes. It ends with its input, or when nothing was asked for
so many seconds. See the libpod part of Podman's API.
"""

import http.client
import json
import signal
import socket
import sys
import time
from typing import Any, List  # noqa: UP035  (for the Python of old hosts)

PATIENCE = 20  # seconds for one answer
START = 4  # seconds for a service to begin


class Connection(http.client.HTTPConnection):
    """One to the service's socket."""

    def __init__(self, path: str) -> None:
        super().__init__("podman", timeout=PATIENCE)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def await_service(path: str) -> None:
    """Wait until a service that has just been started listens, but not for long."""
    until = time.monotonic() + START
    while time.monotonic() < until:
        try:
            Connection(path).connect()
        except OSError:
            time.sleep(0.01)
        else:
            return


def call(path: str, method: str, what: str) -> Any:
    """Return what the service answers, as far as it is JSON; raise OSError where it does not do it."""
    connection = Connection(path)
    try:
        connection.request(method, f"/v4.0.0/libpod/containers/{what}")
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status >= 300:
        raise OSError(f"status {response.status}")
    return json.loads(body) if body else None


def answer(path: str, question: str, *ids: str) -> List[str]:  # noqa: UP006
    """Return the words that answer a question; raise OSError, ValueError or the like where there is no answer."""
    if question == "running":
        return [container["Id"] for container in call(path, "GET", "json")]
    (container_id,) = ids
    if question == "mounts":
        mounts = call(path, "GET", f"{container_id}/json")["Mounts"]
        return [mount["Source"] for mount in mounts if mount["RW"]]
    if question not in ("pause", "unpause"):
        raise ValueError(f"unknown question {question}")
    call(path, "POST", f"{container_id}/{question}")
    return []


def main(path: str, seconds: int) -> None:
    """Answer until the input ends."""
    signal.alarm(seconds)
    await_service(path)
    for line in iter(sys.stdin.readline, ""):
        number, *question = line.split()
        signal.alarm(seconds)
        try:
            told = "".join(f"\t{word}" for word in answer(path, *question))
            print(f"{number} yes{told}", flush=True)
        except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError) as error:
            print(f"{number} no", flush=True)
            print(f"ask_podman.py: {' '.join(question)}: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
