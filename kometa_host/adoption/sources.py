"""Where an existing Kometa is read from: a folder, an archive or a host over SSH. Nothing there is ever changed.

Paths are relative to the source, with / between the parts. Nothing is unpacked: files are read from the source as they
are needed, so that no secret lies in a temporary file.
"""

import os
import posixpath
import re
import shlex
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, Final, Protocol, Self

import zstandard

from kometa_host.adoption.container import containers_in, dotenv
from kometa_host.config_tree.tree import MAX_YAML_SIZE
from kometa_host.errors import UserError
from kometa_host.state import answers

DESCRIPTIONS: Final = (".yml", ".yaml", ".xml", ".json")
IS_CONFIGURATION: Final = re.compile(r"""(?m)^\ufeff?(?:\{[^#\n]*)?(?P<quote>["']?)\blibraries(?P=quote)\s*:""")
ARCHIVES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
MAX_FILES: Final = 500_000
MAX_SAID: Final = 1 << 16  # bytes of what a host says that are kept
MAX_NAME: Final = 1 << 20  # bytes of what stands before a file in a tar stream: its long name, and what PAX tells of it


class SourceError(UserError):
    """A source that cannot be read, with what to do."""


class Source(Protocol):
    """Files by path with their sizes, readable one after the other; and what runs beside them."""

    shown: str
    config: str | None  # the name of the configuration, where it was typed
    left: list[str]  # links that are not followed: out of the source, or to nothing; known once files() was called

    def files(self) -> Mapping[str, int]:
        """Return all files and their sizes in bytes."""
        ...

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        """Yield the files of these paths, in any order, each to be read before the next."""
        ...

    def descriptions(self) -> Mapping[str, str]:
        """Return texts that describe containers running there, by name."""
        ...


# A folder


class Folder:
    """A folder of this machine."""

    config: str | None = None

    def __init__(self, path: Path, described: Mapping[str, str] | None = None) -> None:
        self.path, self.shown = path.resolve(), str(path)
        self.described = described or {}
        self.left: list[str] = []

    def files(self) -> Mapping[str, int]:
        self.left = []
        return dict(self._walk("", through_link=False))

    def _walk(self, directory: str, *, through_link: bool) -> Iterator[tuple[str, int]]:
        try:
            entries = sorted(os.scandir(self.path / directory), key=lambda entry: entry.name)
        except OSError as error:
            raise SourceError(
                f"{self.path / directory} cannot be read: {error.strerror}; make it readable, or run this as its owner"
            ) from None
        for entry in entries:
            path = f"{directory}/{entry.name}" if directory else entry.name
            is_link = entry.is_symlink()
            if is_link and through_link:  # is met at its own path as well, and can lead in circles
                continue
            if is_link and not self._is_inside(entry.path):
                self.left.append(path)
            elif entry.is_dir():
                yield from self._walk(path, through_link=through_link or is_link)
            elif stat.S_ISREG(entry.stat().st_mode):
                yield path, entry.stat().st_size

    def _is_inside(self, path: str) -> bool:
        """Return whether a link leads to something that is there, in this folder, and not to a folder around it."""
        found = Path(path)
        target = Path(os.path.realpath(path))  # which raises nothing for a link that leads to itself
        return target.exists() and target.is_relative_to(self.path) and not found.absolute().is_relative_to(target)

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        for path in sorted(paths):
            try:
                with (self.path / path).open("rb") as stream:
                    yield path, stream
            except OSError as error:
                raise SourceError(f"{self.path / path} cannot be read: {error.strerror}; make it readable") from None

    def descriptions(self) -> Mapping[str, str]:
        return self.described


# An archive


