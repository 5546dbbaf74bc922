"""What of a config.yml may be shown: everything but secrets. Pure.

Hidden are values whose key, or a key around it, sounds like a secret; credentials in URLs; and what looks like a token.
`<<placeholders>>` are no secrets and stay.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

from kometa_host.config_tree import yaml12
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.secret_patterns import MASK, masked
from kometa_host.config_tree.yaml12 import KeyPath, Value

SECRET_KEY: Final = re.compile(
    r"token|api[ _-]?key|passw(?:or)?d|passphrase|secret|credential|client[_-]?id|localhost_url|authorization"
    r"|\bpin\b|webhooks?\b",
    re.IGNORECASE,
)
# secrets whose keys do not say so: an address with a password in it, the only thing that a listener has to know, and
# what a file of Apprise consists of
SECRET_PATHS: Final = (("apprise", "config"), ("ntfy", "topic"), ("urls",))
# an address of Apprise's, such as tgram://bottoken/ChatID, which can be a key as well; not one of a film or a server
SERVICE_URL: Final = re.compile(
    r"(?i)\b(?!(?:https?|ftp|file|git|ssh|plex|local|[it][mv]db)://)([a-z][a-z0-9+]{2,30}://)(?!<<)[^\s\"'<]+"
)
PLACEHOLDER: Final = re.compile(r"<<[^<>\s]+>>")


def is_secret_path(path: KeyPath) -> bool:
    """Return whether a value at the path may be a secret: by the name of its key, or of one around it."""
    return any(SECRET_KEY.search(str(key)) for key in path) or any(path[: len(own)] == own for own in SECRET_PATHS)


def is_harmless(value: Value) -> bool:
    """Return whether a value that stands under a secret's key is none: blank, a switch, a placeholder, Kometa's ENV."""
    if isinstance(value, str):
        text = value.strip()
        return text.lower() in ("", "env", MASK) or bool(PLACEHOLDER.fullmatch(text))
    return value is None or isinstance(value, bool)


def redacted(text_or_value: Value, known_secrets: Collection[str] = ()) -> str:
    """Return a config.yml, given as its text or as its value, as a diff may show it, known secrets hidden too.

    Text need not be valid YAML; its lines and comments stay.
    """
    if not isinstance(text_or_value, str):
        return yaml12.dump(redacted_value(text_or_value, (), known_secrets))
    text = text_or_value.removeprefix("\ufeff")
    return _masked(_without_secret_entries(_without_parsed_secrets(text)), known_secrets)


def redacted_value(value: Value, path: KeyPath = (), known_secrets: Collection[str] = ()) -> Value:
    """Return a value that stands at the path with a mask in place of each secret in it."""
    if isinstance(value, dict):
        return {_masked_key(key): redacted_value(item, (*path, key), known_secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted_value(item, path, known_secrets) for item in value]
    if is_secret_path(path) and not is_harmless(value):
        return MASK
    return _masked(value, known_secrets) if isinstance(value, str) else value


def _masked(text: str, known_secrets: Collection[str]) -> str:
    return SERVICE_URL.sub(rf"\1{MASK}", masked(text, known_secrets))


def _masked_key(key: Value) -> Value:
    return SERVICE_URL.sub(rf"\1{MASK}", key) if isinstance(key, str) else key


def _without_parsed_secrets(text: str) -> str:
    """Hide the secrets exactly where they stand, if the text can be parsed."""
    try:
        document = yaml12.load(text, CONFIG)
    except yaml12.YamlError:
        return text
    hidden = {document.places[path] for path in _secret_paths(document.value, ()) if path in document.places}
    shown, position = list[str](), 0
    for start, end in sorted(hidden):
        shown += [text[position:start], MASK]
        position = start + len(text[start:end].rstrip())
    return "".join([*shown, text[position:]])


def _secret_paths(value: Value, path: KeyPath) -> Iterator[KeyPath]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is not None:
        for key, item in items:
            yield from _secret_paths(item, (*path, key))
    elif is_secret_path(path) and not is_harmless(value):
        yield path


# In a text that cannot be parsed, and in comments, lines are all there is

# Nothing follows, so nothing is tried twice: a host's text is not to take minutes.
KEY: Final = re.compile(r"[\s#]*(?:[-?] +)*[\"']?[\w. -]*[\"']?\s*")
COLON: Final = re.compile(r":(?:\s+|$)")
INLINE_ENTRY: Final = re.compile(
    rf"(?P<key>(?:{SECRET_KEY.pattern})[\w.-]{{0,100}}[\"']?\s*:\s+)(?P<value>\"[^\"]*\"|'[^']*'|[^,{{}}\[\]\s]+)",
    re.IGNORECASE,
)


def _without_secret_entries(text: str) -> str:
    """Hide what follows a secret's key on its line, and the lines below that are indented deeper."""
    shown: list[str] = []
    outer: int | None = None  # indentation of the secret's key whose block the line is in
    for line in text.splitlines(keepends=True):
        body = line.rstrip("\r\n")
        if outer is not None and body.strip() and not _is_below(body, outer):
            outer = None
        entry = _entry(body)
        if outer is not None:
            body = _hidden_below(body)
        elif entry:
            key, value = entry
            outer = None if "#" in key else _indentation(body)
            body = key + _hidden(value)
        else:
            body = INLINE_ENTRY.sub(lambda match: match["key"] + _hidden(match["value"]), body)
        shown.append(body + line[len(line.rstrip("\r\n")) :])
    return "".join(shown)


def _entry(line: str) -> tuple[str, str] | None:
    """Return what a line has up to a secret's value, and the rest; None if it is no entry of a secret's."""
    found = KEY.match(line)
    key = found[0] if found else ""
    if not SECRET_KEY.search(key):
        return None
    colon = COLON.match(line, len(key))
    end = colon.end() if colon else len(key) if key.lstrip().startswith("? ") else 0
    return (line[:end], line[end:]) if end else None


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_below(line: str, outer: int) -> bool:
    """Return whether a line is part of the value of a key: deeper, or an item of a list that is not indented."""
    depth = _indentation(line)
    return depth > outer or (depth == outer and line[depth : depth + 1] in "-:" and line[depth + 1 : depth + 2] in " ")


def _hidden_below(line: str) -> str:
    """Return a line of a secret's block with its key, if it has one, and without its value."""
    key = re.match(r"\s*(?:[-:] +)*(?:[\w.-]+\s*:(?:\s+|$))?", line)
    start = key.end() if key else 0
    return line[:start] + _hidden(line[start:])


def _hidden(value: str) -> str:
    """Return the rest of a line, hidden unless there is no secret in it."""
    text = re.sub(r"(?:^|(?<=\s))#.*", "", value).strip(" \t\"'")
    return value if is_harmless(text) or text.lower() in ("null", "~", "true", "false") else MASK
