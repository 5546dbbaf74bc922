"""pyinfra's command line, as its user types it, from a process that has imported it: half a second less for each run.

`run` asks a process of this module for a fork of it that becomes `python -m pyinfra ...`, with arguments, environment,
streams and exit status of its own; nothing of ours is loaded before that.
"""

import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from os import fork, waitpid  # those of the operating system: gevent puts its own in their place
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

MAX_REQUEST = 200_000  # bytes; as much as goes over such a line at once


def run(
    project: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = None,
    timeout: float | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run pyinfra in a project, with nothing to read unless stdin is given, and return what it left.

    Raise TimeoutError, once it has been killed, if it takes longer.
    """
    wanted = [list(arguments), str(project), dict(os.environ if environment is None else environment)]
    with Path(os.devnull).open() as nothing, TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        streams = [nothing.fileno() if stdin is None else stdin, output.fileno(), errors.fileno()]
        status = _forking().ended_with(wanted, streams, timeout)
        for printed in (output, errors):
            printed.seek(0)
        return subprocess.CompletedProcess(arguments, status, output.read(), errors.read())


class _Forking:
    """The process that has imported pyinfra; it ends with this one."""

    def __init__(self) -> None:
        self._line, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            command = [sys.executable, "-I", __file__, str(there.fileno())]
            # A Ctrl-C at the tests' terminal is for the tests.
            self._process = subprocess.Popen(command, pass_fds=[there.fileno()], start_new_session=True)

    def ended_with(self, wanted: Sequence[Any], streams: Sequence[int], timeout: float | None) -> int:
        """Return the exit status of a fork that does what is wanted."""
        socket.send_fds(self._line, [json.dumps(wanted).encode()], list(streams))
        child = self._answer()
        try:
            self._line.settimeout(timeout)
            return os.waitstatus_to_exitcode(self._answer())
        except BaseException:
            self._line.settimeout(None)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            self._answer()
            raise
        finally:
            self._line.settimeout(None)

    def _answer(self) -> int:
        answer = self._line.recv(20)
        if not answer:
            raise EOFError("the process that has imported pyinfra has ended")
        return int(answer)


@cache
def _forking() -> _Forking:
    return _Forking()


def _serve(line: socket.socket) -> None:
    """Fork for each request, as long as somebody is there; return in the forks alone."""
    while True:
        request, streams, _, _ = socket.recv_fds(line, MAX_REQUEST, 3)
        if not request:
            sys.exit()
        child = fork()
        if not child:
            line.close()
            arguments, project, environment = json.loads(request)
            _become(arguments, project, environment, streams)
            return
        for stream in streams:
            os.close(stream)
        line.send(str(child).encode())
        line.send(str(waitpid(child, 0)[1]).encode())


def _become(arguments: list[str], project: str, environment: dict[str, str], streams: list[int]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(project)
    sys.path.insert(0, project)
    sys.argv[1:] = arguments
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)


if __name__ == "__main__":
    plain = socket.socket(fileno=int(sys.argv[1]))  # made before gevent changes sockets
    plain.setblocking(True)  # where it was gevent that made the pair, it does not wait
    import pyinfra_cli.main  # type: ignore[import-untyped]  # noqa: F401

    gc.freeze()  # no fork looks for garbage among what all share, at its end last: each page would become its own
    _serve(plain)
    runpy.run_module("pyinfra", run_name="__main__", alter_sys=True)
