"""What a deploy tells the watcher: settings, and addresses to send to. Pure; Python 3.9 runs it on hosts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

# In the library directory.
FILE = "watch.json"
ADDRESSES = "notify.yml"  # private; apprise reads it itself, and goes by the ending of its name
PING_URL = "notify-url"  # private

BACKUP, UPDATE = "the backup", "the update"  # what the units do, in the words in which it is told


@dataclass(frozen=True)
class WatchConfig:
    """The settings of a host that the watcher goes by; there is no secret in them.

    times: HH:MM in timezone. run_limit: hours. grace: minutes that a run may begin late. services: for each address of
    kometa_notify what kind it is. units: those whose jobs are told of, by what they do. backup_dir: where
    archives are; metrics_dir: where what Prometheus reads goes; empty where there are none.
    """

    library_dir: str
    state_dir: str
    config_dir: str
    timezone: str
    times: tuple[str, ...]
    run_limit: int
    grace: int
    services: tuple[str, ...]
    notify_on: tuple[str, ...]
    units: Mapping[str, str]
    backup_dir: str = ""
    metrics_dir: str = ""

    def to_json(self) -> str:
        """Return the content of the file."""
        return json.dumps(asdict(self), indent=1) + "\n"


def parse(text: str) -> WatchConfig:
    """Given the content of the file, return what it says. Raise ValueError if it is none."""
    try:
        found: Mapping[str, Any] = json.loads(text)
        lists = {name: tuple(found[name]) for name in ("times", "services", "notify_on")}
        return WatchConfig(**{**found, **lists})
    except (KeyError, TypeError) as error:
        raise ValueError(f"{FILE} is not as a deploy writes it ({type(error).__name__}); deploy again") from None


def addresses_text(addresses: Iterable[str]) -> str:
    """Return the file that tells apprise its addresses, each with a tag of its own: JSON, which is YAML too."""
    urls = [{address: [{"tag": tag(place)}]} for place, address in enumerate(addresses, 1)]
    return json.dumps({"version": 1, "urls": urls}, indent=1) + "\n"


def tag(place: int) -> str:
    """Return the tag of an address; they are counted from 1."""
    return f"service{place}"


def digest(addresses: str, ping_url: str) -> str:
    """Return what tells the texts of both files of addresses from any other; empty where there is no address."""
    text = f"{addresses}\0{ping_url}" if addresses or ping_url else ""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""
