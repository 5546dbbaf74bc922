"""Identity files, read as the age command reads them: what opens an archive. They stay on the controller.

No text of a file ever gets into a message, a warning or a repr: a line that is not understood may be a secret all the
same. Errors name the path and the number of the line.
"""

import os
import re
import stat
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_ssh_private_key

from kometa_host.archive.errors import ArchiveError, DamagedError, IdentityError, PassphraseError
from kometa_host.archive.header import is_age, peek_header, without_armor
from kometa_host.archive.source import PIECE, Source

MAX_SIZE = 1 << 20
MAX_WORK = 22  # the age command's own limit; pyrage has none
PASSPHRASE_VARIABLE = "KOMETA_AGE_PASSPHRASE"  # noqa: S105 -- its name
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
OPENSSH_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----"
OPENSSH_KEY = re.compile(rb"-----BEGIN OPENSSH PRIVATE KEY-----(.*?)-----END OPENSSH PRIVATE KEY-----", re.DOTALL)
OPENSSH_MAGIC = b"openssh-key-v1\0"
# A type in a message is one that SSH has, never a piece of the file.
KNOWN_KIND = re.compile(r"(sk-)?(ssh-(ed25519|rsa|dss)|ecdsa-sha2-nistp(256|384|521))(@openssh\.com)?")
SSH_KINDS = ("ssh-ed25519", "ssh-rsa")

POST_QUANTUM = "a post-quantum identity (AGE-SECRET-KEY-PQ-1...), which only the age command can use"
PLUGIN = "a plugin's identity (AGE-PLUGIN-...), which only the age command with that plugin can use"
RECIPIENT = "a recipient, the public half: the identity is the other half, which begins with AGE-SECRET-KEY-1"
SSH_PUBLIC = "an SSH public key: the identity is the private key, usually the file without .pub"

Ask = Callable[[str], str]  # prompt -> what was typed
Key = object  # pyrage.x25519.Identity or pyrage.ssh.Identity


@dataclass(frozen=True)
class Identities:
    """The usable identities of one file.

    source: its path; keys: pyrage's objects, whose str() is the secret; kinds: the type of recipient each answers to,
    as X25519 or ssh-ed25519; warnings: for the user; unusable: what else the file holds, for the message if none fits.
    """

    source: str
    kinds: tuple[str, ...]
    keys: tuple[Key, ...] = field(repr=False)
    warnings: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()


@dataclass
class _Found:
    keys: list[Key] = field(default_factory=list, repr=False)
    kinds: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)

    def add(self, kind: str, key: Key) -> None:
        self.kinds.append(kind)
        self.keys.append(key)


def read_identities(
    path: str | os.PathLike[str], passphrase: Ask | None = None, environment: Mapping[str, str] | None = None
) -> Identities:
    """Given the path of an identity file, return its identities.

    Accepted: lines of AGE-SECRET-KEY-1, an OpenSSH ed25519 or RSA private key, and either encrypted to a passphrase,
    which is KOMETA_AGE_PASSPHRASE of the environment (os.environ) or what passphrase(prompt) returns.
    Raise IdentityError for anything else, PassphraseError if the passphrase is missing or wrong.
    """
    source = os.fspath(path)
    if source.upper().startswith(("AGE-SECRET-KEY-", "AGE-PLUGIN-")):
        raise IdentityError(
            "the identity itself was given in place of a file's path: it may stand in the shell's history now; "
            "put it into a file of mode 0600 and give its path"
        )
    try:
        content, warnings = _read(Path(source).expanduser())
        found = _parse(content, lambda: passphrase_for(source, passphrase, environment))
    except PassphraseError as error:
        raise PassphraseError(f"{source}: {error}") from None
    except (IdentityError, ArchiveError) as error:
        raise IdentityError(f"{source}: {error}") from None
    return _identities(source, found, warnings)


