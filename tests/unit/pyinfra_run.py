"""pyinfra's command line, as its user types it, from a process that has imported it: half a second less for each run.

`run` asks a process of this module to become `python -m pyinfra ...`; nothing of ours is loaded before that.
"""

import json
import os
import posix
import runpy
import subprocess
import sys
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def run(
    project: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run pyinfra in a project, with nothing to read, and return what it left."""
    with TemporaryDirectory() as place:
        printed = [Path(place, name) for name in ("output", "errors")]
        wanted = {
            "arguments": arguments,
            "project": str(project),
            "environment": dict(os.environ if environment is None else environment),
            "printed": [str(path) for path in printed],
        }
        process = _forking()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{json.dumps(wanted)}\n")
        process.stdin.flush()
        status = int(process.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, *(path.read_text() for path in printed))


@cache
def _forking() -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-I", __file__], stdin=pipe, stdout=pipe, text=True)


def _answer(wanted: Mapping[str, Any]) -> int:
    """Return the exit status of a process that does what is wanted."""
    # Those of the operating system: gevent has put its own in the place of Python's.
    child = posix.fork()
    if child:
        return os.waitstatus_to_exitcode(posix.waitpid(child, 0)[1])
    try:
        _redirect(*wanted["printed"])
        os.environ.clear()
        os.environ.update(wanted["environment"])
        os.chdir(wanted["project"])
        sys.path.insert(0, wanted["project"])
        sys.argv[1:] = wanted["arguments"]
        _become_pyinfra()
    except BaseException:
        traceback.print_exc()
        _end(1)
    return 0


def _redirect(output: str, errors: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, opened in enumerate((nothing, os.open(output, flags, 0o600), os.open(errors, flags, 0o600))):
        os.dup2(opened, number)


def _become_pyinfra() -> None:
    try:
        runpy.run_module("pyinfra", run_name="__main__", alter_sys=True)
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        _end(error.code if isinstance(error.code, int) else int(error.code is not None))
    _end(0)


def _end(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    import pyinfra_cli.main  # type: ignore[import-untyped]  # noqa: F401

    for line in sys.stdin:
        print(_answer(json.loads(line)), flush=True)
