"""Whether the running container is what it shall be, and what to do if not. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from zoneinfo import ZoneInfo

from kometa_host.settings.variables import Settings
from kometa_host.state import backup_files
from kometa_host.state.desired import INPUTS_LABEL
from kometa_host.state.filesets import Changes
from kometa_host.state.observed import Container, Observed

CONTAINER = "kometa"
UNIT = "kometa.service"
QUADLET = "kometa.container"


class Step(Enum):
    """What is to be done with the service."""

    NOTHING = "nothing"
    START = "start"
    RESTART = "restart"
    POSTPONE = "postpone"


@dataclass(frozen=True)
class Decision:
    """A step and the reason for it, in the user's words."""

    step: Step
    why: str


@dataclass(frozen=True)
class Pending:
    """What the operations before this one are about to change."""

    quadlets: Changes
    network: bool
    secrets: bool


def decide(settings: Settings, found: Observed, inputs: str, pending: Pending) -> Decision:
    """Given what is wanted, what runs and what is about to change, return what to do with the service."""
    container = found.containers.get(CONTAINER)
    if container is None or container.state not in ("running", "paused"):
        return Decision(Step.START, "it does not run")
    unit = found.units.get(UNIT)
    is_active = unit is not None and unit.active == "active"
    why = _outdated(settings, found, container, inputs, pending) if is_active else "its container runs without its unit"
    if why is None:
        return Decision(Step.NOTHING, "it runs as wanted")
    if found.run_started and settings.kometa_restart == "when-idle":
        return Decision(Step.POSTPONE, f"{why}, but {run_in_progress(settings, found.run_started)}")
    return Decision(Step.RESTART if is_active else Step.START, why)


def _outdated(settings: Settings, found: Observed, container: Container, inputs: str, pending: Pending) -> str | None:
    # One that is not wanted any more is nothing to the container that it was made for.
    wanted = [secret for name, secret in found.secrets.items() if name in settings.kometa_secrets]
    written = max((secret.updated for secret in wanted), default=0)
    reasons = {
        "its Quadlet has changed": QUADLET in pending.quadlets.files or container.labels.get(INPUTS_LABEL) != inputs,
        "its Quadlet is newer than the container": found.quadlet_times.get(QUADLET, 0) > container.started + 1,
        "its image is newer than the container": found.image_id not in (None, container.image_id),
        "its secrets have changed": pending.secrets or written > container.started + 1,
        "its network is recreated": pending.network,
        "it is frozen": container.state == "paused" and not _backup_runs(found),
        "Kometa is not alive in it": not found.text("kometa-alive"),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _backup_runs(found: Observed) -> bool:
    # It freezes the container and thaws it itself; the lock makes a change wait for that.
    unit = found.units.get(backup_files.SERVICE)
    states = {unit.active if unit else "", found.text("backup-state")}
    return not states.isdisjoint(("activating", "deactivating"))


def run_in_progress(settings: Settings, started: datetime) -> str:
    """Return the sentence that says since when Kometa is at work."""
    since = started.astimezone(ZoneInfo(settings.mms_timezone))
    return f"a run is in progress since {since:%H:%M}"
