"""Secrets that stand in clear in a YAML file of the config tree: where, and what to write instead. Pure."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from kometa_host.config_tree.findings import Finding, dotted
from kometa_host.config_tree.redaction import PLACEHOLDER, SECRET_KEY, is_harmless
from kometa_host.config_tree.secret_patterns import HOOK_URL, JSON_WEB_TOKEN, URL_CREDENTIALS, URL_SECRET
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value

CONFIG: Final = "config.yml"


def raw_secrets(text: str, document: Document, file: str) -> Iterator[Finding]:
    """Given a YAML file's text, document and path in the tree, yield where a secret stands in clear, once a line."""
    lines = text.splitlines()
    found = {number: kind for number, line in enumerate(lines, 1) if (kind := token_kind(line))}
    where: dict[int, KeyPath] = {}
    for path, value in leaves(document.value):
        line = document.line_of(path)
        if stands_for_a_secret(path, value, file == CONFIG):
            found.setdefault(line, f"the value of {dotted(path)} stands here in clear")
            where[line] = path
        elif token_kind(str(value)):
            where.setdefault(line, path)
    for line, message in sorted(found.items()):
        yield Finding("error", file, line, message, _instead(where.get(line), file))


def _instead(path: KeyPath | None, file: str) -> str:
    """Return what to write in place of a secret at a path."""
    allow = "if it is none, end the line with `# kometa-host: allow`"
    if file != CONFIG:
        return f"take it out, keep secrets in the secrets file and name them in {CONFIG}; {allow}"
    name = _secret_name(path) if path else "name"
    key = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
    return f"write `{key}<<{name}>>` and put the value into the secrets file as {name}; {allow}"


def _secret_name(path: KeyPath) -> str:
    """Return a name for the secret at a path, such as plextoken for plex.token."""
    words = [key for key in path if isinstance(key, str) and key not in ("libraries", "authorization")][-2:]
    return re.sub(r"[^a-z0-9]", "", "".join(words).lower()) or "name"


def stands_for_a_secret(path: KeyPath, value: Value, is_config: bool) -> bool:
    """Return whether a value is a secret by its key's name. In other files than config.yml a key may be a title."""
    key = path[-1] if path and isinstance(path[-1], str) else ""
    if not SECRET_KEY.search(key) or is_harmless(value) or key in ("authorization", "token_type"):
        return False
    text = str(value)
    if re.search(r"webhooks?", key) or any(item == "template_variables" for item in path):
        return False
    return is_config or (key == key.lower() and isinstance(value, str) and len(text) >= 12 and " " not in text)


def token_kind(line: str) -> str | None:
    """Return what in a line looks like a secret, if something does."""
    if JSON_WEB_TOKEN.search(line):
        return "this looks like a TMDb read access token or another JSON web token"
    if HOOK_URL.search(line):
        return "this webhook address lets everybody who has it post messages"
    if URL_CREDENTIALS.search(line):
        return "this address contains a user name or a password"
    if URL_SECRET.search(line):
        return "this address contains a token"
    words = re.split(r"[\s\"'\[\]{},:;=()<>#|&?/]+", re.sub(r"\w+://\S+", "", PLACEHOLDER.sub("", line)))
    return next((kind for word in words if (kind := _word_kind(word))), None)


def _word_kind(word: str) -> str | None:
    if re.fullmatch(r"[0-9a-f]{64}|[0-9A-F]{64}", word):
        return "this looks like a Trakt client id, secret or token (64 hexadecimal digits)"
    if re.fullmatch(r"[0-9a-f]{32}|[0-9A-F]{32}", word):
        return "this looks like an API key, such as TMDb's (32 hexadecimal digits)"
    if re.fullmatch(r"[A-Za-z0-9_-]{20}", word) and _looks_random(word):
        return "this looks like a Plex token (20 random characters)"
    return None


def _looks_random(word: str) -> bool:
    """Return whether small letters, capitals and digits alternate as they never do in names and titles."""
    kinds = ["a" if c.islower() else "A" if c.isupper() else "0" if c.isdigit() else "-" for c in word]
    changes = sum(one != other for one, other in pairwise(kinds))
    return changes >= 8 and {"a", "A", "0"} <= set(kinds)


def leaves(value: Value, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Value]]:
    """Yield all values that are neither list nor mapping, with their paths."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path, value
