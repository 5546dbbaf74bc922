"""Checks of backup recipients: the age and ssh public keys that can read the archives."""

import re

from kometa_host.settings.refusals import RefusalError, every, listed, quoted

# How a recipient begins that age or a plugin may know but that a restore from memory cannot use, and what it is.
UNSUPPORTED = {
    "age1pq1": "a post-quantum recipient",
    "age1tag": "a recipient of a hardware tag",
    "ecdsa-sha2-": "an ECDSA ssh key",
    "sk-": "an ssh key of a security key",
    "ssh-dss": "a DSA ssh key",
    "github:": "a GitHub account",
}
KINDS = "an age recipient (age1...) or an ssh-ed25519 or ssh-rsa public key"
MAKE_ONE = (
    "python -m tools.secrets init makes age-identity.txt, which stays off the host, and in secrets.recipients the line "
    "to write here"
)


def checked_recipients(value: object) -> tuple[str, ...]:
    """Given public keys, or one as a text, return each once. An empty list is fine and means no backups."""
    keys = [] if value is None else listed(value)
    return tuple(dict.fromkeys(every(_checked_recipient, keys)))


def _checked_recipient(value: object) -> str:
    if not isinstance(value, str):
        raise RefusalError("an element that is not text", f"each recipient is {KINDS}")
    key = value.strip()
    _refuse_private_key(key)
    _refuse_unsupported(key)
    if key.startswith("age1"):
        _parse_age(key)
    elif key.startswith(("ssh-ed25519 ", "ssh-rsa ")):
        _parse_ssh(key)
    elif re.search(r"\.(pub|txt)$|^[~/.]", key) and "\n" not in key:
        raise RefusalError(
            f"{quoted(key)}, which looks like a file", "write the public key itself, the text in that file"
        )
    else:
        # Not repeated: what is no public key may be a private one or a passphrase.
        raise RefusalError(
            f"a text of {len(key)} characters that is no public key", f"each recipient is {KINDS}; {MAKE_ONE}"
        )
    return key


def _refuse_private_key(key: str) -> None:
    if "AGE-SECRET-KEY-" in key.upper() or "AGE-PLUGIN-" in key.upper():
        raise RefusalError(
            "an age identity, which is secret (not shown here)",
            "write its public key, age1..., which age-keygen -y age-identity.txt prints; if the secret one was shared "
            "or committed, make a new identity",
        )
    refuse_private_ssh_key(key)


def refuse_private_ssh_key(key: str) -> None:
    """Raise RefusalError, which does not show it, if a key is a private one of ssh."""
    if "PRIVATE KEY" in key.upper():
        raise RefusalError(
            "a private key, which is secret (not shown here)",
            "write the public key, from the .pub file; if the private one was shared or committed, make a new key",
        )


def _refuse_unsupported(key: str) -> None:
    plugin = re.match(r"age1([a-z0-9-]+)1", key)
    what = next((name for start, name in UNSUPPORTED.items() if key.startswith(start)), None)
    # 1 is the separator of bech32 and no character of its data, so a second one ends a plugin's name.
    if what is None and plugin:
        what = f"a recipient of the plugin age-plugin-{plugin[1]}"
    if what:
        raise RefusalError(f"{what}, {_shortened(key)}", f"not supported; use {KINDS}")


def _parse_age(key: str) -> None:
    # Imported here: it is needed only where backups are enabled, and a deploy should start quickly.
    from pyrage import RecipientError, x25519  # type: ignore[import-untyped]

    try:
        x25519.Recipient.from_str(key)
    except RecipientError:
        raise RefusalError(
            f"{_shortened(key)}, which is no valid age recipient", "copy it again, whole: 62 characters"
        ) from None


def _parse_ssh(key: str) -> None:
    from pyrage import RecipientError, ssh

    if len(key.splitlines()) > 1:
        raise RefusalError("several lines in one element", "write each public key as an element of its own")
    try:
        ssh.Recipient.from_str(key)
    except RecipientError as error:
        remedy = "copy the line of the .pub file again, whole"
        if "TooSmall" in str(error):
            remedy = "use an RSA key of at least 2048 bits, or better an ssh-ed25519 or age key"
        raise RefusalError(f"{_shortened(key)}, which is no valid ssh public key", remedy) from None


def _shortened(key: str) -> str:
    """Return the beginning of a public key, enough to find it by."""
    return quoted(key if len(key) <= 24 else f"{key[:20]}...")
