"""What a check is, what it decides on, and the words for its answers."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any

from kometa_host.config_tree import yaml12
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.errors import UserError
from kometa_host.plans.service import CONTAINER
from kometa_host.reports.status import Look
from kometa_host.settings.variables import Settings
from kometa_host.state import answers
from kometa_host.state.observed import Told

DEPLOY = "pyinfra inventory.py deploy.py"
RESTART = "systemctl --user restart kometa   (as the account; it ends a run in progress)"
LOG = "journalctl --user -u kometa --since today"


class State(Enum):
    """What a check has found."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "not checked"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was found, in a problem why it is one, and the command that mends it."""

    name: str
    state: State
    found: str
    cause: str = ""
    mend: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the check as what JSON can hold."""
        return {**asdict(self), "state": self.state.value}

    @classmethod
    def from_json(cls, told: Mapping[str, str]) -> "Check":
        """Return the check that to_json told."""
        return cls(**{**told, "state": State(told["state"])})  # type: ignore[arg-type]


def _unpacked(told: Told, name: str) -> str:
    packed = told.values.get(name)
    return answers.inflated(packed).decode("utf-8", "replace") if packed else ""


@dataclass(frozen=True)
class Host:
    """All that the checks decide on. now is the controller's clock; network_online_unreachable: starts wait in vain."""

    settings: Settings
    look: Look
    now: datetime
    network_online_unreachable: bool = False

    def text(self, name: str) -> str:
        """Return what the diagnosis itself was told under a name."""
        return self.look.found.text(name)

    @cached_property
    def log(self) -> str:
        """What the service has said since its last start."""
        return _unpacked(self.look.found, "recent-log")

    @property
    def has_journal(self) -> bool:
        """Whether the account can read its own journal."""
        return bool(self.text("journal"))

    @cached_property
    def service_messages(self) -> str:
        """What was said when the service started or failed to, as far as anybody who connected can read it."""
        return self.log if self.has_journal else f"{self.log}\n{_unpacked(self.look.found.host, 'journal-of-root')}"

    @property
    def runs_now(self) -> bool:
        """Whether the container is up."""
        container = self.look.found.containers.get(CONTAINER)
        return container is not None and container.state == "running"

    @cached_property
    def plex(self) -> Mapping[str, Any]:
        """What Plex answered to Kometa's container; empty where it could not be asked."""
        try:
            answered = json.loads(self.text("plex") or "{}")
        except (ValueError, RecursionError):
            return {}
        whole = isinstance(answered, dict) and isinstance(answered.get("url"), str) and "identity" in answered
        return answered if whole else {}

    @cached_property
    def config(self) -> Mapping[Any, Any]:
        """The value of config.yml on the host, empty if it cannot be read."""
        try:
            value = yaml12.load(self.text("config-text"), CONFIG).value
        except UserError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def plex_section(self) -> Mapping[Any, Any]:
        """The section plex of config.yml on the host, empty if there is none."""
        section = self.config.get("plex")
        return section if isinstance(section, dict) else {}


Answer = Check | tuple[State, str] | tuple[State, str, str, str]


def has_problem(checks: Iterable[Check]) -> bool:
    """Return whether any check has found a problem."""
    return any(check.state is State.PROBLEM for check in checks)


def ok(found: str) -> Answer:
    """Return that all is well."""
    return State.OK, found


def problem(found: str, cause: str, mend: str) -> Answer:
    """Return a problem."""
    return State.PROBLEM, found, cause, mend


def warning(found: str, cause: str, mend: str) -> Answer:
    """Return what is no problem yet, or not surely one."""
    return State.WARNING, found, cause, mend


def unknown(why: str) -> Answer:
    """Return that a check was not possible."""
    return State.UNKNOWN, why


def last_error(host: Host) -> str:
    """Return the last line of the service's log that tells of an error, or where its log is."""
    lines = [line.strip() for line in host.service_messages.splitlines() if re.search(r"[Ee]rror|fatal", line)]
    if lines:
        return lines[-1][:300]
    if host.has_journal:
        return "its log says no more"
    return f"{host.settings.mms_user} cannot read its journal; root can: journalctl _SYSTEMD_USER_UNIT=kometa.service"