class Archive:
    """A .zip or .tar file of this machine, also compressed."""

    config: str | None = None

    def __init__(self, path: Path) -> None:
        self.path, self.shown = path, str(path)
        self.left: list[str] = []
        self.targets: dict[str, str] = {}  # link -> the file that it leads to; known once files() was called

    def files(self) -> Mapping[str, int]:
        sizes: dict[str, int] = {}
        with self._opened() as archive:
            for name, size, _ in _members(archive):
                sizes[_checked_member(name, self.shown)] = size
                if len(sizes) > MAX_FILES:
                    raise SourceError(f"{self.shown} has more than {MAX_FILES} files; is it the right archive?")
            links = dict(_links(archive))  # of a stream, too: its members are remembered
        self.targets, self.left = _followed(links, sizes)
        return sizes | {link: sizes[target] for link, target in self.targets.items()}

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        """Read the archive as often as several of the paths are one file: each time it is given under one of them."""
        wanted: dict[str, list[str]] = {}
        for path in paths:
            wanted.setdefault(self.targets.get(path, path), []).append(path)
        while wanted:
            with self._opened() as archive:
                for name, _, member in _members(archive):
                    names = wanted.get(_checked_member(name, self.shown))
                    if names and (stream := _member_stream(archive, member)):
                        with stream:
                            yield names[0], stream
            wanted = {member: names[1:] for member, names in wanted.items() if names[1:]}

    def descriptions(self) -> Mapping[str, str]:
        return {}

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
        try:
            with self._archive() as archive:
                yield archive
        except (OSError, EOFError, RuntimeError, tarfile.TarError, zipfile.BadZipFile, zstandard.ZstdError) as error:
            raise SourceError(f"{self.shown} cannot be read as an archive: {error}; is it whole?") from None

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
        if self.path.name.lower().endswith(".zip"):
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        elif self.path.name.lower().endswith(".zst"):
            with (
                self.path.open("rb") as file,
                zstandard.ZstdDecompressor().stream_reader(file) as stream,
                tarfile.open(fileobj=stream, mode="r|", tarinfo=BoundedTarInfo) as streamed,
            ):
                yield streamed
        else:
            with tarfile.open(self.path, mode="r|*", tarinfo=BoundedTarInfo) as tar:
                yield tar


Member = zipfile.ZipInfo | tarfile.TarInfo


class BoundedTarInfo(tarfile.TarInfo):
    """A member of a tar stream, of which nothing large is held in memory, whatever the stream says."""

    def _proc_member(self, archive: tarfile.TarFile) -> Self:
        if not self.isreg() and self.size > MAX_NAME:
            raise tarfile.ReadError("a header is larger than any is")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


def _members(archive: zipfile.ZipFile | tarfile.TarFile) -> Iterator[tuple[str, int, Member]]:
    """Yield names and sizes of the regular files of an archive."""
    if isinstance(archive, zipfile.ZipFile):
        for info in archive.infolist():
            if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                yield info.filename.replace("\\", "/"), info.file_size, info
        return
    for member in archive:
        if member.isreg():
            yield member.name, member.size, member


def _links(archive: zipfile.ZipFile | tarfile.TarFile) -> Iterator[tuple[str, str]]:
    """Yield the links of an archive and where in it they lead: a path that is none in it, if they lead out."""
    if isinstance(archive, zipfile.ZipFile):
        for info in archive.infolist():
            if stat.S_ISLNK(info.external_attr >> 16) and info.file_size <= MAX_NAME:
                target = archive.read(info).decode("utf-8", "replace")
                yield posixpath.normpath(info.filename), _beside(info.filename, target)
        return
    for member in archive:
        if member.issym():
            yield posixpath.normpath(member.name), _beside(member.name, member.linkname)
        elif member.islnk():
            yield posixpath.normpath(member.name), posixpath.normpath(member.linkname)


