"""age files that are encrypted to a passphrase (`age -p`), as a stream and with a limit on the work.

pyrage opens such a file only as a whole in memory, and with whatever work factor the file asks for. So the file key is
unwrapped here and the payload is decrypted chunk by chunk. The format is https://c2sp.org/age.
"""

import os
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from kometa_host.archive.errors import DamagedError, PassphraseError
from kometa_host.archive.header import Header, decoded
from kometa_host.archive.source import Source

VARIABLE = "KOMETA_AGE_PASSPHRASE"
SCRYPT = "scrypt"
LABEL = b"age-encryption.org/v1/scrypt"
CHUNK = 64 * 1024 + 16  # a chunk of the payload with its tag

Ask = Callable[[str], str]


def passphrase_for(what: str, ask: Ask | None, environment: Mapping[str, str] | None = None) -> str:
    """Return the passphrase for what: that of KOMETA_AGE_PASSPHRASE, else what ask(prompt) returns.

    Raise PassphraseError if there is none.
    """
    given = (os.environ if environment is None else environment).get(VARIABLE)
    if not given and ask:
        given = ask(f"Passphrase of {what}: ")
    if not given:
        raise PassphraseError(f"it is protected by a passphrase: set {VARIABLE}, or run this on a terminal to be asked")
    return given


def needs_passphrase(header: Header) -> bool:
    """Whether the file opens with a passphrase. Raise DamagedError if it mixes one with keys, which age forbids."""
    types = header.recipient_types
    if SCRYPT in types and len(types) > 1:
        raise DamagedError("its age header is damaged: a passphrase beside other recipients")
    return types == (SCRYPT,)


def unwrap_file_key(header: Header, passphrase: str, most_work: int) -> bytes:
    """Given the header of a file made by `age -p`, return its file key (16 bytes).

    The work takes 2**most_work KiB at most. Raise PassphraseError if it asks for more or the passphrase is wrong, and
    DamagedError if the header was altered.
    """
    stanza = next(stanza for stanza in header.stanzas if stanza.type == SCRYPT)
    if len(stanza.arguments) != 2 or not stanza.arguments[1].isdecimal() or len(stanza.body) != 32:
        raise DamagedError("its age header is damaged")
    work = int(stanza.arguments[1][:4])
    if not 0 < work <= most_work:
        raise PassphraseError(f"its passphrase needs 2^{work} rounds of work; at most 2^{most_work} are accepted")
    salt = LABEL + decoded(stanza.arguments[0].encode())
    key = Scrypt(salt=salt, length=32, n=1 << work, r=8, p=1).derive(passphrase.encode("utf-8", "surrogateescape"))
    try:
        file_key = ChaCha20Poly1305(key).decrypt(bytes(12), stanza.body, None)
    except InvalidTag:
        raise PassphraseError("the passphrase is wrong") from None
    if not bytes_eq(_mac(file_key, header.authenticated), header.mac):
        raise DamagedError("its age header is damaged")
    return file_key


def decrypt_payload(source: Source, header: Header, file_key: bytes, write: Callable[[bytes], object]) -> None:
    """Take the whole file from source and write what it holds, chunk by chunk. Raise DamagedError, also if it is cut.

    What was written is provisional until this returns.
    """
    source.read_exactly(header.size)
    cipher = ChaCha20Poly1305(_derive(file_key, source.read_exactly(16), b"payload"))
    counter = 0
    while True:
        chunk = source.read_exactly(CHUNK)
        last = not source.peek(1)
        try:
            data = cipher.decrypt(counter.to_bytes(11, "big") + bytes([last]), chunk, None)
        except InvalidTag:
            raise damaged_payload(source) from None
        if last and counter and not data:
            raise damaged_payload(source)
        write(data)
        if last:
            return
        counter += 1


def damaged_payload(source: Source) -> DamagedError:
    """The error for a payload that could not be decrypted at the place that source has reached."""
    if source.exhausted:
        return DamagedError("it is cut short, or its last 64 KiB are damaged")
    return DamagedError(f"it is damaged near byte {source.position}")


def _mac(file_key: bytes, authenticated: bytes) -> bytes:
    mac = HMAC(_derive(file_key, b"", b"header"), SHA256())
    mac.update(authenticated)
    return mac.finalize()


def _derive(key: bytes, salt: bytes, label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=label).derive(key)
