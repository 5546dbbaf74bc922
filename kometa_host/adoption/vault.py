"""The names of secrets that are lifted out of a configuration: readable, and one for each value. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from kometa_host.config_tree.yaml12 import KeyPath
from kometa_host.settings.kometa_options import OPTIONS

NOT_IN_NAMES = ("libraries", "authorization", "settings")


class Vault:
    """Secrets by name. A value that is known already keeps its name, a name that is taken is made longer."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.secrets = dict(known)

    def name_for(self, path: KeyPath, value: str) -> str:
        """Keep the value that stands at a path, and return the name under which it is kept."""
        known = next((name for name, held in self.secrets.items() if held == value), None)
        if known:
            return known
        name = next(name for name in _names(path) if name not in self.secrets and name not in OPTIONS)
        self.secrets[name] = value
        return name


def _names(path: KeyPath) -> Sequence[str]:
    """Return names for what stands at a path, the shortest first: radarrtoken, movies-radarrtoken, and with numbers."""
    words = [_plain(key) for key in path if isinstance(key, str) and key not in NOT_IN_NAMES]
    short = "".join(words[-2:]).replace("-", "") or "secret"
    around = [word for word in words[:-2] if word]
    longer = "-".join([*around, short])
    return [short, longer, *(f"{longer}-{number}" for number in range(2, 1000))]


def _plain(key: str) -> str:
    """Return a key as part of a secret's name: small letters and digits with single - between them."""
    decomposed = unicodedata.normalize("NFKD", key).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", decomposed.lower()).strip("-")
