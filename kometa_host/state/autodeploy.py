"""Image updates that the host makes by itself: what it gets for them, and what it tells of them. Pure.

The updates themselves are programs/installed/autodeploy.sh, which the host runs alone.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kometa_host.settings import repositories
from kometa_host.settings.variables import Settings
from kometa_host.state import programs
from kometa_host.state.filesets import WantedFile
from kometa_host.state.observed import Observed

SCRIPT = "mms-autodeploy"
TEMPLATE = "mms-autodeploy"  # in templates/units, with .service.j2 and .timer.j2
HISTORY = "autodeploy/history.jsonl"  # in the state directory
ALLOWED_SIGNERS = "allowed-signers"  # in the library directory
PATIENCE = 120  # seconds for a container to be healthy with its new image, as in a deploy
LONGEST_WAIT = 7200  # seconds to wait for the end of a run before the update is left for the next time


def unit_stem(settings: Settings) -> str:
    """Return the name of service and timer without their endings."""
    return f"mms-autodeploy-{settings.kometa_autodeploy_group}"


def evasive_names(settings: Settings) -> dict[str, str]:
    """Return for each unit the name that it gets where somebody else's unit has its own."""
    stem = unit_stem(settings)
    return {f"{stem}.{kind}": f"{stem}-kometa.{kind}" for kind in ("service", "timer")}


def names_taken(settings: Settings, found: Observed) -> bool:
    """Return whether somebody else's service or timer has one of the names; then both units get others."""
    return any(f"{settings.user_unit_dir}/{name}" in found.foreign for name in evasive_names(settings))


def service_of(settings: Settings, found: Observed) -> str:
    """Return the name of the service that updates the group on this host."""
    own = f"{unit_stem(settings)}.service"
    return evasive_names(settings)[own] if names_taken(settings, found) else own


def unit_templates(settings: Settings) -> dict[str, str]:
    """Return the names of the units for updates, and for each the template in templates/units that it is made from."""
    return {f"{unit_stem(settings)}.{kind}": f"{TEMPLATE}.{kind}.j2" for kind in ("service", "timer")}


def script(settings: Settings) -> str:
    """Return the text of the host's update program. It holds no secret."""
    return programs.installed(
        "common",
        "lock",
        "service",
        "notify",
        *(["pull"] if settings.follows_git else []),
        "autodeploy",
        source=settings.kometa_autodeploy_source,
        **(_pull_variables(settings) if settings.follows_git else {}),
        group=settings.kometa_autodeploy_group,
        config_dir=settings.kometa_config_dir,
        timezone=settings.mms_timezone,
        library_dir=settings.library_dir,
        quadlet_dir=settings.quadlet_dir,
        network_quadlet=f"{settings.mms_network}.network",
        patience=PATIENCE,
        max_wait=LONGEST_WAIT,
    )


def _pull_variables(settings: Settings) -> dict[str, object]:
    return {
        "repository": settings.kometa_autodeploy_repository,
        "branch": settings.kometa_autodeploy_branch,
        "unsigned": settings.kometa_autodeploy_unsigned,
        "inventory_host": settings.kometa_autodeploy_host,
    }


def library_files(settings: Settings) -> Mapping[str, WantedFile]:
    """Return what updates need in the library directory."""
    files = {SCRIPT: WantedFile.of(script(settings), 0o700)}
    if settings.follows_git:
        signers = repositories.allowed_signers(settings.kometa_autodeploy_signers)
        files[ALLOWED_SIGNERS] = WantedFile.of(signers, 0o600)
    return files


@dataclass(frozen=True)
class Event:
    """One thing that an update did to one container, or to the host as its git repository wants it.

    event: updated, current (nothing newer), postponed (a run was in progress), skipped (known as bad), pinned (left
    alone), rolled-back (the new image was bad, the former one runs again) or failed. former, new: ids of the images.
    For a repository container is `git`, image its URL and branch, former and new are commits.
    """

    time: datetime
    group: str
    container: str
    image: str
    event: str
    former: str
    new: str
    why: str

    @property
    def is_failure(self) -> bool:
        """Whether somebody should look at it."""
        return self.event in ("rolled-back", "failed")

    def to_json(self) -> dict[str, object]:
        """Return what `pyinfra fact` prints."""
        return dict(vars(self))


def parse_history(lines: Iterable[str]) -> list[Event]:
    """Given the lines of the history, an object each, return its events, newest first; what is cut off is left out."""
    events = [event for line in reversed(list(lines)) if (event := _event(line)) is not None]
    return sorted(events, key=lambda event: event.time, reverse=True)


def _event(line: str) -> Event | None:
    try:
        found = json.loads(line)
        values = {name: str(found[name]) for name in Event.__dataclass_fields__ if name != "time"}
        return Event(time=datetime.fromisoformat(found["time"]), **values)
    except (ValueError, KeyError, TypeError):
        return None
