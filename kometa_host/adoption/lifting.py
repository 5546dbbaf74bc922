"""What adoption changes in a config.yml: secrets become placeholders, Plex's address the host's variable. Pure.

Everything else, comments and order included, stays byte for byte.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from kometa_host.adoption.edits import Edit, applied, behind_anchor, line_span, value_edit
from kometa_host.adoption.paths import ALLOWED
from kometa_host.adoption.vault import Vault
from kometa_host.config_tree import yaml12
from kometa_host.config_tree.findings import ALLOW, dotted
from kometa_host.config_tree.merge import AUTHORIZATIONS, TOKENS
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.placeholders import kometa_name
from kometa_host.config_tree.plaintext_secrets import leaves, stands_for_a_secret, token_kind
from kometa_host.config_tree.redaction import is_harmless
from kometa_host.config_tree.tree import with_comments, without_comments
from kometa_host.config_tree.yaml12 import Document, KeyPath, Value
from kometa_host.settings.kometa_options import is_option
from kometa_host.settings.names import HOST_ITSELF, checked_plex_url
from kometa_host.settings.refusals import RefusalError

# used once, for the first authorization
USED_UP: Final = {("trakt", "pin"): ("trakt", "authorization"), ("mal", "localhost_url"): ("mal", "authorization")}
REQUIRED: Final = {("plex", "token"): "plextoken", ("tmdb", "apikey"): "tmdbapikey"}
# secrets whose keys do not sound like one
MORE_SECRETS: Final = frozenset({("ntfy", "topic"), ("anidb", "password"), ("anidb", "username")})
PLEX_URL: Final = '"\ufdd0kometa_plex_url\ufdd1"'  # noncharacters: no text has them
# the machine that runs the container, as it is called there or in a container of Docker's
ON_THE_HOST: Final = re.compile(r"^(https?://)(?:localhost|127\.0\.0\.1|host\.docker\.internal)(?=[:/]|$)")
# a variable in place of a value: a script, or a template of Ansible, Helm and the like, fills it in before Kometa reads
VARIABLE: Final = re.compile(
    r"\$(?P<plain>[A-Z][A-Z0-9]*_[A-Z0-9_]*)|\$\{(?P<shell>\w+)(?::?-[^}]*)?\}|\{\{-?\s*[.$]?(?P<template>[\w.-]+)[^{}]*\}\}"
)
OURS: Final = "{{ kometa_plex_url }}"
# Jinja's signs; those of our own variables are meant, and those that were put into quotes of Jinja's before
RAW: Final = ("{% raw %}", "{% endraw %}")
SIGNS: Final = re.compile(r"\{% raw %\}\{[{%#]\{% endraw %\}|\{\{(?!\s*(?:kometa|mms)_\w+\s*\}\})|\{%|\{#")


@dataclass
class Lifted:
    """A config.yml without secrets, and what was in it.

    missing: names of secrets that it needs and has no value for; seeds: section -> first tokens of its authorization;
    notes: what there is to say.
    """

    text: str
    missing: list[str] = field(default_factory=list)
    seeds: dict[str, dict[str, str]] = field(default_factory=dict)
    plex_url: str | None = None
    notes: list[str] = field(default_factory=list)


def lifted(
    text: str,
    vault: Vault,
    given_plex_url: str | None = None,
    environment: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Lifted:
    """Given a config.yml as Kometa reads it and the vault for its secrets, return it as the project may have it.

    given_plex_url is the one of the container's environment, for `url: ENV`; environment has values of placeholders by
    Kometa's names; variables those of a shell, for the `${NAME}` of a config.yml that a script fills. Raise YamlError.
    """
    document = yaml12.load(text, CONFIG)
    lifting = _Lifting(text, document, vault, variables or {})
    lifting.seeds()
    lifting.secrets()
    lifting.plex(given_plex_url, environment or {})
    lifting.result.text = _templated(applied(text, lifting.edits))
    return lifting.result


class _Lifting:
    """Collects the edits of one text."""

    def __init__(self, text: str, document: Document, vault: Vault, variables: Mapping[str, str]) -> None:
        self.text, self.document, self.vault, self.variables = text, document, vault, variables
        self.edits: list[Edit] = []
        self.result = Lifted(text)

    def seeds(self) -> None:
        """Take the tokens of Trakt and MyAnimeList out: Kometa refreshes them, so they belong to the host."""
        for section, key in AUTHORIZATIONS:
            found = {name: self._value((section, key, name)) for name in TOKENS}
            tokens = {name: value for name, value in found.items() if value}
            for name in tokens:
                self._put((section, key, name), "")
            if tokens:
                self.result.seeds[section] = tokens
        for path, authorization in USED_UP.items():
            if authorization[0] in self.result.seeds and self._value(path):
                self._put(path, "")
                self.result.notes.append(f"{dotted(path)} is used up, and left blank")

    def secrets(self) -> None:
        """Put a placeholder in place of each secret; a value that only repeats another one stays as it is."""
        done = {edit.start for edit in self.edits}
        for path, value in leaves(self.document.value):
            if path not in self.document.places or self._place(path)[0] in done:
                continue
            if path in REQUIRED and (value is None or str(value).strip().lower() in ("", "env")):
                self._put(path, f"<<{REQUIRED[path]}>>")
                if REQUIRED[path] not in self.vault.secrets:
                    self.result.missing.append(REQUIRED[path])
            elif name := _respelt(value):
                self._put(path, f"<<{name}>>")
                self.result.missing += [name] if name not in self.vault.secrets else []
            elif is_liftable(path, value):
                known = self._variable(str(value)) or self.vault.name_for(path, self._text(path, value))
                self._put(path, f"<<{known}>>")

    def _variable(self, value: str) -> str | None:
        """Return the secret that takes the place of a variable, None for any other value; keep what it has."""
        variable = _variable_in(value)
        if not variable:
            return None
        name = _usable(variable)
        if known := self.variables.get(variable):
            self.vault.secrets.setdefault(name, known)
        return name

    def plex(self, given: str | None, environment: Mapping[str, str]) -> None:
        """Put the host's variable in place of Plex's address; a second server keeps its own."""
        for path, value in _plex_urls(self.document.value):
            if path not in self.document.places:
                continue
            is_given = value is None or str(value).strip().lower() in ("", "env")
            named = re.fullmatch(r"<<([^<>]+)>>", str(value).strip())
            known = environment.get(kometa_name(named[1])) if named else None
            if variable := _variable_in(str(value)):
                known = self.variables.get(variable, variable)
            self._plex_url(path, ((given or "") if is_given else known or str(value).strip()).rstrip("/"))

    def _plex_url(self, path: KeyPath, url: str) -> None:
        if "<<" in url or url == OURS:
            return
        url = re.sub(r"^https?://", lambda scheme: scheme[0].lower(), url, flags=re.IGNORECASE)
        if not re.match(r"https?://", url):
            self._put(path, PLEX_URL)
            said = f"{dotted(path)} was {'no address' if url else 'blank'}: set kometa_plex_url to that of your Plex"
            self.result.notes.append(said)
            return
        url = ON_THE_HOST.sub(rf"\1{HOST_ITSELF}", url)
        try:
            checked = checked_plex_url(url)
        except RefusalError as refusal:
            self.result.notes.append(f"{dotted(path)} stays as it is: {refusal}")
            self._allow(path)
            return
        self.result.plex_url = self.result.plex_url or checked
        if checked == self.result.plex_url:
            self._put(path, PLEX_URL)
        else:
            self._allow(path)

    def _allow(self, path: KeyPath) -> None:
        """Mark a line as meant, so that the checks of a deploy let it pass."""
        start, end = line_span(self.text, self.document.line_of(path))
        if not ALLOW.search(self.text[start:end]):
            self.edits.append(Edit(end, end, ALLOWED))

    def _value(self, path: KeyPath) -> str:
        """Return the text of a value that is no placeholder and not blank, empty for all else."""
        value: Value = self.document.value
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if path not in self.document.places or is_harmless(value) or isinstance(value, dict | list):
            return ""
        return self._text(path, value)

    def _text(self, path: KeyPath, value: Value) -> str:
        """Return a value as it is written: 0123 and 12e45678 are keys, not numbers."""
        start, end = self._place(path)
        return str(value).strip() if isinstance(value, str) else self.text[start:end].strip()

    def _put(self, path: KeyPath, new: str) -> None:
        self.edits.append(value_edit(self.text, self.document.places[path], new))

    def _place(self, path: KeyPath) -> tuple[int, int]:
        return behind_anchor(self.text, self.document.places[path])


def _respelt(value: Value) -> str | None:
    """Return another name for a placeholder that Kometa blanks: an option of its own, or spelt as it does not know."""
    match = re.fullmatch(r"<<([^<>]+)>>", str(value).strip())
    if not match:
        return None
    right = kometa_name(match[1])
    if not is_option(right) and match[1] in (right, right.upper().replace("-", "_")):
        return None
    return _usable(match[1])


def _variable_in(value: str) -> str | None:
    """Return the name of the variable that a value consists of, None for any other value."""
    found = VARIABLE.fullmatch(value.strip())
    return (found["plain"] or found["shell"] or found["template"]) if found and value.strip() != OURS else None


def _usable(name: str) -> str:
    """Return a name as Kometa takes one for a secret: small letters and digits with - between, and no option's."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain.replace("-", "") if is_option(plain) else plain


