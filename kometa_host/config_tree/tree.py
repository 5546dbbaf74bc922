"""The project's config tree: what of the folder kometa/ lands in /config. Only config.yml is rendered.

What Kometa does not read, and what it or another program writes on the host, stays behind and is told once.
Files are streamed from disk, never held in memory. Their digests are remembered in the user's cache directory, so that
a deploy that changes nothing need not read a gigabyte of posters.
"""

import fnmatch
import hashlib
import io
import os
import re
import stat
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from kometa_host.config_tree.cache import CacheFile
from kometa_host.config_tree.later import Later
from kometa_host.config_tree.left_behind import IS_KOMETAS, READ_BY_KOMETA, is_entered, is_ignored
from kometa_host.config_tree.listing import FRESH, Listing, Row, facts_of, glance, listing
from kometa_host.config_tree.memory import TreeMemory
from kometa_host.config_tree.named_files import CONFIG, is_on_host
from kometa_host.config_tree.side_by_side import side_by_side
from kometa_host.errors import UserError

LARGE: Final = 4 * 1024**3  # bytes; every backup holds the whole tree
MAX_NAME: Final = 255  # bytes of one name, NAME_MAX of Linux
MAX_YAML_SIZE: Final = 4 * 1024 * 1024  # bytes of a YAML file that is still read; people write far smaller ones
MAX_SHOWN: Final = 50  # problems in one message
MAX_NAMED: Final = 12  # files in one message

OURS: Final = ".kometa-host*"  # what the deploy keeps beside the tree on the host
SECRET_VARIABLES: Final = frozenset({"kometa_secrets", "kometa_authorization"})


class TreeError(UserError):
    """A config tree that cannot be deployed: .problems has one line for each thing to change."""

    def __init__(self, source: Path, problems: list[str]) -> None:
        self.problems = problems
        shown = problems[:MAX_SHOWN]
        if len(problems) > len(shown):
            shown.append(f"... and {len(problems) - len(shown)} more")
        title = f"the config tree {_printable(str(source))} cannot be deployed:"
        super().__init__("\n".join([title, *(f"  - {problem}" for problem in shown)]))


