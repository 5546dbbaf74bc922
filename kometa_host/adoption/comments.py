"""Secrets in the comments of a YAML file: they are in git just as well, and are kept in the secrets file. Pure."""

import re
from collections.abc import Collection, Iterator
from typing import Final

from kometa_host.adoption.edits import Edit, applied, line_span
from kometa_host.adoption.vault import Vault
from kometa_host.config_tree.merge import FILLED
from kometa_host.config_tree.plaintext_secrets import lines_within_values, raw_secrets, token_kind
from kometa_host.config_tree.redaction import SECRET_KEY, is_harmless
from kometa_host.config_tree.yaml12 import Document

# in a comment: a key that sounds like a secret's, and what stands behind it
ENTRY: Final = re.compile(
    rf"(?P<key>[\w-]*(?:{SECRET_KEY.pattern})[\w-]*)[\"']?\s*[:=]\s*[\"']?(?P<value>[^\s\"'#,\]}}]+)", re.IGNORECASE
)
SECTION: Final = re.compile(rf"#*\s?({'|'.join(sorted(FILLED))}|libraries|playlist_files):")
WORD: Final = re.compile(r"[^\s\"'#,\[\]{}()]+")
WEBHOOK: Final = re.compile(r"https?://\S+")


def without_secrets(text: str, document: Document, file: str, vault: Vault) -> str:
    """Return a YAML file's text with a placeholder in place of each secret in its comments."""
    edits: list[Edit] = []
    section = ""
    inside = lines_within_values(text, document)
    for start, end, line in _lines(text):
        head = SECTION.match(line)
        section = head[1] if head else section
        comment = _comment_in(text, document, start, end)
        if comment is not None:
            edits += _masks(text, comment, end, section, vault)
    return _without_the_rest(applied(text, edits), inside, file, vault)


def _lines(text: str) -> Iterator[tuple[int, int, str]]:
    start = 0
    for line in text.splitlines(keepends=True):
        body = line.rstrip("\r\n")
        yield start, start + len(body), body
        start += len(line)


def _comment_in(text: str, document: Document, start: int, end: int) -> int | None:
    """Return where the comment of a line begins: behind a # that is neither in a value nor part of a word."""
    for at in (found.start() for found in re.finditer(r"(?<!\S)#", text[start:end])):
        place = start + at
        if not any(first <= place < last for first, last in document.places.values()):
            return place
    return None


def _masks(text: str, start: int, end: int, section: str, vault: Vault) -> Iterator[Edit]:
    taken = start
    for entry in ENTRY.finditer(text, start, end):
        if _is_secret(entry["value"]):
            yield _mask(entry.span("value"), entry["value"], (section, entry["key"]), vault)
            taken = entry.end()
    for word in WORD.finditer(text, taken, end):
        if token_kind(word[0]) or (section == "webhooks" and WEBHOOK.fullmatch(word[0])):
            yield _mask(word.span(), word[0], (section, "token"), vault)


def _mask(span: tuple[int, int], value: str, path: tuple[str, str], vault: Vault) -> Edit:
    section, key = path
    return Edit(*span, f"<<{vault.name_for((section, f'{key}-commented'), value)}>>")


def _is_secret(value: str) -> bool:
    """Return whether a word behind a secret's key is more than a word: it has digits, or is an address."""
    return not is_harmless(value) and len(value) >= 6 and bool(re.search(r"\d|://", value))


def _without_the_rest(text: str, inside: Collection[int], file: str, vault: Vault) -> str:
    """Hide whole comments in which the checks of a deploy would still find something; inside are lines of values."""
    edits = []
    for finding in raw_secrets(text, Document(None, {}), file):
        start, end = line_span(text, finding.line)
        line = text[start:end]
        if line.lstrip().startswith("#") and finding.line not in inside:
            at = start + line.index("#") + 1
            edits.append(Edit(at, end, f" <<{vault.name_for(('comment',), text[at:end].strip())}>>"))
    return applied(text, edits)
