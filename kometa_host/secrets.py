"""Kometa's secrets: which there are, how they are compared without being read back, and what to change. Pure."""

import hashlib
import hmac
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "kometa-"  # of our Podman secrets; those of others have other names
LABEL = "kometa-host.digest"


@dataclass(frozen=True)
class FoundSecret:
    """A Podman secret of ours: its digest label and when it was last written, in seconds since the epoch."""

    digest: str
    updated: float


@dataclass(frozen=True)
class SecretChanges:
    """Names, without prefix, of secrets to create or replace and of those to remove."""

    put: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.remove)


def digest(value: str, salt: bytes | None = None) -> str:
    """Return a salted digest of a secret value, as `salt:hash` in hexadecimal; slow enough to make guessing dear."""
    salt = salt or os.urandom(16)
    return f"{salt.hex()}:{hashlib.scrypt(value.encode(), salt=salt, n=2**12, r=8, p=1, dklen=16).hex()}"


def matches(value: str, found: str) -> bool:
    """Return whether a value has this digest."""
    salt = found.partition(":")[0]
    try:
        return hmac.compare_digest(digest(value, bytes.fromhex(salt)), found)
    except ValueError:
        return False


def changes(wanted: Mapping[str, str], found: Mapping[str, FoundSecret]) -> SecretChanges:
    """Given wanted values and found secrets, by name without prefix, return what to change."""
    put = [name for name, value in wanted.items() if name not in found or not matches(value, found[name].digest)]
    return SecretChanges(tuple(sorted(put)), tuple(sorted(set(found) - set(wanted))))


def stream(wanted: Mapping[str, str], changed: SecretChanges) -> bytes:
    """Return the input of templates/host/secrets.sh: `put NAME DIGEST BASE64` and `remove NAME` lines."""

    def encoded(name: str) -> str:
        return b64encode(wanted[name].encode()).decode()

    lines = [f"put {PREFIX}{name} {digest(wanted[name])} {encoded(name)}" for name in changed.put]
    lines += [f"remove {PREFIX}{name}" for name in changed.remove]
    return "".join(f"{line}\n" for line in lines).encode()


def target(name: str) -> str:
    """Return the variable in which Kometa looks for a secret: it becomes `<<name>>`, dashes for underscores."""
    return "KOMETA_" + name.upper().replace("-", "_")
