"""Checks of paths on the host, where a wrong one would hand a system directory to the container, and in the project."""

import re
from posixpath import commonpath, normpath

from kometa_host.settings.refusals import RefusalError, every, listed, quoted, text_of

# The owners and modes of a whole config tree are set, and in a backup directory files are deleted: neither may be one
# of TOO_WIDE, nor lie inside one of OF_THE_SYSTEM.
_SYSTEM_NAMES = (
    "bin",
    "boot",
    "dev",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "proc",
    "run",
    "sbin",
    "sys",
    "usr",
    "var/run",
)
OF_THE_SYSTEM = tuple(f"/{name}" for name in _SYSTEM_NAMES)
TOO_WIDE = frozenset(
    {
        *OF_THE_SYSTEM,
        *("/", "/data", "/home", "/lost+found", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var"),  # noqa: S108
        *(f"/var/{name}" for name in ("backups", "cache", "lib", "local", "log", "mail", "opt", "spool", "tmp")),
    }
)
OF_THE_ACCOUNT = (".config/containers", ".config/systemd", ".local", ".ssh", ".gnupg", ".cache")


def checked_directory(value: object, example: str) -> str:
    """Given the path of a directory of our own on the host, return it without a slash at its end."""
    path = checked_host_path(value, example)
    if path in TOO_WIDE or re.fullmatch(r"/home/[^/]+", path):
        what = "a home itself" if path.startswith("/home/") else "a directory that others need"
        raise RefusalError(f"{path}, {what}", f"name a directory of its own, such as {example}")
    inside = next((system for system in OF_THE_SYSTEM if contains(system, path)), None)
    if inside:
        raise RefusalError(
            f"{path}, inside {inside}, which belongs to the system", f"name a directory such as {example}"
        )
    return path


def checked_host_path(value: object, example: str) -> str:
    """Given an absolute, normalized path on the host, return it without a slash at its end."""
    remedy = f"write the absolute path on the host, such as {example}"
    path = text_of(value, remedy)
    if not path.startswith("/"):
        raise RefusalError(f"{quoted(path)}, which does not begin with /", remedy)
    _refuse_special_characters(path)
    path = path.rstrip("/") or "/"
    if ".." in path.split("/"):
        raise RefusalError(f"{quoted(path)}, with .. in it", f"write {normpath(path)} if that is what is meant")
    tidy = "/" + normpath(path).lstrip("/")
    if path != tidy:
        raise RefusalError(f"{quoted(path)}, with // or /./ in it", f"write {tidy}")
    return path


def _refuse_special_characters(path: str) -> None:
    """Refuse what Quadlet, systemd or Podman read as something else: spaces split, : separates, % is a specifier."""
    special = sorted(set(re.findall(r"[^\w./@+=-]", path)))
    if special:
        shown = " ".join("a space" if character == " " else character for character in special)
        raise RefusalError(
            f"{shown} in {quoted(path)}",
            "use letters, digits and . _ - + = @ only: units and volumes split or expand others",
        )


def checked_patterns(value: object, example: str) -> tuple[str, ...]:
    """Given patterns of paths below /config, return them: `*` is anything, a directory all that is in it."""
    return tuple(every(lambda item: _checked_pattern(item, example), listed(value)))


def _checked_pattern(value: object, example: str) -> str:
    remedy = f"write a path as it is below /config, such as {example}"
    pattern = text_of(value, remedy).rstrip("/")
    if pattern.startswith(("/", "config/")) or ".." in pattern.split("/") or pattern in ("", ".", "*", "config.yml"):
        raise RefusalError(quoted(value), remedy)
    return pattern


def contains(directory: str, path: str) -> bool:
    """Say whether an absolute path is a directory itself or lies in it."""
    return commonpath((directory, path)) == directory


def overlap(one: str, other: str) -> bool:
    """Say whether one of two absolute paths lies in the other or is the same."""
    return contains(one, other) or contains(other, one)


def refuse_account_internals(path: str, home: str, example: str) -> None:
    """Refuse a path that is, holds or lies in what the account's systemd, Podman or ssh keep in its home."""
    for internal in OF_THE_ACCOUNT:
        if overlap(path, f"{home}/{internal}"):
            raise RefusalError(
                f"{path}, where {home}/{internal} is kept for other things", f"name a directory such as {example}"
            )


def checked_project_path(value: object, example: str) -> str:
    """Given a path relative to the project's folder and inside it, return it without a slash at its end."""
    remedy = f"write a path relative to the project's folder, such as {example}"
    path = text_of(value, remedy).rstrip("/")
    if not path or path.startswith(("/", "~")):
        raise RefusalError(f"{quoted(value)}, which is not relative", remedy)
    tidy = normpath(path)
    if tidy == ".." or tidy.startswith("../"):
        raise RefusalError(f"{quoted(value)}, which leaves the project's folder", remedy)
    if tidy == ".":
        raise RefusalError(f"{quoted(value)}, the project's folder itself", remedy)
    return tidy
