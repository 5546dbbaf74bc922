"""The variables for messages: kometa_notify, kometa_notify_on and kometa_notify_url. No error repeats an address."""

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from kometa_host.settings.names import DEFAULT_PORTS
from kometa_host.settings.refusals import RefusalError, every, listed, quoted, text_of
from kometa_host.settings.secret import SecretStr
from kometa_host.settings.urls import parts_of

if TYPE_CHECKING:
    from kometa_host.settings.variables import Settings

UNKNOWN = "unknown"
TOPICS = ("failure", "success", "update", "drift")
ADDRESS = (
    "write addresses as Apprise takes them, such as ntfys://ntfy.sh/<<ntfytopic>> or discord://<<discordwebhook>>; "
    "<<name>> stands for a value of the secrets file"
)
PLACEHOLDER = re.compile(r"<<([^<>\s]+)>>")
MAX_ADDRESSES = 20
SECRET_PATH = 8  # characters of a path that may be a password
PING = "write the http:// or https:// URL of a check at Healthchecks or a service like it, or None for no pings"

# What a chat service's own URL looks like, and the line to write in kometa_notify instead.
CHATS = (
    (r"https?://(?:[\w-]+\.)*discord(?:app)?\.com/", "Discord", "discord://<<discordwebhook>>"),
    (r"https?://hooks\.slack\.com/", "Slack", "slack://<<slackwebhook>>"),
    (r"https?://api\.telegram\.org/", "Telegram", "tgram://<<telegramtoken>>/<<telegramchat>>"),
    (r"https?://(?:[\w.-]+\.)?ntfy\.[\w.-]+(?::\d+)?/", "ntfy", "ntfys://{host}/<<ntfytopic>>"),
    (r"https?://[^/?#]+(?:/[^?#]*)?/message\?(?:.*&)?token=", "Gotify", "gotifys://{host}/<<gotifytoken>>"),
    (r"https?://(?:[\w.-]+\.)?gotify\.[\w.-]+(?::\d+)?/", "Gotify", "gotifys://{host}/<<gotifytoken>>"),
    (r"https?://api\.pushover\.net/", "Pushover", "pover://<<pushoveruser>>@<<pushovertoken>>"),
    (r"https?://(?:[\w-]+\.)*webhook\.office\.com/", "Microsoft Teams", "workflows://..., see Apprise's own pages"),
)


class Address(SecretStr):
    """An address for Apprise. secrets: the names of those in it."""

    __slots__ = ("secrets",)

    def __init__(self, value: str, secrets: Collection[str] = ()) -> None:
        super().__init__(value)
        self.secrets = frozenset(secrets)


def checked_notify(
    value: object, secrets: Mapping[str, SecretStr] | None, are_more: bool = False
) -> tuple[Address, ...]:
    """Return addresses for Apprise, with the values of the secrets in place of their names.

    secrets: None where they are not known, because something is wrong with them; are_more: nor are others. In place of
    one that is not known stands a word.
    """
    if value is None or value == "":
        return ()
    addresses = every(lambda item: _address(item, secrets, are_more), listed(value))
    if len(addresses) > MAX_ADDRESSES:
        raise RefusalError(f"{len(addresses)} addresses", f"name {MAX_ADDRESSES} at most")
    return tuple(addresses)


def _address(value: object, secrets: Mapping[str, SecretStr] | None, are_more: bool) -> Address:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str) or not text.isprintable() or not text.strip():
        raise RefusalError("an entry that is no address (not shown here)", ADDRESS)
    address = _with_secrets(text.strip(), secrets, are_more)
    if not re.match(r"[a-zA-Z][a-zA-Z0-9+]{1,29}://[^\s/]", address) or re.search(r"\s", address):
        raise RefusalError("an entry that is no address with kind:// in front (not shown here)", ADDRESS)
    return Address(address, PLACEHOLDER.findall(text))


def _with_secrets(address: str, secrets: Mapping[str, SecretStr] | None, are_more: bool) -> str:
    """Return an address with its secrets in it: alone as they are, else as they are written within an address."""

    def value(found: re.Match[str]) -> str:
        if secrets is None or (are_more and found[1] not in secrets):
            return f"{UNKNOWN}://{UNKNOWN}" if found[0] == address else UNKNOWN
        if found[1] not in secrets:
            raise RefusalError(f"<<{found[1]}>>, a secret that there is not", f"add {found[1]} with make secrets-edit")
        text = secrets[found[1]].get_secret_value()
        is_whole = found[0] == address
        in_front_of_host = re.match(r"[^/]*@", address[found.end() :])
        return text if is_whole else quote(text, safe="" if in_front_of_host else "/")

    return PLACEHOLDER.sub(value, address)


def checked_notify_on(value: object) -> tuple[str, ...]:
    """Return what is told, in the order of TOPICS."""
    remedy = f"write a list of {', '.join(TOPICS)}"
    found = listed(value) if value is not None else []
    for item in found:
        if item not in TOPICS:
            raise RefusalError(quoted(item), remedy)
    return tuple(topic for topic in TOPICS if topic in found)


def checked_notify_url(value: object) -> str | None:
    """Given an http(s) URL to ping, or None, return it. It is never repeated, since its path often is the password."""
    if value is None or value == "":
        return None
    url = text_of(value, PING).strip() if isinstance(value, str) and value.isprintable() else ""
    refuse_chat(url)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\"'\\<>`{}|^]", url):
        raise RefusalError("something that is no http:// or https:// URL (not shown here)", PING)
    return url


def warnings(settings: "Settings") -> list[str]:
    """Return what is odd about the addresses of messages."""
    parts = parts_of(settings.kometa_notify_url or "")
    is_secret = len(parts.path.strip("/")) >= SECRET_PATH or bool(parts.query or parts.password)
    if parts.scheme != "http" or not is_secret or parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return []
    return [
        f"kometa_notify_url is an http:// URL of {parts.hostname}: its path, which often is its password, crosses the "
        "network for all to read; write https:// if the service has it"
    ]


def refuse_chat(url: str) -> None:
    """Raise RefusalError for a chat service's URL: a ping of it would send nothing that anybody reads."""
    plain = re.sub(r"^(https?://)[^/?#]*@", r"\1", url)  # without a password, which can look like a host
    for pattern, name, line in CHATS:
        if re.match(pattern, plain, re.IGNORECASE):
            host = plain.split("/")[2]
            raise RefusalError(
                f"a URL of {name} (not shown here), which takes messages and no pings",
                f'write kometa_notify = ["{line.format(host=host)}"] instead, its secret parts with make secrets-edit',
            )
    if url and "://" in url and not url.lower().startswith(("http://", "https://")):
        raise RefusalError("an address of Apprise's kind (not shown here)", "write it in kometa_notify instead")
