"""Placeholders of config.yml: what Kometa puts in for `<<name>>`, and what it leaves blank without a word. Pure.

Kometa resolves a placeholder by the environment: KOMETA_TMDB_KEY is `<<tmdb-key>>` or `<<TMDB_KEY>>`. It puts one into
a value; a value that begins with << and ends with >> and is no such name becomes blank, in any other text an unknown
name stays as it is. What stands below template_variables is not resolved.
Source: Kometa 2.4.4, kometa.py and modules/config.py (check_next).
"""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from kometa_host.config_tree.findings import Finding, Place
from kometa_host.config_tree.plaintext_secrets import leaves
from kometa_host.config_tree.redaction import is_secret_path
from kometa_host.config_tree.yaml12 import KeyPath
from kometa_host.settings.kometa_options import is_option

NAME: Final = re.compile(r"<<([^<>]+)>>")


def findings(
    at: Place, environment: Mapping[str, str], secrets: Collection[str] | None, used_elsewhere: Collection[str] = ()
) -> list[Finding]:
    """Given config.yml, the container's plain variables and the names of its secrets, None if they are not known,
    return what is wrong with its placeholders. Secrets that are used elsewhere need no place in it.
    """
    return list(_Placeholders(at, environment, secrets, used_elsewhere).findings())


def kometa_name(name: str) -> str:
    """Return the name by which Kometa knows the secret that has this name here: tmdb_key is tmdb-key."""
    return name.lower().replace("_", "-")


def _is_vital(path: KeyPath) -> bool:
    """Return whether Kometa cannot reach a service without the value at a path."""
    return is_secret_path(path) or path[-1:] == ("url",)


class _Placeholders:
    def __init__(
        self,
        at: Place,
        environment: Mapping[str, str],
        secrets: Collection[str] | None,
        used_elsewhere: Collection[str],
    ) -> None:
        self.at, self.secrets, self.used_elsewhere = at, secrets, used_elsewhere
        prefixes = ("KOMETA_", "PMM_")
        plain = {name.partition("_")[2] for name in environment if name.upper().startswith(prefixes)}
        self.known = {kometa_name(name) for name in [*plain, *(secrets or ())]}

    def findings(self) -> Iterator[Finding]:
        used: set[str] = set()
        for path, value in leaves(self.at.document.value):
            if not isinstance(value, str) or "template_variables" in path:
                continue
            names = list(dict.fromkeys(NAME.findall(value)))
            used.update(kometa_name(name) for name in names)
            yield from self._value(path, value, names)
            if path[-2:] == ("plex", "token") and value.lower() == "env":
                used.add("plex-token")
                yield from self._taken_from_environment(path)
        yield from self._unused(used)

    def _value(self, path: KeyPath, value: str, names: list[str]) -> Iterator[Finding]:
        if len([name for name in names if kometa_name(name) in self.known]) > 1:
            message = f"{self.at.name(path)} has two placeholders, and Kometa puts in only one a value"
            report = self.at.error if _is_vital(path) else self.at.warning
            yield report(path, message, "make one secret of both")
        # in any other text an unknown name stays as it is, which matters in an address or a secret
        is_whole = value.startswith("<<") and value.endswith(">>") and len(names) == 1
        for name in names if is_whole or _is_vital(path) else ():
            yield from self._placeholder(path, name)

    def _placeholder(self, path: KeyPath, name: str) -> Iterator[Finding]:
        """Yield why a whole value stays blank. What Kometa needs to run, and any secret, must not."""
        right = kometa_name(name)
        report = self.at.error if _is_vital(path) else self.at.warning
        if is_option(right):
            remedy = "write `token: ENV`" if right == "plex-token" else f"name it <<{right.replace('-', '')}>>"
            variable = f"KOMETA_{right.upper().replace('-', '_')}"
            yield report(path, f"<<{name}>> stays blank, because {variable} is an option of Kometa", remedy)
        elif name not in (right, right.upper().replace("-", "_")):
            message = f"<<{name}>> stays blank, Kometa does not know this spelling"
            yield report(path, message, f"write <<{right}>>")
        elif self.secrets is not None and right not in self.known:
            near = get_close_matches(right, self.known, n=1)
            hint = f"did you mean <<{near[0]}>>? If not, " if near else ""
            remedy = f"{hint}add {right} to the secrets file (make secrets-edit) or to kometa_secrets"
            yield report(path, f"<<{name}>> stays blank, there is no secret of this name", remedy)

    def _taken_from_environment(self, path: KeyPath) -> Iterator[Finding]:
        if self.secrets is not None and "plex-token" not in self.known:
            yield self.at.error(path, f"{self.at.name(path)} is ENV, and there is no secret plex_token for it",
                                "add the secret plex_token, or write `token: <<plextoken>>`")  # fmt: skip

    def _unused(self, used: set[str]) -> Iterator[Finding]:
        for secret in sorted(set(self.secrets or ()).difference(self.used_elsewhere)):
            name = kometa_name(secret)
            if name not in used:
                remedy = f"write <<{name}>> where it belongs, or remove the secret"
                yield Finding("warning", self.at.file, 0, f"the secret {secret} is used nowhere in this file", remedy)
