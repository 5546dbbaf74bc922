"""Secrets that stand in plain text in a YAML file of the config tree: where, and what to write instead. Pure."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from kometa_host.config_tree.findings import Finding, dotted
from kometa_host.config_tree.merge import AUTHORIZATIONS
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.redaction import PLACEHOLDER, SECRET_KEY, is_harmless
from kometa_host.config_tree.secret_patterns import HOOK_URL, JSON_WEB_TOKEN, URL_CREDENTIALS, URL_SECRET
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value

# keys whose value is a secret, however short, in any file
SECRET_NAMES: Final = frozenset(
    {"token", "user_token", "access_token", "refresh_token", "apikey", "api_key", "password", "passwd", "client_secret"}
)
HOOK: Final = "this webhook address lets everybody who has it post messages"
# `# token: x`, with nothing behind it but another comment
COMMENTED_OUT: Final = re.compile(
    r"\s*#[#\s]*(?:-\s+)?(?P<key>[\w-]+)\s*:\s+[\"']?(?P<value>[^\s\"'#<>]\S*?)[\"']?(?:\s+#.*)?\s*"
)
# what a sample has in place of a secret: (redacted), your_token_here, xxxx, 1234...
MADE_UP: Final = re.compile(
    r"(?i)[^a-z0-9]*|[^a-z0-9]*[x#*.]+[^a-z0-9]*|.*(?:your|enter|here|insert|redacted|example|changeme|xxxx|\.\.\.).*"
    r"|this_?is.*|\(?optional\)?|none|null|true|false|env"
)
# links to public images carry tokens of their own; one of Plex's is a secret in them, too
IMAGE_LINK: Final = re.compile(r"(?i)url_(?:poster|background|logo|square_art|theme)$")
PLEX_TOKEN_IN_URL: Final = re.compile(r"(?i)x-plex-token=(?!<<)")
ENTRY_KEY: Final = re.compile(r"^\s*(?:-\s+)*(?:\"[^\"]*\"|'[^']*'|[^\s\"'#&*!|>%@`{}\[\],-][^#:]*):(?=\s|$)")


def raw_secrets(text: str, document: Document, file: str) -> Iterator[Finding]:
    """Given a YAML file's text, document and path in the tree, yield each line with a secret in plain text once."""
    found: dict[int, str] = {}
    where: dict[int, KeyPath] = {}
    for path, value in leaves(document.value):
        if kind := secret_kind(path, value, file == CONFIG):
            line = document.line_of(path)
            found.setdefault(line, kind)
            where.setdefault(line, path)
    images = {document.line_of(path) for path, _ in leaves(document.value) if _is_image_link(path)}
    passed = images | lines_within_values(text, document) | set(found)
    for number, text_line in enumerate(text.splitlines(), 1):
        if number not in passed and (kind := _line_kind(text_line, file == CONFIG)):
            found[number] = kind
    for number, message in sorted(found.items()):
        yield Finding("error", file, number, message, _instead(where.get(number), file))


def secret_kind(path: KeyPath, value: Value, is_config: bool) -> str | None:
    """Return what kind of secret a value is, by its path and its looks, None if it is none."""
    text = str(value)
    if _is_image_link(path):
        return "this address contains a token" if PLEX_TOKEN_IN_URL.search(text) else None
    if "template_variables" not in path and "://" in text and "<<" not in text and _is_hook(path):
        return HOOK
    if path[:1] == ("urls",) and "://" in f"{path} {text}" and not is_config:
        return "this address of Apprise lets everybody who has it send messages"
    if kind := token_kind(text):
        return kind
    return (
        f"the value of {dotted(path)} stands here in plain text"
        if stands_for_a_secret(path, value, is_config)
        else None
    )


def lines_within_values(text: str, document: Document) -> set[int]:
    """Return the lines that a value of several lines takes after its first one: a # there begins no comment."""
    inside: set[int] = set()
    for start, end in document.places.values():
        if "\n" in (value := text[start:end].rstrip()):
            first = text.count("\n", 0, start) + 1
            inside.update(range(first + 1, first + 1 + value.count("\n")))
    return inside


def _instead(path: KeyPath | None, file: str) -> str:
    """Return what to write in place of a secret at a path."""
    allow = "if it is none, end the line with `# kometa-host: allow`"
    if path is not None and path[:2] in AUTHORIZATIONS and file == CONFIG:
        return (
            f"take it out: Kometa refreshes these tokens on the host, where they stay; a host that has none yet begins "
            f"with those below `authorization: {path[0]}:` in the secrets file; {allow}"
        )
    if path is not None and path[:1] == ("urls",) and file != CONFIG:
        return f"keep this file on the host alone, and add it to kometa_host_files; {allow}"
    if file != CONFIG:
        return f"take it out, keep secrets in the secrets file and name them in {CONFIG}; {allow}"
    if path is None:
        return f"take it out, or write <<name>> and put the value into the secrets file; {allow}"
    name = _secret_name(path)
    key = f"{path[-1]}: " if isinstance(path[-1], str) else ""
    return f"write `{key}<<{name}>>` and put the value into the secrets file as {name}; {allow}"


def _secret_name(path: KeyPath) -> str:
    """Return a name for the secret at a path, such as plextoken for plex.token."""
    words = [key for key in path if isinstance(key, str) and key not in ("libraries", "authorization")][-2:]
    return re.sub(r"[^a-z0-9]", "", "".join(words).lower()) or "name"


def stands_for_a_secret(path: KeyPath, value: Value, is_config: bool) -> bool:
    """Return whether a value is a secret by its key's name. In other files than config.yml a key may be a title."""
    key = path[-1] if path and isinstance(path[-1], str) else ""
    if is_harmless(value) or key in ("authorization", "token_type") or "template_variables" in path or _is_hook(path):
        return False
    text = str(value)
    if is_config:
        is_address = path[:2] == ("apprise", "config") and "://" in text
        return bool(SECRET_KEY.search(key)) or path[:2] == ("ntfy", "topic") or is_address
    is_name = key in SECRET_NAMES and len(text) >= 4 and not MADE_UP.fullmatch(text)
    return (is_name or (bool(SECRET_KEY.search(key)) and key == key.lower() and len(text) >= 12)) and " " not in text


def _is_hook(path: KeyPath) -> bool:
    """Return whether a value is an address, or the name of a service, to which Kometa posts."""
    return any(re.search(r"webhooks?$", str(key)) for key in path)


def _is_image_link(path: KeyPath) -> bool:
    return bool(path) and bool(IMAGE_LINK.match(str(path[-1])))


def _line_kind(line: str, is_config: bool) -> str | None:
    """Return what in a line, keys apart, looks like a secret: in a comment, or where a file cannot be read as YAML."""
    commented = COMMENTED_OUT.fullmatch(line)
    if commented and is_config and _is_commented_out_secret(commented["key"], commented["value"]):
        return f"a commented-out {commented['key']} stands here in plain text"
    return token_kind(ENTRY_KEY.sub("", line))


def _is_commented_out_secret(key: str, value: str) -> bool:
    named = key in SECRET_NAMES or key in ("client_id", "pin", "topic")
    return named and len(value) >= 4 and not is_harmless(value) and not MADE_UP.fullmatch(value)


def token_kind(line: str) -> str | None:
    """Return what in a line looks like a secret, if something does."""
    if JSON_WEB_TOKEN.search(line):
        return "this looks like a TMDb read access token or another JSON web token"
    if HOOK_URL.search(line):
        return HOOK
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
