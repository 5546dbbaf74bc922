"""What looks like a secret in any text: credentials in URLs, tokens, keys. Pure; Python 3.9 runs this on hosts."""

from __future__ import annotations

import re
from collections.abc import Collection

MASK = "(hidden)"
JSON_WEB_TOKEN = re.compile(r"(?<![\w-])eyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?")
LONG_HEX = re.compile(r"(?<![\w-])(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})(?![\w-])")
URL_CREDENTIALS = re.compile(r"(?<=://)(?!<<)[^\s/@'\"]+(?=@)")
URL_SECRET = re.compile(
    r"(?i)(?<=[?&])((?:x-plex-token|api[_-]?key|access_token|token|password|secret)=)(?!<<)[^&\s\"'#]+"
)
HOOK_URL = re.compile(r"(https?://(?:discord(?:app)?\.com/api/webhooks|hooks\.slack\.com/services)/)[^\s\"'<]+")


def masked(text: str, known_secrets: Collection[str] = ()) -> str:
    """Return the text with a mask in place of the known secrets and of what looks like one."""
    for secret in sorted(known_secrets, key=len, reverse=True):
        text = text.replace(secret, MASK) if secret.strip() else text
    text = URL_SECRET.sub(rf"\1{MASK}", HOOK_URL.sub(rf"\1{MASK}", URL_CREDENTIALS.sub(MASK, text)))
    return LONG_HEX.sub(MASK, JSON_WEB_TOKEN.sub(MASK, text))
