"""Kometa's secrets: which there are, how they are compared without being read back, and what to change. Pure."""

import hashlib
import hmac
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from kometa_host.errors import UserError

PREFIX = "kometa-"  # of our Podman secrets; those of others have other names
LABEL = "kometa-host.digest"


@dataclass(frozen=True)
class FoundSecret:
    """A Podman secret with our prefix: its digest label, empty if somebody else made it, and when it was last written.

    updated: seconds since the epoch.
    """

    digest: str
    updated: float


@dataclass(frozen=True)
class SecretChanges:
    """Names, without prefix, of secrets to create or replace and of those to remove."""

    put: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.remove)


@cache  # about 10 ms each; a run asks several times, and for several hosts
def _hashed(value: str, salt: bytes) -> str:
    return hashlib.scrypt(value.encode(), salt=salt, n=2**12, r=8, p=1, dklen=16).hex()


@cache
def digest(value: str) -> str:
    """Return a digest of a secret value, `salt:hash` in hexadecimal; slow enough to make guessing dear.

    The salt is new in every run, and the same for all hosts to which the run sends this value.
    """
    salt = os.urandom(16)
    return f"{salt.hex()}:{_hashed(value, salt)}"


def matches(value: str, found: str) -> bool:
    """Return whether a value has this digest."""
    salt, _, hashed = found.partition(":")
    try:
        return hmac.compare_digest(_hashed(value, bytes.fromhex(salt)), hashed)
    except (ValueError, TypeError):
        return False


def changes(wanted: Mapping[str, str], found: Mapping[str, FoundSecret]) -> SecretChanges:
    """Given wanted values and found secrets, by name without prefix, return what to change. Those of others stay."""
    put = [name for name, value in wanted.items() if name not in found or not matches(value, found[name].digest)]
    ours = {name for name, secret in found.items() if secret.digest}
    return SecretChanges(tuple(sorted(put)), tuple(sorted(ours - set(wanted))))


def refuse_those_of_others(wanted: Mapping[str, str], found: Mapping[str, FoundSecret]) -> None:
    """Raise UserError if somebody else made a Podman secret of a name that is wanted."""
    foreign = [PREFIX + name for name in sorted(wanted) if name in found and not found[name].digest]
    if foreign:
        names = " ".join(foreign)
        raise UserError(
            f"the account has Podman secrets that were not made here and have the names of ours: {names}. "
            f"Rename ours, or remove them on the host: podman secret rm {names}"
        )


def stream(wanted: Mapping[str, str], changed: SecretChanges) -> bytes:
    """Return the input of programs/change/secrets.sh: `put NAME DIGEST BASE64` and `remove NAME` lines."""

    def encoded(name: str) -> str:
        return b64encode(wanted[name].encode()).decode()

    lines = [f"put {PREFIX}{name} {digest(wanted[name])} {encoded(name)}" for name in changed.put]
    lines += [f"remove {PREFIX}{name}" for name in changed.remove]
    return "".join(f"{line}\n" for line in lines).encode()