def _beside(name: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def _followed(links: Mapping[str, str], files: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Given links and files of an archive, return what files the links stand for, and the links that lead nowhere."""
    targets: dict[str, str] = {}
    left: list[str] = []
    for link, first in links.items():
        target, seen = first, {link}
        while target in links and target not in seen:
            seen.add(target)
            target = links[target]
        is_around = f"{link}/".startswith(f"{target}/")
        inside = [path for path in files if path.startswith(f"{target}/")] if not is_around else []
        found = {link: target} if target in files else {link + path.removeprefix(target): path for path in inside}
        targets |= found
        left += [] if found else [link]
    return targets, left


def _member_stream(archive: zipfile.ZipFile | tarfile.TarFile, member: Member) -> IO[bytes] | None:
    if isinstance(archive, zipfile.ZipFile):
        assert isinstance(member, zipfile.ZipInfo)
        return archive.open(member)
    assert isinstance(member, tarfile.TarInfo)
    return archive.extractfile(member)


def _checked_member(name: str, shown: str) -> str:
    """Return a member's path without ./ in front. Raise SourceError for one that leads out of the archive."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or not parts:
        raise SourceError(f"{shown} has a file with the path {name!r}, which leads out of it; make the archive again")
    return "/".join(parts)


# A host


# Input: $path, the folder. Prints `size path` of each file, `left path` of each link that leads out, or to nothing:
# whoever can write in the folder must not have us read other files of the host. find and stat are GNU's or BusyBox's.
LIST: Final = r"""
cd "$path" || exit 9
top=$(pwd -P)
find . -type f -exec stat -c '%s %n' {} +
find . -type l | while IFS= read -r link; do
    target=$(readlink -f "$link") || target=
    case "$target" in
        "$top"/*)
            case "$(cd "${link%/*}" && pwd -P)/" in "$target"/*) echo "left $link"; continue ;; esac
            if [ -d "$target" ]; then
                find "$link/" -type f -exec stat -c '%s %n' {} +
            elif [ -f "$target" ]; then
                stat -L -c '%s %n' "$link"
            else
                echo "left $link"
            fi ;;
        *) echo "left $link" ;;
    esac
done
"""
READ: Final = r"""
cd "$path" || exit 9
tar -chf - -T -
"""
DESCRIBE: Final = r"""
for engine in docker podman; do
    command -v "$engine" >/dev/null || continue
    ids=$("$engine" ps -aq) || continue
    [ -z "$ids" ] || "$engine" inspect $ids
done 2>/dev/null
exit 0
"""


class Host:
    """A folder of a host, read over SSH: `[user@]host:/path`."""

    config: str | None = None

    def __init__(
        self, address: str, path: str, *, sudo: bool = False, described: Mapping[str, str] | None = None
    ) -> None:
        self.address, self.path, self.sudo = address, path, sudo
        self.described = described or {}
        self.shown = f"{address}:{path}"
        self.left: list[str] = []
        self.sizes: Mapping[str, int] = {}  # known once files() was called

    def files(self) -> Mapping[str, int]:
        listed = self._run(LIST).decode("utf-8", "surrogateescape").splitlines()
        pairs = [(size, path.removeprefix("./")) for size, _, path in (line.partition(" ") for line in listed)]
        self.left = [path for word, path in pairs if word == "left"]
        self.sizes = {path.replace("//", "/"): int(size) for size, path in pairs if size.isdigit()}
        return self.sizes

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        if not paths:
            return
        wanted = "".join(f"./{path}\n" for path in sorted(paths)).encode("utf-8", "surrogateescape")
        broken = ""
        again: list[str] = []  # what is one file with another, tar gives once, and names the second time only
        with self._started(READ) as (process, said):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(wanted)
            process.stdin.close()
            try:
                with tarfile.open(fileobj=process.stdout, mode="r|", tarinfo=BoundedTarInfo) as archive:
                    for member in archive:
                        name = self._expected(member, paths)
                        if member.islnk():
                            again.append(name)
                        elif stream := _member_stream(archive, member):
                            yield name, stream
                if len(process.stdout.read(MAX_NAME)) == MAX_NAME:  # a few KiB fill up the last record
                    raise tarfile.ReadError("there is more behind its end")
            except tarfile.TarError as error:
                process.kill()
                broken = f"the connection broke, or a file is not readable ({error})"
        if broken:
            raise SourceError(f"{self.shown}: {broken}; it says: {_last(said)}")
        if process.returncode:
            raise SourceError(f"{self.shown}: not every file could be read: {_last(said)}; {self._who_may_read()}")
        if len(again) >= len(paths):
            raise SourceError(f"{self.shown} gives the names of files, and no file")
        yield from self.read(again)

    def _expected(self, member: tarfile.TarInfo, paths: Collection[str]) -> str:
        """Return the name of a member. Raise SourceError if it was not asked for, or is larger than was said."""
        name = _checked_member(member.name, self.shown)
        if name not in paths or member.size > self.sizes.get(name, MAX_YAML_SIZE):
            raise SourceError(f"{self.shown} gives another {name!r} than it has listed; was it changed just now?")
        return name

    @contextmanager
    def _started(self, script: str) -> "Iterator[tuple[subprocess.Popen[bytes], bytearray]]":
        """Start a program there; of what it says the last is kept, and it is ended when this is left early."""
        pipe = subprocess.PIPE
        with subprocess.Popen(self._command(script), stdin=pipe, stdout=pipe, stderr=pipe) as process:
            said = bytearray()
            listener = Thread(target=_keep_last, args=(process.stderr, said), daemon=True)
            listener.start()
            try:
                yield process, said
            except BaseException:
                process.kill()
                raise
            listener.join(5)  # what ssh has started itself may still have the file

    def descriptions(self) -> Mapping[str, str]:
        found = self._run(DESCRIBE).decode("utf-8", "replace")
        return {**self.described, **({f"container of {self.address}": found} if found.strip() else {})}

    def _run(self, script: str) -> bytes:
        with self._started(script) as (process, said):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            answer = process.stdout.read(answers.MAX_ANSWER + 1)
            if len(answer) > answers.MAX_ANSWER:
                raise SourceError(
                    f"{self.shown} answers with more than {answers.MAX_ANSWER >> 20} MiB, and no host does"
                )
        if process.returncode == 9:
            raise SourceError(f"{self.shown} is no folder that can be read there; {self._who_may_read()}")
        if process.returncode:
            remedy = self._how_to_log_in() if process.returncode == 255 else self._who_may_read()
            raise SourceError(f"{self.shown} cannot be read: {_last(said)}; {remedy}")
        return answer

    def _command(self, script: str) -> list[str]:
        program = f"path={shlex.quote(self.path)}\n{script}"
        shell = f"{'sudo -n ' if self.sudo else ''}sh -c {shlex.quote(program)}"
        return ["ssh", "-o", "BatchMode=yes", "--", self.address, shell]

    def _how_to_log_in(self) -> str:
        return f"`ssh {self.address}` has to log in without a question: once, ssh-copy-id {self.address}"

    def _who_may_read(self) -> str:
        return "is the path right?" if self.sudo else "is the path right, and may this user read it (else: --sudo)?"


def _keep_last(stream: IO[bytes], kept: bytearray) -> None:
    while piece := os.read(stream.fileno(), 1 << 16):
        kept += piece
        del kept[:-MAX_SAID]


def _last(said: bytearray) -> str:
    """Return the last line of what a host has said, as it may be shown."""
    return answers.shown((said.decode("utf-8", "replace").strip().splitlines() or ["SSH failed"])[-1])


def _described_folder(path: Path) -> Folder:
    """Given a compose file or another description of a container of this machine, return the folder of its /config."""
    env = path.with_name(".env")
    text = path.read_text(encoding="utf-8", errors="replace")
    if IS_CONFIGURATION.search(text):
        source = Folder(path.parent)
        source.config = path.name
        return source
    variables_text = env.read_text(encoding="utf-8", errors="replace") if env.is_file() else ""
    folder = Path(_config_folder(text, str(path), dotenv(variables_text))).expanduser()
    return Folder(path.parent / folder, {path.name: text, ".env": variables_text})


def _beside_compose(host: Host) -> Host:
    """Given what was typed of a host, return the folder of /config: itself, or what a compose file names."""
    if not host.path.endswith(DESCRIPTIONS):
        return host
    folder, _, name = host.path.rpartition("/")
    beside = Host(host.address, folder or "/", sudo=host.sudo)
    texts = {path: stream.read().decode("utf-8", "replace") for path, stream in beside.read([name])}
    if ".env" in beside.files():
        texts |= {path: stream.read().decode("utf-8", "replace") for path, stream in beside.read([".env"])}
    if IS_CONFIGURATION.search(texts[name]):
        beside.config = name
        return beside
    config = _config_folder(texts[name], host.shown, dotenv(texts.get(".env", "")))
    return Host(host.address, posixpath.join(folder, config), sudo=host.sudo, described=texts)


def _config_folder(text: str, shown: str, variables: Mapping[str, str]) -> str:
    for container in containers_in(text, shown, variables):
        if container.config_source and not re.search(r"[./~\\]", container.config_source):
            raise SourceError(
                f"{shown} has {container.config_source}, a volume of Docker's, as /config. Name the folder of it: what "
                f"`docker volume ls | grep {container.config_source}` and then `docker volume inspect` call Mountpoint"
            )
        if container.config_source:
            return container.config_source
    raise SourceError(f"{shown} describes no container of Kometa with a folder as /config; name that folder itself")


def opened(source: str, *, sudo: bool = False) -> Source:
    """Given what was typed, return the source: a folder, an archive or a folder of a host. Raise SourceError."""
    path = Path(source).expanduser()
    host, colon, there = source.partition(":")
    if colon and "/" not in host and there and not path.exists() and not host.startswith("-"):
        return _beside_compose(Host(host, there, sudo=sudo))
    if path.is_dir():
        return Folder(path)
    if path.is_file() and path.name.endswith(DESCRIPTIONS):
        return _described_folder(path)
    if path.is_file() and path.name.lower().endswith(ARCHIVES):
        return Archive(path)
    if path.is_file():
        raise SourceError(f"{source} is neither a folder nor an archive ({', '.join(ARCHIVES)}); name its folder")
    raise SourceError(f"there is no {source}; name a folder, an archive, or user@host:/path")