def is_liftable(path: KeyPath, value: Value) -> bool:
    """Return whether a value of config.yml is a secret. Below template_variables Kometa puts in no secrets."""
    if "template_variables" in path or isinstance(value, dict | list) or is_harmless(value):
        return False
    text = str(value)
    if "\n" in text.strip():
        return False
    if "webhooks" in path[:-1] or path[:2] == ("apprise", "config"):
        return "://" in text and not text.startswith("<<")
    known = path in MORE_SECRETS or stands_for_a_secret(path, value, is_config=True)
    return known or (isinstance(value, str) and token_kind(value) is not None)


def _plex_urls(config: Value) -> Iterator[tuple[KeyPath, Value]]:
    """Yield the places of Plex's address: the global one, then those of libraries."""
    top: Mapping[str, Value] = config if isinstance(config, dict) else {}
    sections: list[tuple[KeyPath, Value]] = [(("plex",), top.get("plex"))]
    libraries = top.get("libraries")
    for name, library in libraries.items() if isinstance(libraries, dict) else ():
        sections.append((("libraries", name, "plex"), library.get("plex") if isinstance(library, dict) else None))
    for path, section in sections:
        if isinstance(section, dict) and "url" in section:
            yield (*path, "url"), section["url"]


def _templated(text: str) -> str:
    """Return the text as the deploy renders it: Jinja's signs that stood in it before stay as they are."""
    rendered, comments = without_comments(text)  # those are not rendered
    escaped = SIGNS.sub(lambda sign: sign[0] if len(sign[0]) > 2 else sign[0].join(RAW), rendered)
    return with_comments(escaped, comments).replace(PLEX_URL, f'"{OURS}"')