def passphrase_for(what: str, ask: Ask | None, environment: Mapping[str, str] | None = None) -> str:
    """Return the passphrase for what: that of KOMETA_AGE_PASSPHRASE, else what ask(prompt) returns.

    Raise PassphraseError if there is none.
    """
    given = (os.environ if environment is None else environment).get(PASSPHRASE_VARIABLE)
    if not given and ask:
        given = ask(f"Passphrase of {what}: ")
    if not given:
        raise PassphraseError(
            f"it is protected by a passphrase: set {PASSPHRASE_VARIABLE}, or run this on a terminal to be asked"
        )
    return given


def _identities(source: str, found: _Found, warnings: tuple[str, ...]) -> Identities:
    if not found.keys:
        raise IdentityError(f"{source}: it holds no identity that can be used here: {'; '.join(found.unusable)}")
    unusable = tuple(f"{source}: {text}" for text in found.unusable)
    warnings = tuple(f"{source}: {text}" for text in warnings)
    return Identities(source, tuple(found.kinds), tuple(found.keys), warnings + unusable, tuple(found.unusable))


def _read(path: Path) -> tuple[bytes, tuple[str, ...]]:
    """Return the content of the file, at most 1 MiB, and warnings about who else can read it."""
    try:
        with path.open("rb") as file:  # a pipe is fine: identity=<(pass show age)
            content = file.read(MAX_SIZE + 1)
            mode = os.fstat(file.fileno()).st_mode
    except FileNotFoundError:
        raise IdentityError("there is no such file on this machine; identity= names a file of the controller") from None
    except IsADirectoryError:
        raise IdentityError("it is a directory; give the identity file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise IdentityError(f"it cannot be read: {reason}") from None
    if len(content) > MAX_SIZE:
        raise IdentityError("it is larger than 1 MiB, and no identity file is")
    return content, _warnings(mode)


def _warnings(mode: int) -> tuple[str, ...]:
    if not stat.S_ISREG(mode) or not mode & 0o044:
        return ()
    return (f"others can read it (mode {stat.S_IMODE(mode):04o}): chmod 600 it",)


def _parse(content: bytes, passphrase: Callable[[], str], encrypted: bool = False) -> _Found:
    """Given the content of an identity file, return what it holds; encrypted: whether it was inside an age file."""
    content = _without_mark(content)
    start = content.lstrip()
    if not start:
        raise IdentityError("it is empty")
    if is_age(start[:64]):
        if encrypted:
            raise IdentityError("it is encrypted twice; decrypt it once with age -d")
        return _parse(_decrypt(start, passphrase), passphrase, encrypted=True)
    if start.startswith(OPENSSH_BEGIN):
        return _parse_openssh(start, passphrase)
    _refuse_other_formats(start)
    return _parse_lines(content)


def _without_mark(content: bytes) -> bytes:
    if content.startswith(UTF16_MARKS):  # what PowerShell's > writes
        return content.decode("utf-16", "replace").encode("utf-8", "replace")
    return content.removeprefix(BYTE_ORDER_MARK)


def _refuse_other_formats(start: bytes) -> None:
    if start.startswith(b"PuTTY-User-Key-File"):
        raise IdentityError("it is a PuTTY key; convert a copy with: puttygen KEY -O private-openssh-new -o COPY")
    if start.startswith(b"-----BEGIN"):
        raise IdentityError("it is a PEM key; convert a copy to OpenSSH's own format with: ssh-keygen -p -f COPY")
    if b"\0" in start:
        raise IdentityError("it is binary data, not an identity file")


def _decrypt(content: bytes, passphrase: Callable[[], str]) -> bytes:
    """Given an identity file that was encrypted with `age -p`, return what it holds."""
    source = without_armor(Source(BytesIO(content).read))
    header = peek_header(source)
    if not header.needs_passphrase:
        raise IdentityError("it is an age file that is encrypted to a key, not an identity file; is it the archive?")
    if not 0 < header.work <= MAX_WORK:
        raise PassphraseError(f"its passphrase needs 2^{header.work} rounds of work; at most 2^{MAX_WORK} are accepted")
    binary = b"".join(iter(lambda: source.read(PIECE), b""))
    try:
        decrypted: bytes = pyrage.passphrase.decrypt(binary, passphrase())
    except pyrage.DecryptError as error:
        if str(error) == "Decryption failed":  # said of the passphrase's own part of the header
            raise PassphraseError("the passphrase is wrong") from None
        raise DamagedError("it is cut short or damaged") from None
    return decrypted


def _parse_lines(content: bytes) -> _Found:
    found = _Found()
    for number, line in enumerate(content.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith(b"#"):
            _parse_line(stripped, number, found)
    if not found.keys and not found.unusable:
        raise IdentityError("it holds comments only and no identity")
    return found


def _parse_line(line: bytes, number: int, found: _Found) -> None:
    upper = line.upper()
    if upper.startswith(b"AGE-SECRET-KEY-PQ-1"):
        found.unusable.append(f"line {number} is {POST_QUANTUM}")
    elif upper.startswith(b"AGE-PLUGIN-"):
        found.unusable.append(f"line {number} is {PLUGIN}")
    elif upper.startswith(b"AGE-SECRET-KEY-1"):
        found.add("X25519", _x25519(line, number))
    else:
        raise IdentityError(f"line {number} is {_misplaced(line)}")


def _x25519(line: bytes, number: int) -> Key:
    try:
        key: Key = pyrage.x25519.Identity.from_str(line.decode("ascii"))
    except (pyrage.IdentityError, UnicodeDecodeError):
        raise IdentityError(f"line {number} begins like an identity but is damaged or incomplete") from None
    return key


def _misplaced(line: bytes) -> str:
    if line.startswith(b"age1"):
        return RECIPIENT
    if line.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        return SSH_PUBLIC
    if line.startswith(b"-----BEGIN"):
        return "the beginning of another key: a key in PEM format needs a file of its own"
    return "no identity: those begin with AGE-SECRET-KEY-1"


def _parse_openssh(content: bytes, passphrase: Callable[[], str]) -> _Found:
    match = OPENSSH_KEY.match(content)
    if not match:
        raise IdentityError("it is an OpenSSH key that is cut short")
    kind, locked = _openssh_kind(match[1])
    if kind not in SSH_KINDS:
        raise IdentityError(f"it is an OpenSSH key of the type {kind}; age knows ssh-ed25519 and ssh-rsa")
    key = match[0] + b"\n"
    found = _Found()
    try:
        found.add(kind, pyrage.ssh.Identity.from_buffer(_unlocked(key, passphrase()) if locked else key))
    except pyrage.IdentityError:
        raise IdentityError("it is an OpenSSH key that is damaged") from None
    return found


def _openssh_kind(text: bytes) -> tuple[str, bool]:
    """Given the base64 of an OpenSSH private key, return its type and whether a passphrase protects it."""
    damaged = IdentityError("it is an OpenSSH key that is damaged")
    try:
        blob = a2b_base64(b"".join(text.split()), strict_mode=True)
    except Base64Error:
        raise damaged from None
    # openssh PROTOCOL.key: magic, cipher, kdf, its options, number of keys, public key, private part
    fields = _Strings(blob.removeprefix(OPENSSH_MAGIC))
    cipher, _, _ = fields.next(), fields.next(), fields.next()
    fields.skip(4)
    kind = _Strings(fields.next()).next().decode("ascii", "replace")
    if not blob.startswith(OPENSSH_MAGIC) or not KNOWN_KIND.fullmatch(kind):
        raise damaged
    return kind, cipher != b"none"


class _Strings:
    """SSH's wire format: strings that follow their length in four bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def skip(self, size: int) -> None:
        self._data = self._data[size:]

    def next(self) -> bytes:
        size = int.from_bytes(self._data[:4], "big")
        text, self._data = self._data[4 : 4 + size], self._data[4 + size :]
        return text


def _unlocked(key: bytes, passphrase: str) -> bytes:
    """Given an OpenSSH key and its passphrase, return the same key without one; it exists in memory only."""
    try:
        unlocked = load_ssh_private_key(key, passphrase.encode("utf-8", "surrogateescape"))
    except (ValueError, TypeError):
        raise PassphraseError("the passphrase is wrong, or the key is damaged") from None
    except UnsupportedAlgorithm:
        raise IdentityError("it is an OpenSSH key with a cipher that is not supported here") from None
    return unlocked.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
