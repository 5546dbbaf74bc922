"""Checks of a host's restic repository, and of what backups leave out. A secret's value is in no message."""

import re
from collections.abc import Mapping

from kometa_host.settings import paths
from kometa_host.settings.refusals import NO_TEXT, RefusalError, every, kind, listed, quoted, text_of
from kometa_host.settings.secret import SecretStr

REPOSITORY = (
    "write a path on the host, or what restic calls the place: sftp:user@host:/path, s3:https://host/bucket, "
    "rest:https://host/name/, rclone:remote:path, b2:bucket:path, azure:container:/path or gs:bucket:/path"
)
SCHEMES = ("sftp", "s3", "rest", "rclone", "b2", "azure", "gs", "swift")
EXAMPLE = "/mnt/second-disk/kometa"
PASSWORD = "RESTIC_PASSWORD"  # noqa: S105  (a name)
SECRET_NAME = re.compile(r"(RESTIC|AWS|B2|AZURE|GOOGLE|OS|ST|RCLONE)_[A-Z0-9_]+")
# Variables of restic that are none of its secrets, and why they are not taken.
RESERVED = {
    "RESTIC_REPOSITORY": "set kometa_backup_repository instead",
    "RESTIC_REPOSITORY_FILE": "set kometa_backup_repository instead",
    "RESTIC_PASSWORD_FILE": f"give the password itself, as {PASSWORD}",
    "RESTIC_PASSWORD_COMMAND": f"give the password itself, as {PASSWORD}",
    "RESTIC_HOST": "leave it out: snapshots are made for the host's name in the inventory",
    "RESTIC_CACHE_DIR": "leave it out: the cache is the account's own",
}
MAX_EXCLUDE = 400  # an archive tells them in its first bytes
EXCLUDE = (
    "write a path below the config tree, such as assets or overlays/temp; * and ? stand for characters of one name"
)


def checked_repository(value: object) -> str | None:
    """Given a restic repository, or None, return it. One with a password in it is never repeated."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and re.search(r"://[^/@]*:[^/@]*@", value):
        raise RefusalError(
            "a URL with a password in it (not shown here)",
            "put the two into kometa_repository_secrets: RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD",
        )
    text = text_of(value, REPOSITORY).strip()
    if text.startswith("/"):
        return paths.checked_directory(text, EXAMPLE)
    scheme, colon, rest = text.partition(":")
    if scheme not in SCHEMES or not colon or not rest or not text.isprintable() or " " in text:
        raise RefusalError(quoted(text), REPOSITORY)
    return text


def scheme_of(repository: str | None) -> str:
    """Return what kind of place a repository is: `path`, one of SCHEMES, or nothing."""
    if not repository:
        return ""
    return "path" if repository.startswith("/") else repository.partition(":")[0]


def checked_secrets(value: object) -> dict[str, SecretStr]:
    """Given restic's variables and their values, return them with the values hidden."""
    if not isinstance(value, Mapping):
        raise RefusalError(
            f"{kind(value)} (not shown here)",
            f'write a mapping of names and values, such as {{"{PASSWORD}": os.environ["{PASSWORD}"]}}',
        )
    return dict(every(_checked_secret, value.items()))


def _checked_secret(item: tuple[object, object]) -> tuple[str, SecretStr]:
    name, value = item
    if not isinstance(name, str) or not SECRET_NAME.fullmatch(name):
        shown = quoted(name) if isinstance(name, str) and len(name) <= 40 else "one that is long or no text"
        raise RefusalError(f"the name {shown}", f"name variables of restic, such as {PASSWORD} or AWS_ACCESS_KEY_ID")
    if name in RESERVED:
        raise RefusalError(name, RESERVED[name])
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str) or not text:
        raise RefusalError(f"{name} with {kind(text)}", "give it a text that is not empty")
    if NO_TEXT.search(text):
        raise RefusalError(f"{name} with a line break or another control character", "write its value on one line")
    return name, SecretStr(text)


def checked_exclude(value: object) -> tuple[str, ...]:
    """Given patterns below the config tree, or one as a text, return each once, without a slash at its end."""
    patterns = tuple(dict.fromkeys(every(_checked_pattern, listed(value))))
    if sum(len(pattern.encode()) + 1 for pattern in patterns) > MAX_EXCLUDE:
        raise RefusalError(f"patterns of more than {MAX_EXCLUDE} bytes together", "name whole folders instead")
    return patterns


def _checked_pattern(value: object) -> str:
    text = text_of(value, EXCLUDE).strip().rstrip("/")
    parts = text.split("/")
    if {"", ".", "..", "**"} & set(parts) or not text.isprintable():
        raise RefusalError(quoted(value), EXCLUDE)
    if re.search(r"[\[\]\\,!$:]", text):
        raise RefusalError(f"{quoted(text)} with one of [ ] \\ , ! $ :", EXCLUDE)
    if re.fullmatch(_expression(parts[0]), "config.yml") and len(parts) == 1:
        raise RefusalError(f"{quoted(text)}, which leaves out config.yml", "Kometa does not run without; " + EXCLUDE)
    return text


def _expression(part: str) -> str:
    return re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


def exclude_expression(pattern: str) -> str:
    """Return the regular expression, extended and anchored, of what a pattern leaves out; names begin with `./`."""
    # re.escape also marks what needs no mark, which GNU find refuses in places.
    marked = re.sub(r"([.^$+(){}|])", r"\\\1", pattern).replace("*", "[^/]*").replace("?", "[^/]")
    return rf"\./{marked}"
