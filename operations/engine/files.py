"""Carries a set of files to a host: all changed ones in one stream, checked, and made live at once."""

import tarfile
import time
from base64 import b64decode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pyinfra import host
from pyinfra.api.output import echo, format_text

from kometa_host.config_tree.redaction import redacted
from kometa_host.errors import UserError
from kometa_host.state import answers, desired, programs
from kometa_host.state.diffs import unified, without_secrets
from kometa_host.state.filesets import Changes, FileSet, WantedFile, manifest_of
from kometa_host.state.programs import Actor
from operations.engine.operation import Change, Commands, ask, observe, observe_again, settings

MAX_SHOWN_SIZE = 65_536  # bytes of a file of which a diff shows lines


def files_change(
    wanted: FileSet,
    changes: Changes,
    library: str = "files",
    call: str = "put_files",
    check: str = "",
    then: str = "",
    declared: str | None = None,
    seen: str | None = None,
    **variables: object,
) -> Change:
    """Return the change that brings a set of files to the host.

    + library: library of programs that has more functions for this set, and `call`, what brings it
    + check: shell function that may refuse the new files before anything is replaced
    + then: shell function that runs after they are live
    + declared: text to be kept on the host beside the manifest
    + seen: SHA-256 of the config.yml on which the changes were decided
    + variables: of the library
    """
    script = programs.program(
        library,
        call=call,
        **set_variables(wanted, then),
        expected=changes.since or "",
        seen=seen or "",
        check=check,
        **variables,
    )
    what = f"writing {wanted.root}"
    return Change(what, script, Actor.ACCOUNT, data=stream(wanted, changes, declared))


def finished(wanted: FileSet, library: str = "files", then: str = "", **variables: object) -> Commands:
    """Yield what finishes a write of the set that was cut off; what else is due is decided on a new look after it.

    + library, then, variables: as for `files_change`
    """
    if not observe().files(wanted.name).pending:
        return
    script = programs.program(library, call="finish_files", **set_variables(wanted, then), **variables)
    yield Change(f"finishing what was begun in {wanted.root}", script)
    observe_again()


def set_variables(wanted: FileSet, then: str = "") -> dict[str, Any]:
    """Return the variables of programs/lib/files.sh."""
    return {"set_name": wanted.name, "root": wanted.root, "owner": f"{wanted.uid}:{wanted.gid}", "then": then}


def stream(wanted: FileSet, changes: Changes, declared: str | None = None) -> Iterator[bytes]:
    """Yield the tar stream that programs/lib/files.sh reads."""
    lists = {
        "control/remove": _nul_separated(changes.remove),
        "control/save": _nul_separated(changes.save),
        "control/to-directory": _nul_separated(name for name in changes.retyped if name in wanted.directories),
        "control/to-file": _nul_separated(name for name in changes.retyped if name in wanted.files),
    }
    manifest = manifest_of(wanted)
    lists["control/manifest"] = manifest.encode()
    lists["control/adjust"] = _entries(manifest, {*changes.adjust, *changes.directories}).encode()
    lists["control/touched"] = "".join(f"{name}\n" for name in {*changes.write, *changes.adjust}).encode()
    if declared is not None:
        lists["control/declared"] = declared.encode()
    for name, content in lists.items():
        yield from _member(name, WantedFile.of(content, 0o600))
    for name in changes.write:
        yield from _member(f"files/{name}", wanted.files[name])
    yield from _member("end", WantedFile.of(b"", 0o600))
    yield b"\0" * 1024


def _nul_separated(names: Iterable[str]) -> bytes:
    return b"".join(name.encode() + b"\0" for name in names)


def _entries(manifest: str, names: set[str]) -> str:
    lines = manifest.splitlines(keepends=True)[1:]
    return "".join(line for line in lines if line.rstrip("\n").partition("\t")[2] in names)


def _member(name: str, file: WantedFile) -> Iterator[bytes]:
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.mtime = file.size, file.mode, int(time.time())
    yield header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    left = file.size
    with file.open() as stream:
        while left:
            piece = stream.read(min(left, 1 << 18))
            if not piece:
                raise UserError(f"{name} became shorter while it was read; run the command again.")
            left -= len(piece)
            yield piece
    yield b"\0" * (-file.size % 512)


def show_diff(wanted: FileSet, changes: Changes, hidden: Collection[str] = ()) -> None:
    """With --diff, print what changes in a set of files: the lines of texts, of everything else only that it differs.

    + hidden: names of files that may hold a secret

    What looks like a secret is masked in the lines that are shown. A file for the account's eyes alone is never shown
    outside the config tree, where all files are.
    """
    if not host.state.config.DIFF or host.state.is_executing:
        return
    names = [name for name in changes.write if name not in hidden and _may_be_shown(wanted, name)]
    is_there = bool(names) and observe().files(wanted.name).root is not None
    before = texts_on_host(wanted.root, names, MAX_SHOWN_SIZE) if is_there else {}
    for name in changes.files:
        path = answers.shown(f"{wanted.root}/{name}")
        echo(f"{host.print_prefix}{format_text(path, bold=True)}: {_kind(changes, name, before)}")
        if name in names:
            mask = redacted if wanted.name == "config" else without_secrets
            secrets = desired.all_secrets(settings())
            for line in unified(mask(before.get(name, ""), secrets), mask(_text(wanted.files[name]), secrets)):
                echo(f"{host.print_prefix}  {answers.shown(line)}")


def _may_be_shown(wanted: FileSet, name: str) -> bool:
    file = wanted.files[name]
    return file.size <= MAX_SHOWN_SIZE and (wanted.name == "config" or file.mode & 0o044 != 0) and _text(file) != ""


def _text(file: WantedFile) -> str:
    try:
        return file.text()
    except UnicodeDecodeError:
        return ""  # no text: that it differs is all there is to show


def texts_on_host(root: str, names: Sequence[str], largest: int) -> dict[str, str]:
    """Return those among the named files below a directory of the host that have no more than so many bytes."""
    completed = ask(
        "file_contents",
        call="in_namespace file_contents",
        data=_nul_separated(names),
        root=root,
        largest=largest,
    )
    with answers.sensible("files"):
        pairs = (map(b64decode, line.split(" ")) for line in answers.told_lines(completed.stdout))
        texts = {
            name.decode(): content.decode("utf-8", "replace") for name, content in pairs if len(content) <= largest
        }
        return {name: text for name, text in texts.items() if name in names}


def _kind(changes: Changes, name: str, before: Mapping[str, str]) -> str:
    if name in changes.remove:
        return "removed"
    if name in changes.write:
        return "differs" if name in before or name in changes.save else "new or differs"
    return "new directory" if name in changes.directories else "mode or owner"
