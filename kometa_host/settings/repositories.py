"""Checks of what a host in pull mode is told about its repository. Each returns the value or raises RefusalError."""

import base64
import re

from kometa_host.settings.recipients import refuse_private_ssh_key
from kometa_host.settings.refusals import RefusalError, every, listed, quoted, text_of

REPOSITORY = "write https://host/path, ssh://git@host/path, git@host:path or an absolute path on the host"
BRANCH = "write the name of a branch, such as main"
SIGNER = "write ssh public keys as in the .pub file of the key that signs: ssh-ed25519 AAAA... name"
# As ssh-keygen can verify; security keys sign as well.
KEY_TYPES = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip


def checked_repository(value: object) -> str | None:
    """Given the URL of a git repository, or None, return it. One with a password is never repeated."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _has_password(value):
        raise RefusalError(
            "a URL with a password or token in it, or a ? (not shown here)",
            "it would stand in a script and in process lists; use ssh with a deploy key of the account, or git's own "
            "credential store on the host",
        )
    url = text_of(value, REPOSITORY).strip()
    known = r"(https?|ssh|git)://[^/\s-][^\s]*/[^\s]+|\w[\w.-]*@[\w.][\w.-]*:[^\s-][^\s]*|/[^\s][^\n]*"
    if not re.fullmatch(known, url):
        raise RefusalError(quoted(url), REPOSITORY)
    return url


def _has_password(url: str) -> bool:
    before, at, _ = url.partition("@")
    scheme, _, user = before.rpartition("//")
    return "?" in url or (bool(at) and (":" in user or scheme in ("http:", "https:")))


def checked_branch(value: object) -> str:
    """Given the name of a branch, return it; see git-check-ref-format(1)."""
    name = text_of(value, BRANCH)
    forbidden = re.search(r"^[-/.]|\.\.|[\s~^:?*\[\\\x7f]|@\{|//|/\.|[/.]$|\.lock(/|$)", name)
    if forbidden or name == "@":
        raise RefusalError(quoted(name), BRANCH)
    return name.removeprefix("refs/heads/")


def checked_host(value: object) -> str | None:
    """Given a host's name in an inventory, or None, return it."""
    if value is None or value == "":
        return None
    return text_of(value, "write the host's name as it stands in the repository's inventory.py")


def checked_signers(value: object) -> tuple[str, ...]:
    """Given ssh public keys, or one as a text, return each once."""
    keys = [] if value is None else listed(value)
    return tuple(dict.fromkeys(every(_checked_signer, keys)))


def _checked_signer(value: object) -> str:
    if not isinstance(value, str):
        raise RefusalError("an element that is not text", SIGNER)
    refuse_private_ssh_key(value)
    kind, _, rest = value.strip().partition(" ")
    if kind not in KEY_TYPES or len(value.strip().splitlines()) != 1 or not _is_key(kind, rest.split(" ")[0]):
        raise RefusalError(f"a text of {len(value)} characters that is no ssh public key", SIGNER)
    return value.strip()


def _is_key(kind: str, encoded: str) -> bool:
    """Return whether base64 holds a key of this kind, which its first field, 4 bytes of length and a name, repeats."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except ValueError:
        return False
    return content[4:].startswith(kind.encode()) and content[:4] == len(kind).to_bytes(4, "big")


def allowed_signers(signers: tuple[str, ...]) -> str:
    """Return the file of allowed signers, see ssh-keygen(1): whatever the key's comment, any of them counts."""
    return "".join(f'* namespaces="git" {" ".join(key.split(" ")[:2])}\n' for key in signers)
