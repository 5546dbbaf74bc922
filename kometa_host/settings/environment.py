"""Checks of what the container gets as environment: plain variables and secrets. A secret's value is in no message."""

import re
from collections.abc import Mapping

from kometa_host.settings.kometa_options import is_option
from kometa_host.settings.refusals import NO_TEXT, RefusalError, every, kind, quoted
from kometa_host.settings.secret import SecretStr

IS_TOKEN = re.compile(r"(token|api[_-]?key)$")  # the name of a secret that a service has made up

# Variables of the container that must not be set by hand, and why.
RESERVED = {
    "PUID": "set kometa_puid instead",
    "PGID": "set kometa_pgid instead",
    "TZ": "set mms_timezone instead",
    "KOMETA_TIMES": "set kometa_times instead",
    "KOMETA_TIME": "set kometa_times instead",
    "KOMETA_PLEX_URL": "set kometa_plex_url instead",
    "PMM_TIME": "set kometa_times instead",
    "KOMETA_CONFIG": "leave it out: the config tree is at /config, from kometa_config_source",
    "KOMETA_RUN": "leave it out: the service would run at once and start again for ever; "
    "for one run use pyinfra inventory.py operations.kometa.run_once",
    **dict.fromkeys(
        [f"KOMETA_{name}" for name in ("TESTS", "TEST", "RUN_TEST", "RUN_TESTS")],
        "leave it out: the service would run its tests at once and start again for ever",
    ),
    **dict.fromkeys(
        [
            f"KOMETA_{name}"
            for name in (
                "RUN_COLLECTIONS",
                "RUN_COLLECTION",
                "COLLECTIONS",
                "COLLECTION",
                "RUN_LIBRARIES",
                "RUN_LIBRARY",
                "LIBRARIES",
                "LIBRARY",
                "RUN_FILES",
                "RUN_FILE",
                "METADATA",
                "METADATA_FILES",
                "RUN_METADATA_FILES",
                "RESUME",
            )
        ],
        "leave it out: the service would run at once and start again for ever; "
        "for such a run use pyinfra inventory.py operations.kometa.run_once collections=... or libraries=...",
    ),
    **dict.fromkeys(
        [f"KOMETA_VALIDATE{suffix}" for suffix in ("", "_SCHEMA", "_LEVEL", "_FILE", "_DIR")],
        "leave it out: the service would validate for ever, and the logs of that push the real ones out; "
        "use pyinfra inventory.py operations.kometa.validate",
    ),
}
TOKEN_OPTION = "KOMETA_PLEX_TOKEN"  # noqa: S105  # the one option that is a secret: `token: ENV` in config.yml
SECRET_NAME = re.compile(
    r"(TOKEN|API_?KEY|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?|(^|_)KEY|(^|_)PASS|(^|_)AUTH)$"
)
AUTHORIZATION = (
    "write access_token: and refresh_token: below authorization: and trakt: or mal: in the secrets file; "
    "the other keys belong into config.yml"
)


def checked_environment(value: object) -> dict[str, str]:
    """Given variable names and texts, numbers or truth values, return the names and texts that the container gets."""
    if not isinstance(value, Mapping):
        raise RefusalError(
            kind(value), 'write a mapping of names and values, such as {"KOMETA_READ_ONLY_CONFIG": "true"}'
        )
    return dict(every(_checked_variable, value.items()))


def _checked_variable(item: tuple[object, object]) -> tuple[str, str]:
    name, value = item
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise RefusalError(
            f"the name {quoted(name)}", "a variable's name has letters, digits and _, and no digit first"
        )
    if name.upper() in RESERVED:
        raise RefusalError(name, RESERVED[name.upper()])
    inner_name = name.upper().removeprefix("KOMETA_").lower()
    # LinuxServer.io images read FILE__X=/path as X from a file: the path is no secret.
    if SECRET_NAME.search(name.upper()) and not name.startswith("FILE__"):
        raise RefusalError(
            f"{name}, which looks like a secret (its value is not shown here)",
            f"put it into kometa_secrets as {inner_name}: units can be read by others",
        )
    return name, _environment_text(name, value)


