"""Whether a host's config.yml holds what the project declares, and what to write there if it does not. Pure.

Kometa writes to its config.yml: defaults of keys that are missing (comments stay, quotes and indentation change), the
complete run_order, and refreshed tokens of Trakt and MyAnimeList. Whatever the project declares must be there with its
value; what is there besides is Kometa's, and stays. One function, `wanted`, decides: a file that equals what it returns
holds, any other one is replaced by it. Source: Kometa 2.4.4, modules/config.py, trakt.py and mal.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from kometa_host.config_tree import yaml12
from kometa_host.config_tree.redaction import redacted as redacted
from kometa_host.config_tree.redaction import redacted_value
from kometa_host.config_tree.yaml12 import KeyPath, Value

# refreshed by Kometa: the project's value only starts it off
AUTHORIZATIONS: Final = (("trakt", "authorization"), ("mal", "authorization"))
TOKENS: Final = ("access_token", "refresh_token")
# used up with the first authorization; Kometa blanks it then
TRAKT_PIN: Final = ("trakt", "pin")
RUN_ORDER: Final = ("settings", "run_order")
RUN_STEPS: Final = frozenset({"operations", "metadata", "collections", "overlays"})
# sections that Kometa fills where the project leaves them blank
FILLED: Final = frozenset(
    {"settings", "plex", "tmdb", "tautulli", "github", "omdb", "mdblist", "notifiarr", "gotify", "ntfy", "apprise",
     "anidb", "radarr", "sonarr", "trakt", "mal", "webhooks"}
)  # fmt: skip

HEADER: Final = (
    "# Written by the deploy: what the project's kometa/config.yml declares, and what Kometa added to it here.\n"
    "# The original, with its comments, is the project's kometa/config.yml: change that one.\n"
)


class Missing:
    """No value at all, which is not the same as a blank one."""

    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = Missing()


@dataclass(frozen=True)
class Deviation:
    """One value that is not as declared; declared is MISSING for a key that the project has dropped."""

    path: KeyPath
    declared: Value
    found: Value

    def __str__(self) -> str:
        """Return the deviation in one line without any secret."""
        where = ".".join(str(key) for key in self.path) or "the whole file"
        found, declared = (_shown(self.path, value) for value in (self.found, self.declared))
        return f"{where}: {found} on the host, {declared} in the project"


def deviations(declared: Value, found: Value, previously_declared: Value = None) -> list[Deviation]:
    """Return where the host's document is not as the project declares it, in the project's order."""
    return list(_differences(wanted(declared, found, previously_declared), found, ()))


def seeded(declared: Value, seeds: Mapping[str, Mapping[str, str]]) -> Value:
    """Return the declared document with the first tokens of Trakt and MyAnimeList where it declares none itself.

    A host that has tokens keeps them: they count as Kometa's (see wanted).
    """
    if not isinstance(declared, dict):
        return declared
    result = dict(declared)
    for section, key in AUTHORIZATIONS:
        own = result.get(section)
        if section in seeds and isinstance(own, dict) and _unauthorized(own.get(key)):
            result[section] = {**own, key: {**(own.get(key) or {}), **seeds[section]}}
    return result


def wanted(declared: Value, found: Value, previously_declared: Value = None) -> Value:
    """Return what the host's document shall be: the declared values in their order, then what Kometa has added.

    Applied to its own result it changes nothing.
    """
    return _wanted(declared, found, previously_declared, ())


def merged(declared_text: str, declared: Value, found: Value, previously_declared: Value = None) -> str:
    """Return the text to put on the host.

    It is the project's text, comments included, unless Kometa has added something to the host's document. A found
    document that is no mapping, such as one that cannot be read, has nothing to keep.
    """
    return as_text(wanted(declared, found, previously_declared), declared_text, declared)


def as_text(value: Value, declared_text: str, declared: Value) -> str:
    """Return a document as text: the project's own, where it is what the project declares."""
    return declared_text if same(value, declared) else HEADER + yaml12.dump(value)


def same(one: Value, other: Value) -> bool:
    """Return whether two values are equal and of the same types: 6 is not "6", nor 1 true. Keys may differ in order."""
    return next(_differences(one, other, ()), None) is None


def _wanted(declared: Value, found: Value, previously: Value, path: KeyPath) -> Value:
    if _is_kometas(declared, found, path):
        return found
    filled = len(path) == 1 and path[0] in FILLED and not declared and not isinstance(declared, bool)
    if not isinstance(found, dict) or not (isinstance(declared, dict) or filled):
        return declared
    before = previously if isinstance(previously, dict) else {}
    result = _declared_keys(declared or {}, found, before, path)
    return result | {
        key: value for key, value in found.items() if key not in result and not _dropped(key, before, path)
    }


def _declared_keys(declared: dict[Value, Value], found: dict[Value, Value], previously: dict[Value, Value],
                   path: KeyPath) -> dict[Value, Value]:  # fmt: skip
    result = {
        key: _wanted(value, found.get(key, MISSING), previously.get(key), (*path, key))
        for key, value in declared.items()
    }
    authorized = not _unauthorized(found.get("authorization"))
    if path == TRAKT_PIN[:1] and "pin" in found and authorized and _blank(found["pin"]):
        result["pin"] = found["pin"]
    return result


def _dropped(key: Value, previously: dict[Value, Value], path: KeyPath) -> bool:
    """Return whether a key that is no longer declared has to go. What Kometa refreshes stays as long as its section."""
    return key in previously and (*path, key) not in AUTHORIZATIONS


def _is_kometas(declared: Value, found: Value, path: KeyPath) -> bool:
    if path in AUTHORIZATIONS:
        return not _unauthorized(found)
    if path == RUN_ORDER:
        return _completes(declared, found)
    return False


def _unauthorized(value: Value) -> bool:
    """Return whether an authorization has no token; `scope: public` alone, as in Kometa's template, is none."""
    return not isinstance(value, dict) or all(_blank(value.get(name)) for name in TOKENS)


def _blank(value: Value) -> bool:
    """Return whether there is nothing in a value, however deep."""
    if isinstance(value, dict):
        return all(_blank(item) for item in value.values())
    return value is MISSING or value is None or value == ""


def _completes(declared: Value, found: Value) -> bool:
    """Return whether found is the declared run_order with the steps put in that it lacks, as Kometa does it."""
    steps = [step.strip() for step in declared.split(",")] if isinstance(declared, str) else declared
    if not isinstance(steps, list) or not isinstance(found, list) or len(found) != len(RUN_STEPS):
        return False
    return all(step in found for step in RUN_STEPS) and [step for step in found if step in steps] == steps


def _differences(one: Value, other: Value, path: KeyPath) -> Iterator[Deviation]:
    """Yield where two values differ: the topmost differing keys of mappings, everything else as a whole."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            yield from _differences(one.get(key, MISSING), other.get(key, MISSING), (*path, key))
    elif not _equal(one, other):
        yield Deviation(path, one, other)


def _equal(one: Value, other: Value) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (isinstance(one, float) and one != one and other != other)


def _shown(path: KeyPath, value: Value) -> str:
    """Return a value for a message, on one line of bounded length and without secrets."""
    if value is MISSING:
        return repr(MISSING)
    if isinstance(value, dict | list) and value:
        return "a list" if isinstance(value, list) else "a mapping"
    text = yaml12.dump(redacted_value(value, path)).removesuffix("...\n").strip()
    return text if len(text) <= 80 else f"{text[:77]}..."
