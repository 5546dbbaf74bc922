"""What Kometa needs in config.yml and people publish without: the keys of plex and tmdb. Pure."""

import re
from typing import Final

from kometa_host.adoption.edits import Edit, applied, line_span
from kometa_host.config_tree import yaml12
from kometa_host.config_tree.named_files import CONFIG, mapping
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value, YamlError

KEYS: Final = {"plex": ("url", "token"), "tmdb": ("apikey",)}
# how people hide what they publish; to YAML a list, which ends Kometa's run
HIDDEN: Final = re.compile(r"(?P<key>^\s*[\w-]+:\s*)\[\w[^\]]*\]")


def with_required(text: str) -> tuple[str, list[str]]:
    """Given a config.yml, return it with the keys that it lacks and Kometa needs, left blank, and their names.

    It stays as it is where they cannot be put in place, such as between the braces of one line. Raise YamlError.
    """
    ended = text if text.endswith("\n") else f"{text}\n"
    document = yaml12.load(ended, CONFIG)
    edits: list[Edit] = []
    added: list[str] = []
    for section, keys in KEYS.items():
        edits += [_blanking(ended, document, (section, key)) for key in keys if _is_hidden(document, section, key)]
        if lacking := [key for key in keys if _is_lacking(mapping(document.value), section, key)]:
            edits.append(_edit(ended, document, section, lacking))
            added += [f"{section}.{key}" for key in lacking]
    completed = applied(ended, edits)
    return (completed, added) if edits and _has(completed, added) else (text, [])


def _is_lacking(config: dict[Value, Value], section: str, key: str) -> bool:
    """Return whether a key is neither in its section nor in that of each library, which Kometa asks first."""
    if key in mapping(config.get(section)) or not mapping(config.get("libraries")):
        return False
    return not all(key in mapping(mapping(library).get(section)) for library in mapping(config["libraries"]).values())


def _is_hidden(document: Document, section: str, key: str) -> bool:
    return isinstance(mapping(mapping(document.value).get(section)).get(key), list)


def _blanking(text: str, document: Document, path: KeyPath) -> Edit:
    """Return the edit that leaves a key blank whose value is hidden, as in `token: [hidden]`."""
    start, end = line_span(text, document.line_of(path))
    return Edit(start, end, HIDDEN.sub(lambda found: found["key"].rstrip(), text[start:end]))


def _edit(text: str, document: Document, section: str, keys: list[str]) -> Edit:
    below = mapping(mapping(document.value).get(section))
    path: KeyPath = (section,)
    if section not in mapping(document.value):
        end = len(text)
        return Edit(end, end, f"{section}:{_lines(keys, '  ')}\n")
    indent = "  "
    if below:
        start, end = line_span(text, document.line_of((section, next(iter(below)))))
        indent = text[start:end][: len(text[start:end]) - len(text[start:end].lstrip())]
    _, end = line_span(text, document.line_of(path))
    return Edit(end, end, _lines(keys, indent))


def _lines(keys: list[str], indent: str) -> str:
    return "".join(f"\n{indent}{key}:" for key in keys)


def _has(text: str, added: list[str]) -> bool:
    """Return whether a text is YAML that has these keys in their places."""
    try:
        value = mapping(yaml12.load(text, CONFIG).value)
    except YamlError:
        return False
    return all(key in mapping(value.get(section)) for section, _, key in (name.partition(".") for name in added))
