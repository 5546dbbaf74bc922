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
from bisect import bisect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import groupby, pairwise
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
HELD: Final[int] = getattr(os, "O_PATH", 0)  # opens a directory that only lets us through; macOS lacks it
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
                with _opened_inside(self.path, path) as stream:
                    yield path, stream
            except OSError as error:
                raise SourceError(f"{self.path / path} cannot be read: {error.strerror}; make it readable") from None

    def descriptions(self) -> Mapping[str, str]:
        return self.described


def _opened_inside(top: Path, path: str) -> IO[bytes]:
    """Open a file below a folder, also through links that stay in it, and never through one that somebody puts there
    meanwhile: whoever can write in the folder must not have us read other files of this machine."""
    real = Path(os.path.realpath(top / path))  # which raises nothing for a link that leads to itself
    if not real.is_relative_to(top):
        raise SourceError(f"{top / path} leads out of {top}; was it changed just now?")
    plain = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with ExitStack() as held:
        directory = None
        for part in (real.anchor, *real.parent.parts[1:]):
            directory = os.open(part, plain | os.O_DIRECTORY | HELD, dir_fd=directory)
            held.callback(os.close, directory)
        stream = os.fdopen(os.open(real.name, plain, dir_fd=directory), "rb")
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        return stream
    stream.close()
    raise SourceError(f"{top / path} is no file any more; was it changed just now?")


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
        return _under_their_names(paths, self.targets, self._given)

    def _given(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        with self._opened() as archive:
            for name, _, member in _members(archive):
                path = _checked_member(name, self.shown)
                if path in wanted and (stream := _member_stream(archive, member)):
                    with stream:
                        yield path, stream

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
    """Given links and files of a source, return what files the links stand for, and the links that lead nowhere."""
    targets: dict[str, str] = {}
    left: list[str] = []
    in_order = sorted(files)
    for link, first in links.items():
        target, seen = first, {link}
        while target in links and target not in seen:
            seen.add(target)
            target = links[target]
        is_around = f"{link}/".startswith(f"{target}/")
        inside = in_order[bisect(in_order, f"{target}/") : bisect(in_order, f"{target}0")] if not is_around else []
        found = {link: target} if target in files else {link + path.removeprefix(target): path for path in inside}
        targets |= found
        left += [] if found else [link]
        if len(targets) > MAX_FILES:
            raise SourceError(f"links lead to more than {MAX_FILES} files; take out those that Kometa does not need")
    return targets, left


def _under_their_names(
    paths: Collection[str],
    targets: Mapping[str, str],
    given: Callable[[Collection[str]], Iterator[tuple[str, IO[bytes]]]],
) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield files under the names that are wanted: of several names for one file, it is read again for each."""
    wanted: dict[str, list[str]] = {}
    for path in paths:
        wanted.setdefault(targets.get(path, path), []).append(path)
    while wanted:
        for file, stream in given(wanted):
            yield wanted[file][0], stream
        wanted = {file: names[1:] for file, names in wanted.items() if names[1:]}


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


# Input: $path, the folder. Prints `from` where it begins, `at` where the folder really is, `size path` of each file,
# `link path` and `to target` of each link. find, stat, readlink are GNU's or BusyBox's.
LIST: Final = r"""
echo "from $(readlink /proc/self/cwd)"
cd "$path" || exit 9
echo "at $(readlink /proc/self/cwd)"
find . -type f -exec stat -c '%s %n' {} +
find . -type l | while IFS= read -r link; do
    printf 'link %s\nto %s\n' "$link" "$(readlink -f "$link")"
done
"""
# Input: $path, $top, where it was when it was listed; on standard input a directory in it and names of files there, an
# empty line, and so on. Prints a tar stream: "." and those files, for each directory.
# Whoever can write in the folder can swap a file or a directory for a link at any time, and must not have us read other
# files of the host. So where we are is asked of the kernel once we are there, and GNU tar follows no link from there.
# Other tars do: they read only where nobody else can write.
READ: Final = r"""
is_ours() { [ -n "$(find . -prune -user "$(id -u)" ! -perm -020 ! -perm -002)" ]; }
give() {
    blocks=-b1 # which BusyBox does not know, and does
    tar --version 2>/dev/null | grep -q GNU || { is_ours && blocks=; } || return 12
    status=$({ { TAR_OPTIONS='' tar $blocks --no-recursion -cf - . "$@"; echo $? >&4; } | head -c -1024 >&3; } 4>&1)
    return "$status"
}
cd "$path" && [ "$(readlink /proc/self/cwd)" = "$top" ] || exit 11
exec 3>&1
while IFS= read -r directory; do
    (
        cd "./$directory" || exit
        case $(readlink /proc/self/cwd)/ in "${top%/}"/*) ;; *) exit 11 ;; esac
        set --
        while IFS= read -r name && [ -n "$name" ]; do set -- "$@" "./$name"; done
        give "$@"
    ) || exit
done
head -c 1024 /dev/zero
"""
# exit statuses of READ that say what to do
CHANGED_THERE: Final = {
    11: "the folder, or one in it, is not where it was when it was listed; was it changed just now?",
    12: (
        "another account can write there, and its tar is not GNU's, which alone follows no link that is put there "
        "meanwhile; install it (`tar --version` says GNU then), log in as the owner of the files, or let the owner "
        "pack them and name the archive"
    ),
}
MOST_NAMES: Final = 200  # of one directory at once, so that they fit into an argument list
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
        self.top = ""  # what follows is known once files() was called
        self.sizes: Mapping[str, int] = {}
        self.targets: Mapping[str, str] = {}

    def files(self) -> Mapping[str, int]:
        said = self._run(LIST).decode("utf-8", "surrogateescape").split("\n")
        pairs = [(word, value) for word, _, value in (line.partition(" ") for line in said)]
        self.top = self._top_of(dict(pairs[:2]))
        sizes = {path.removeprefix("./"): int(size) for size, path in pairs if size.isdecimal() and len(size) < 20}
        links = {
            path.removeprefix("./"): posixpath.relpath(target or "/", self.top)
            for (word, path), (_, target) in pairwise(pairs)
            if word == "link"
        }
        self.targets, self.left = _followed(links, sizes)
        self.sizes = sizes | {link: sizes[target] for link, target in self.targets.items()}
        return self.sizes

    def _top_of(self, said: Mapping[str, str]) -> str:
        """Return where the folder really is. Raise SourceError if a link led there: it can be anybody's."""
        top = said.get("at", "")
        if not top.startswith("/") or top != posixpath.normpath(posixpath.join(said.get("from", ""), self.path)):
            raise SourceError(
                f"{self.shown} is a link, or goes through one: it leads to {answers.shown(top) or 'nothing'}. Look "
                "whether that is what you mean, and name that folder itself"
            )
        return top

    def read(self, paths: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        return _under_their_names(paths, self.targets, self._given)

    def _given(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        if not wanted:
            return
        batches = list(_by_directory(wanted))
        asked = "".join("\n".join([directory, *names, "", ""]) for directory, names in batches)
        broken = ""
        again: list[str] = []  # what is one file with another, tar gives once, and names the second time only
        with self._started(READ) as (process, said):
            writer = Thread(target=_write, args=(process.stdin, asked.encode("utf-8", "surrogateescape")), daemon=True)
            writer.start()
            assert process.stdout is not None
            try:
                with tarfile.open(fileobj=process.stdout, mode="r|", tarinfo=BoundedTarInfo) as archive:
                    for name, member in self._expected(archive, batches):
                        if member.islnk():
                            again.append(name)
                        elif stream := _member_stream(archive, member):
                            yield name, stream
                if len(process.stdout.read(MAX_NAME)) == MAX_NAME:  # a few KiB fill up the last record
                    raise tarfile.ReadError("there is more behind its end")
            except tarfile.TarError as error:
                process.kill()
                broken = f"the connection broke, or a file is not readable ({error})"
            writer.join()
        if process.returncode in CHANGED_THERE:
            raise SourceError(f"{self.shown}: {CHANGED_THERE[process.returncode]}")
        if broken:
            raise SourceError(f"{self.shown}: {broken}; it says: {_last(said)}")
        if process.returncode:
            raise SourceError(f"{self.shown}: not every file could be read: {_last(said)}; {self._who_may_read()}")
        if len(again) >= len(wanted):
            raise SourceError(f"{self.shown} gives the names of files, and no file")
        yield from self._given(again)

    def _expected(
        self, archive: tarfile.TarFile, batches: Sequence[tuple[str, Sequence[str]]]
    ) -> Iterator[tuple[str, tarfile.TarInfo]]:
        """Yield paths and members. Raise SourceError for one that was not asked for, or is not as it was listed."""
        remaining = iter(batches)
        directory: str = "."
        names: Sequence[str] = ()
        for member in archive:
            if member.name == "." and member.isdir():
                directory, names = next(remaining, (".", ()))
                continue
            name = _checked_member(member.name, self.shown)
            path = posixpath.normpath(f"{directory}/{name}")
            if name not in names or not (member.isreg() or member.islnk()) or member.size > self.sizes.get(path, 0):
                raise SourceError(f"{self.shown} gives another {path!r} than it has listed; was it changed just now?")
            yield path, member

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
        program = f"path={shlex.quote(self.path)}\ntop={shlex.quote(self.top)}\n{script}"
        shell = f"{'sudo -n ' if self.sudo else ''}sh -c {shlex.quote(program)}"
        return ["ssh", "-o", "BatchMode=yes", "--", self.address, shell]

    def _how_to_log_in(self) -> str:
        return f"`ssh {self.address}` has to log in without a question: once, ssh-copy-id {self.address}"

    def _who_may_read(self) -> str:
        return "is the path right?" if self.sudo else "is the path right, and may this user read it (else: --sudo)?"


def _by_directory(paths: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield directories and names of files there, a number of them at once."""
    for directory, inside in groupby(sorted(paths, key=posixpath.split), key=posixpath.dirname):
        names = [posixpath.basename(path) for path in inside]
        for first in range(0, len(names), MOST_NAMES):
            yield directory or ".", names[first : first + MOST_NAMES]


def _write(stream: IO[bytes], data: bytes) -> None:
    """Write what a program is asked; one that has ended, or was ended, before that says why itself."""
    with suppress(BrokenPipeError, ValueError), stream:
        stream.write(data)


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
    files = beside.files()
    if files.get(name, MAX_YAML_SIZE + 1) > MAX_YAML_SIZE:
        raise SourceError(
            f"{host.shown} is no file there, or one of more than {MAX_YAML_SIZE >> 20} MiB; name a folder"
        )
    small = [path for path in (name, ".env") if files.get(path, MAX_YAML_SIZE + 1) <= MAX_YAML_SIZE]
    texts = {path: stream.read().decode("utf-8", "replace") for path, stream in beside.read(small)}
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
