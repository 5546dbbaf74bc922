"""Runs the user's editor on a text that must not be left behind anywhere."""

import resource
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from kometa_host.errors import UserError

USUAL = ("nano", "vim", "vi")
# These give the text to another process, with a home and backups of its own, or keep copies of what they open.
KEEPERS = frozenset(
    {"code", "code-insiders", "codium", "cursor", "windsurf", "subl", "atom", "zed", "zeditor", "gedit", "kate",
     "kwrite", "gnome-text-editor", "emacsclient", "mate", "bbedit", "xed", "pluma", "mousepad", "idea", "pycharm",
     "open", "xdg-open"}
)  # fmt: skip
HOMES = ("HOME", "TMPDIR", "TMP", "TEMP", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
CONFIGURATION = ("VIMINIT", "GVIMINIT", "EXINIT", "MYVIMRC", "NVIM_APPNAME", "VISUAL", "EDITOR")


def command(environment: Mapping[str, str]) -> list[str]:
    """Return the editor that the environment names, or a usual one. Raise UserError if it cannot be used here."""
    given = environment.get("EDITOR") or environment.get("VISUAL") or next(filter(shutil.which, USUAL), "")
    try:
        words = shlex.split(given)
    except ValueError:
        words = []
    name = Path(words[0]).name if words else ""
    if name in KEEPERS:
        raise UserError(
            f"{name} keeps copies of what it opens, or hands it to a program that does, so secrets would stay "
            "on the disk; use one that runs in the terminal: EDITOR=nano make secrets-edit"
        )
    if not name or not shutil.which(words[0]):
        found = f"the editor {given!r} was not found" if given else "no editor was found"
        raise UserError(f"{found}; name one that runs in the terminal: EDITOR=nano make secrets-edit")
    return words


def private_environment(home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the editor's environment: swap files, backups, histories and registers all go into the directory.

    It therefore runs without the user's configuration, whose plugins could send the text elsewhere.
    """
    kept = {name: value for name, value in environment.items() if name not in CONFIGURATION}
    return {name: value for name, value in kept.items() if not name.startswith("KOMETA_AGE_")} | dict.fromkeys(
        HOMES, str(home)
    )


def edit(words: list[str], file: Path, home: Path, environment: Mapping[str, str]) -> None:
    """Let the user edit a file. Raise UserError if the editor fails; it has ended when this returns or raises."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the editor's
    try:
        process = subprocess.Popen(
            [*words, str(file)], env=private_environment(home, environment), cwd=home, preexec_fn=_prepare
        )  # fmt: skip
        try:
            status = process.wait()
        except BaseException:
            _end(process)
            raise
    finally:
        signal.signal(signal.SIGINT, previous)
    if status:
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"failed with status {status}"
        raise UserError(f"the editor {how}; nothing was changed")


def _prepare() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash would write the text into a core file
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(2)
    process.kill()
    process.wait()
