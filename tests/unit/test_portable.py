"""What runs on the controller runs where there is no Linux: what Linux alone has is hidden, and all of it is used."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
# Names of the standard library that macOS lacks; see the availability notes of each module's documentation.
LINUX_ALONE = {
    "fcntl": ["F_SETPIPE_SZ", "F_GETPIPE_SZ", "F_ADD_SEALS", "F_GET_SEALS", "F_OFD_SETLK", "F_OFD_SETLKW", "F_NOTIFY"],
    "os": [
        "setxattr", "getxattr", "listxattr", "removexattr", "O_TMPFILE", "O_PATH", "O_DIRECT", "O_NOATIME",
        "copy_file_range", "splice", "memfd_create", "eventfd", "pidfd_open", "posix_fadvise", "posix_fallocate",
        "getrandom", "fdatasync", "sched_getaffinity", "sched_setaffinity", "pipe2", "setresuid", "setresgid",
        "getresuid", "getresgid", "unshare", "setns",
    ],
    "select": ["epoll"],
    "signal": ["sigtimedwait", "sigwaitinfo", "SIGPWR", "SIGSTKFLT", "SIGRTMIN", "SIGRTMAX", "pidfd_send_signal"],
    "socket": ["AF_NETLINK", "AF_PACKET", "AF_VSOCK", "SO_BINDTODEVICE", "SO_PEERCRED"],
    "time": ["CLOCK_BOOTTIME"],
}  # fmt: skip
HIDE = f"""
import importlib, pathlib, sys, sysconfig
import pyinfra_cli.main  # others' modules choose when they are imported
sysconfig.get_config_vars()
import tempfile; tempfile._O_TMPFILE_WORKS = False
for module, names in {LINUX_ALONE!r}.items():
    for name in names:
        vars(importlib.import_module(module)).pop(name, None)
read_text = pathlib.Path.read_text
def refuse(path, *arguments, **more):
    if str(path).startswith(("/proc/", "/sys/")):
        raise FileNotFoundError(str(path))
    return read_text(path, *arguments, **more)
pathlib.Path.read_text = refuse
sys.platform = "darwin"
"""
EVERY = """
names = [
    ".".join(path.with_suffix("").parts)
    for folder in ("kometa_host", "operations", "facts", "tools")
    for path in sorted(pathlib.Path(folder).rglob("*.py"))
    if path.name not in ("__main__.py", "config_check.py") and "watcher" not in path.parts
]
for name in names:
    importlib.import_module(name.removesuffix(".__init__"))
"""
CARRIED = """
from operations.engine.process import OpenSshProcess
process = OpenSshProcess(["sh", "-c", "cat; exit 3"])
process.write(b"carried" * 1_000)
process.close_input()
assert b"".join(iter(process.read, b"")) == b"carried" * 1_000
assert process.wait() == 3
"""


def without_linux(program: str) -> None:
    """Run a program for which this machine is no Linux."""
    done = subprocess.run(
        [sys.executable, "-c", HIDE + program], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr


def test_every_module_of_the_controller_is_imported_and_a_stream_goes_to_a_host_and_back() -> None:
    without_linux(EVERY + CARRIED)


def test_an_archive_is_made_and_read() -> None:
    without_linux("import pytest; sys.exit(pytest.main(['-q', '-x', 'tests/unit/archive/test_chain.py']))")
