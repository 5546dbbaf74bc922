"""programs/lib/plain_file.sh: what a container puts in the place of a file neither stops a look nor misleads it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kometa_host.state import programs

LOG = "[2026-01-31 08:00:00,123] [kometa.py:1] [INFO]     |          Starting 08:00 Run          |\n"


def said(library: str, call: str, *arguments: str) -> bytes:
    """Return what a call of a library prints, at once."""
    script = programs.program(library, timezone="UTC", config_dir="/none")
    command = ["bash", "-c", f'{script}set +e\n{call} "$@"', "-", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=600).stdout


@pytest.fixture(params=["a FIFO", "a FIFO that somebody writes to", "a link", "a link to what never ends", "a folder"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """What is there instead of a file."""
    path, real = tmp_path / "logs" / "meta.log", tmp_path / "real"
    path.parent.mkdir()
    real.write_text(LOG)
    if "FIFO" in request.param:
        os.mkfifo(path)
    elif request.param == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if "never" in request.param else real)
    with ExitStack() as held:
        if "writes" in request.param:
            held.callback(os.close, os.open(path, os.O_RDWR | os.O_NONBLOCK))
        yield path


@pytest.mark.parametrize("call", ["read_plain", "read_plain_end"])
def test_only_a_regular_file_is_read(call: str, no_file: Path) -> None:
    # A link to a regular file passes the first look, as one does that takes a file's place just then.
    assert said("plain_file", f"{call}", str(no_file), "100") == b""


def test_no_look_at_runs_is_stopped(no_file: Path) -> None:
    logs = str(no_file.parent)
    assert said("runs", "run_logs", logs, "3") == b""
    assert said("runs", "run_extract", str(no_file)) == b""
    assert said("runs", "logged_run", str(no_file), "UTC") == b""


def test_a_run_is_told_by_markers_and_by_errors_with_all_of_their_rows(tmp_path: Path) -> None:
    stamp, blank = "[2026-11-22 06:00:00,248] [config.py:1]               ", " " * 65
    told = [
        f"{stamp} [INFO]     |   Starting 06:00 Run   |",
        f"{stamp} [ERROR]    | User: ann not found in plex |",
        f"{blank}| Options: ['bob'] |",
        f"{stamp} [CRITICAL] | Uncaught Exception |",
        "KeyError: 'x'",
    ]
    left_out = [f"{stamp} [DEBUG]    | a traceback |", f"{blank}| KeyError: 'y' |", "KeyError: 'z'"]
    path = tmp_path / "meta.log"
    path.write_text("\n".join([*told[:3], *left_out, *told[3:]]) + "\n")
    assert said("runs", "run_extract", str(path)).decode().splitlines() == told


@pytest.mark.parametrize("size", [0, 4, 10, 99])
def test_so_much_is_read_and_no_more(size: int, tmp_path: Path) -> None:
    path, data = tmp_path / "file", b"0123456789"
    path.write_bytes(data)
    assert said("plain_file", "read_plain", str(path), str(size)) == data[:size]
    assert said("plain_file", "read_plain_end", str(path), str(size)) == data[max(10 - size, 0) :]


def test_of_a_log_without_end_the_beginning_and_the_end_are_read(tmp_path: Path) -> None:
    path = tmp_path / "meta.log"
    path.write_bytes(b"begin")
    os.truncate(path, 4 << 40)
    with path.open("ab") as file:
        file.write(b"end")
    read = said("plain_file", "read_log", str(path))
    assert len(read) == (48 << 20) + 1
    assert read.startswith(b"begin")
    assert read.endswith(b"end")