@dataclass(frozen=True)
class ManagedFile:
    """One file: its path in the tree with `/` between the parts, its size in bytes; data is its content if rendered."""

    path: str
    size: int
    source: Path
    digests: "DigestCache" = field(repr=False, compare=False)
    identity: tuple[int, ...] = field(repr=False)  # size, mtime and ctime in ns, inode
    data: bytes | None = field(default=None, repr=False)

    @cached_property
    def sha256(self) -> str:
        """The digest of the content, in hexadecimal."""
        return self.digests.of(self) if self.data is None else hashlib.sha256(self.data).hexdigest()

    def open(self) -> io.BufferedIOBase:
        """Open the content for reading. Raise TreeError if the file is not the one any more that was looked at."""
        if self.data is not None:
            return io.BytesIO(self.data)
        try:
            stream = os.fdopen(os.open(self.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
        except OSError as error:
            raise self._error(f"cannot be read: {error.strerror}; make it readable") from None
        if _identity(os.fstat(stream.fileno())) != self.identity:
            stream.close()
            raise self._error("was changed while the deploy was reading; run it again")
        return stream

    def read(self) -> bytes:
        """Return the whole content; for small files."""
        with self.open() as stream:
            return stream.read()

    def _error(self, what: str) -> TreeError:
        return TreeError(self.source.parent, [f"{self.path} {what}"])


@dataclass(frozen=True)
class Tree:
    """A folder: its files and directories by path, parents first. The root itself is not listed.

    What is in it is looked at closely only when somebody asks for more than config.yml.
    """

    source: Path
    files: Mapping[str, ManagedFile]
    directories: Mapping[str, None]
    memory: TreeMemory = field(repr=False, compare=False)
    size: int  # of all that is in the folder, in bytes
    kometas: tuple[str, ...] = ()  # what is there and stays behind: Kometa writes it on the host itself
    unread: tuple[str, ...] = ()  # and this, because Kometa does not read it

    @property
    def name(self) -> str:
        """The folder's own name, for messages."""
        return self.source.name

    @property
    def config_text(self) -> str:
        """The text of config.yml as it lands on the host; what is no UTF-8 is replaced."""
        return self.files[CONFIG].read().decode("utf-8-sig", "replace")

    @property
    def total_size(self) -> int:
        """The size of all files, in bytes."""
        return sum(file.size for file in self.files.values())

    @property
    def warnings(self) -> list[str]:
        """What is odd about the tree and does not hinder its deployment."""
        found = []
        if self.kometas:
            found.append(f"{self.name}: Kometa writes {_listed(self.kometas)} on the host itself; not sent")
        if self.unread:
            remedy = "name it as config/... in a YAML file if Kometa is to have it"
            found.append(f"{self.name}: Kometa does not read {_listed(self.unread)}; not sent; {remedy}")
        if self.size > LARGE and self.total_size > LARGE:
            size = f"{self.total_size / 1024**3:.1f} GiB"
            found.append(
                f"{self.name} holds {size}, which goes to every host and into every backup; is all of it meant to?"
            )
        return found

    def without(self, patterns: Collection[str]) -> "Tree":
        """Return the tree without what other programs write on the host, given as patterns of paths."""
        if not patterns:
            return self
        every = self.files

        def left() -> Mapping[str, ManagedFile]:
            return {path: file for path, file in every.items() if not is_on_host(path, patterns)}

        return replace(self, files=Later(left, {CONFIG: every[CONFIG]}))

    def rendered(self, context: Mapping[str, object]) -> "Tree":
        """Return the tree with config.yml rendered for one host. Raise TreeError with the line if it cannot be."""
        file = self.files[CONFIG]
        content = file.read()
        if not any(sign in content for sign in (b"{{", b"{%", b"{#")):
            return self
        data = _rendered(content, context, self.source).encode()
        return replace(self, files=Later(lambda: self.files, {CONFIG: replace(file, size=len(data), data=data)}))


def scan(source: Path) -> Tree:
    """Return the tree with config.yml as it is, unrendered. Raise TreeError with all problems of the folder."""
    if not source.is_dir():
        found = "is no directory" if source.exists() else "does not exist"
        remedy = f"create it with a {CONFIG}, or name the right one in kometa_config_source"
        raise TreeError(source, [f"the folder {found}; {remedy}"])
    root = source.resolve()
    seen = glance(root, is_entered, time.time_ns(), FRESH, side_by_side)
    memory = TreeMemory(root, seen.stamp)
    digests = DigestCache(root)
    contents = cache(lambda: _contents(source, root, listing(root, is_entered), digests))
    kometas, unread = memory.answer("left behind", lambda: (contents().kometas, contents().unread), list, _two_lists)
    files = digests.files = Later(lambda: contents().files, _config(root, digests))
    directories = Later(lambda: dict.fromkeys(contents().directories))
    return Tree(source, files, directories, memory, seen.size, kometas, unread)


def _two_lists(stored: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    first, second = stored
    return tuple(map(str, first)), tuple(map(str, second))


class _Contents(NamedTuple):
    """What is in a folder, sorted: what is sent, and what stays behind."""

    files: dict[str, ManagedFile]
    directories: tuple[str, ...]
    kometas: tuple[str, ...]
    unread: tuple[str, ...]


def _contents(source: Path, root: Path, found: Listing, digests: "DigestCache") -> _Contents:
    """Return what is in a folder. Raise TreeError with all problems of it."""
    sorting = _Sorting(root, digests)
    for path, why in sorted(found.unreadable.items()):
        name = _printable(path) or "the folder"
        sorting.problems.append(f"{name} cannot be read: {why}; make it readable")
    for row in sorted(found.rows):
        sorting.take(row)
    if CONFIG not in sorting.files and not any(problem.startswith(CONFIG) for problem in sorting.problems):
        remedy = "Kometa does not start without it: take the sample of this project"
        sorting.problems.append(f"{CONFIG} is missing; {remedy}")
    if sorting.problems:
        raise TreeError(source, sorting.problems)
    files, unread = _read_by_kometa(sorting.files)
    return _Contents(dict(sorted(files.items())), tuple(sorting.directories), tuple(sorting.kometas), unread)


def _read_by_kometa(files: Mapping[str, ManagedFile]) -> tuple[dict[str, ManagedFile], tuple[str, ...]]:
    """Return the files that Kometa reads, and the paths of the others: of other kinds, and named in no YAML file."""
    others = [path for path in files if not path.lower().endswith(READ_BY_KOMETA)]
    if not others:
        return dict(files), ()
    texts = [file.read().decode("utf-8", "replace") for file in files.values() if _is_definition(file)]
    unread = {path for path in others if not any(f"config/{path}" in text for text in texts)}
    return {path: file for path, file in files.items() if path not in unread}, tuple(sorted(unread))


def _is_definition(file: ManagedFile) -> bool:
    return file.path.endswith((".yml", ".yaml")) and file.size <= MAX_YAML_SIZE


class _Sorting:
    """Sorts the entries of a folder, each behind its directory: files, directories, Kometa's, problems."""

    def __init__(self, root: Path, digests: "DigestCache") -> None:
        self.root, self.digests = root, digests
        self.files: dict[str, ManagedFile] = {}
        self.directories: dict[str, None] = {}
        self.kometas: list[str] = []
        self.problems: list[str] = []

    def take(self, row: Row) -> None:
        path, mode = row[:2]
        parent, _, name = path.rpartition("/")
        if (parent and parent not in self.directories) or is_ignored(name, stat.S_ISDIR(mode)):
            return
        if IS_KOMETAS.match(path):
            self.kometas.append(path)
        elif problem := name_problem(path) or kind_problem(mode, path):
            self.problems.append(f"{_printable(path)} {problem}")
        elif stat.S_ISDIR(mode):
            self.directories[path] = None
        elif not os.access(self.root / path, os.R_OK):
            self.problems.append(f"{path} cannot be read; make it readable")
        else:
            self.files[path] = _file(self.root, row, self.digests)


def _file(root: Path, row: Row, digests: "DigestCache") -> ManagedFile:
    path, _, size, *_ = row
    return ManagedFile(path, size, root / path, digests, row[2:])


def _config(root: Path, digests: "DigestCache") -> dict[str, ManagedFile]:
    """Return config.yml by its name, nothing if it is not there: it is read whatever else is asked for."""
    try:
        facts = facts_of((root / CONFIG).lstat())
    except OSError:
        return {}
    return {CONFIG: _file(root, (CONFIG, *facts), digests)}


def name_problem(path: str) -> str | None:
    """Return why a path cannot be in the tree and what to do, or None."""
    name = path.rpartition("/")[2]
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", name):
        return "has a line break or another control character in its name; rename it"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "has a name that is not UTF-8; rename it"
    if name in ("", ".", "..") or length > MAX_NAME:
        return f"has a name that no host can keep (at most {MAX_NAME} bytes); rename it"
    if fnmatch.fnmatchcase(name, OURS):
        return f"has a name that the deploy uses itself ({OURS}); rename it"
    return None


def kind_problem(mode: int, path: str) -> str | None:
    """Return why an entry of this kind cannot be in the tree and what to do, or None."""
    if stat.S_ISLNK(mode):
        return "is a symbolic link, which would point elsewhere on a host; put a copy of the file in its place"
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "is neither a file nor a directory; remove it"
    return "is a directory; it has to be a file" if path == CONFIG and stat.S_ISDIR(mode) else None


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _listed(paths: Sequence[str]) -> str:
    """Return paths for a message, the first few by name."""
    shown = ", ".join(_printable(path) for path in paths[:MAX_NAMED])
    return shown if len(paths) <= MAX_NAMED else f"{shown} and {len(paths) - MAX_NAMED} more"


def _printable(path: str) -> str:
    """Return a path for a message: one line, whatever its bytes are."""
    return path.encode("utf-8", "backslashreplace").decode() if path.isprintable() else ascii(path)


# Rendering


def _rendered(content: bytes, context: Mapping[str, object], source: Path) -> str:
    """Return config.yml rendered by Jinja2, which is imported here because most deploys need it for nothing else."""
    from jinja2 import StrictUndefined, TemplateSyntaxError
    from jinja2.sandbox import SandboxedEnvironment

    known = {name: value for name, value in context.items() if name not in SECRET_VARIABLES}
    environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    try:
        text, comments = without_comments(content.decode("utf-8-sig"))
        return with_comments(environment.from_string(text).render(known), comments)
    except UnicodeDecodeError:
        problem = f"{CONFIG} is not UTF-8 text; save it with the encoding UTF-8"
    except TemplateSyntaxError as error:
        problem = f"{CONFIG}, line {error.lineno}: {error.message}; {RAW}"
    except Exception as error:  # whatever an expression can raise
        problem = f"{CONFIG}, line {_template_line(error)}: {_explained(error, known)}"
    raise TreeError(source, [problem])


# a comment of YAML, but no end of one of Jinja2; what stands before it on its line has its quotes in pairs
COMMENT: Final = re.compile(r"""(?m)^((?:[^#\n'"]|(?<![ \t])#|#(?=\})|'[^'\n]*'|"[^"\n]*")*?)(?<!\S)#(?!\})[^\n]*$""")
KEPT: Final = "\ue000{}\ue001"  # stands for a comment while the rest is rendered; of the private use area of Unicode


def without_comments(text: str) -> tuple[str, list[str]]:
    """Return a text with a mark in place of each comment, and the comments: Jinja2 shall not read what is in them."""
    comments: list[str] = []

    def mark(match: re.Match[str]) -> str:
        comments.append(match[0][len(match[1]) :])
        return match[1] + KEPT.format(len(comments) - 1)

    return COMMENT.sub(mark, text), comments


def with_comments(text: str, comments: Sequence[str]) -> str:
    return re.sub(KEPT.format(r"(\d+)"), lambda match: comments[int(match[1])], text)


RAW: Final = "correct the expression, or put {% raw %} and {% endraw %} around text that is none"
WHY_NO_SECRETS: Final = (
    "secrets cannot be put into {config}: they would stand in plain text in the file, on the host and in diffs; "
    "write <<name>>, Kometa puts in the secret of that name itself"
)


def _template_line(error: Exception) -> int:
    """Return the line of the template in which an error was raised; Jinja2 puts it into the traceback."""
    line, frame = 1, error.__traceback__
    while frame:
        if frame.tb_frame.f_code.co_filename == "<template>":
            line = frame.tb_lineno
        frame = frame.tb_next
    return line


def _explained(error: Exception, known: Mapping[str, object]) -> str:
    """Return what is wrong with an expression and what to do."""
    undefined = re.match(r"'(\w+)' is undefined", str(error))
    if not undefined:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}; {RAW}"
    name = undefined[1]
    if name in SECRET_VARIABLES:
        return WHY_NO_SECRETS.format(config=CONFIG)
    near = get_close_matches(name, known, n=1)
    return f"there is no variable {name}; " + (
        f"did you mean {near[0]}?" if near else "group_data has those that exist"
    )


class DigestCache:
    """SHA-256 digests of a folder's files; one known for a file's size, times and inode is not computed again."""

    def __init__(self, root: Path) -> None:
        self.files: Mapping[str, ManagedFile] = {}
        self.computed = 0  # files that had to be read
        self._store = CacheFile(f"digests-{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}")
        self._digests: dict[str, str] = {}

    def of(self, file: ManagedFile) -> str:
        """Return the digest of a file's content, in hexadecimal. The first call finds those of all files."""
        if not self._digests:
            self._find_all()
        return self._digests[file.path]

    def _find_all(self) -> None:
        stored = self._store.read()
        digests = {
            path: _stored_digest(stored.get(path), file) or self._compute(file) for path, file in self.files.items()
        }
        self._digests = digests
        youngest = time.time_ns() - FRESH
        settled = {path: file for path, file in self.files.items() if max(file.identity[1:3]) < youngest}
        wanted = {path: [*file.identity, digests[path]] for path, file in settled.items()}
        if wanted != stored:
            self._store.write(wanted)

    def _compute(self, file: ManagedFile) -> str:
        self.computed += 1
        with file.open() as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if _identity(os.fstat(stream.fileno())) != file.identity:
                raise TreeError(
                    file.source.parent, [f"{file.path} was changed while it was read; run the deploy again"]
                )
        return digest


def _stored_digest(entry: object, file: ManagedFile) -> str | None:
    """Return the digest of a cache entry, if the entry is one and belongs to the file as it is now."""
    if not isinstance(entry, list) or entry[:-1] != list(file.identity):
        return None
    digest = entry[-1]
    return digest if isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest) else None