def _environment_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise RefusalError(f"{name} with {kind(value)}", "give each variable a text, a number, true or false")
    if NO_TEXT.search(value):
        raise RefusalError(f"{name} with a line break or another control character", "write its value on one line")
    return value


def checked_secrets(value: object) -> dict[str, SecretStr]:
    """Given names and values, return them with the values hidden. The container gets each as variable_of(name)."""
    if not isinstance(value, Mapping):
        raise RefusalError(
            f"{kind(value)} (not shown here)",
            'write a mapping of names and values, such as {"plextoken": os.environ["PLEXTOKEN"]}',
        )
    secrets = dict(every(_checked_secret, value.items()))
    by_variable: dict[str, str] = {}
    for name in secrets:
        other = by_variable.setdefault(variable_of(name), name)
        if other != name:
            raise RefusalError(
                f"{other} and {name}, which are both {variable_of(name)} in the container", "rename one of them"
            )
    return secrets


def checked_authorization(value: object) -> dict[str, dict[str, SecretStr]]:
    """Given tokens by name for trakt and mal, return them with the values hidden."""
    if not isinstance(value, Mapping):
        raise RefusalError(f"{kind(value)} (not shown here)", AUTHORIZATION)
    return dict(every(_checked_tokens, value.items()))


def _checked_tokens(item: tuple[object, object]) -> tuple[str, dict[str, SecretStr]]:
    section, tokens = item
    if section not in ("trakt", "mal") or not isinstance(tokens, Mapping):
        raise RefusalError("a section that is not trakt or mal with its tokens (not shown here)", AUTHORIZATION)
    if not tokens.keys() <= {"access_token", "refresh_token"}:
        raise RefusalError(f"{section} with another name than access_token and refresh_token", AUTHORIZATION)
    return str(section), {name: SecretStr(_secret_text(name, token)) for name, token in tokens.items()}


def variable_of(secret: str) -> str:
    """Return the container's variable for a secret's name: tmdb-key becomes KOMETA_TMDB_KEY."""
    return f"KOMETA_{secret.upper().replace('-', '_')}"


def _checked_secret(item: tuple[object, object]) -> tuple[str, SecretStr]:
    name, value = item
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]+([_-][a-z0-9]+)*", name):
        shown = (
            quoted(name)
            if isinstance(name, str) and len(name) <= 40
            else "one that is long or no text (not shown here)"
        )
        raise RefusalError(
            f"the name {shown}", "name a secret with small letters, digits and single - or _, such as plextoken"
        )
    if is_option(name) and variable_of(name) != TOKEN_OPTION:
        raise RefusalError(
            f"the name {name}, which is an option of Kometa ({variable_of(name)})", "choose another name for the secret"
        )
    return name, SecretStr(_secret_text(name, value))


def _without_gap(name: str, text: str) -> str:
    """Return a secret's text. Raise RefusalError for a token with white space: no service has such a one."""
    if IS_TOKEN.search(name) and re.search(r"\s", text):
        raise RefusalError(
            f"{name} with white space in its middle (value not shown)",
            "copy it again: no token has any; or have two values come to stand on one line?",
        )
    return text


def _secret_text(name: str, value: object) -> str:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        raise RefusalError(
            f"{name} with {kind(text)}", "give it a text; if it comes from the environment, is that variable set?"
        )
    if not text:
        raise RefusalError(
            f"{name} with an empty value", "give it its value; if it comes from the environment, is that variable set?"
        )
    # Kometa prints such a value in plain text, in the error about the header that it cannot send.
    if text != text.strip() or NO_TEXT.search(text):
        raise RefusalError(
            f"{name} with a line break, a control character, or a space at its start or end (value not shown)",
            "remove it, for example with .strip(): Kometa would print the whole value in its log",
        )
    return _without_gap(name, text)
