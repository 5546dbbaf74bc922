"""The composite read: all that a deploy has to know of a host, in one command."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from pyinfra import host
from pyinfra.api import FactBase

from facts.sensible import sensible
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.controller.preflight import settings_of
from kometa_host.plans import packages as packages_plan
from kometa_host.plans import schedules, takeover
from kometa_host.settings.variables import Settings
from kometa_host.state import container_shape, observed, programs
from kometa_host.state.desired import units_of_interest, wanted_sets
from kometa_host.state.filesets import FileSet
from kometa_host.state.observed import Observed
from kometa_host.state.programs import Actor


def read_program(settings: Settings, sets: Sequence[FileSet] | None = None) -> str:
    """Return the bash program that reads a host with these settings, and these sets of files in place of the wanted."""
    return host_program(settings, account_program(settings, sets))


def host_program(settings: Settings, of_account: str, name: str = "observe") -> str:
    """Return the program that reads the host, as root where that can be, and lets the account tell of itself.

    + of_account: the account's program
    + name: a program that reads more of the host
    """
    calendars = schedules.calendars(settings)
    return programs.program(
        name,
        call="",
        account_program=of_account,
        account=settings.mms_user,
        account_uid=settings.mms_uid,
        account_gid=settings.mms_gid,
        commands=packages_plan.needed(settings),
        places=_places(settings),
        system_units=takeover.system_unit_paths(settings),
        calendar_names=list(calendars),
        calendars=list(calendars.values()),
    )


def account_program(
    settings: Settings, sets: Sequence[FileSet] | None = None, name: str = "observe_account", **more: object
) -> str:
    """Return the program with which the account tells what it has of Kometa.

    + name: a program that reads more, and `more`, what it needs besides
    """
    sets = wanted_sets(settings) if sets is None else sets
    return programs.program(
        name,
        call="",
        units=units_of_interest(settings),
        image=settings.kometa_image,
        network=settings.mms_network,
        quadlet_dir=settings.quadlet_dir,
        config_dir=settings.kometa_config_dir,
        backup_dir=settings.kometa_backup_dir if settings.archives_enabled else "",
        backup_mount=settings.kometa_backup_mount,
        backup_place=settings.kometa_backup_dir,
        volume_sources=container_shape.volume_sources(settings),
        claimed=takeover.claimed_paths(settings),
        linked=[settings.home, settings.kometa_config_dir],
        places=_places(settings),
        owner_uid=settings.kometa_puid,
        owner_gid=settings.kometa_pgid,
        timezone=settings.mms_timezone,
        set_names=[wanted.name for wanted in sets],
        set_roots=[wanted.root for wanted in sets],
        set_digests=[wanted.digest for wanted in sets],
        set_texts=[CONFIG if wanted.name == "config" else "" for wanted in sets],
        **more,
    )


def _places(settings: Settings) -> list[str]:
    return [settings.home, str(PurePosixPath(settings.kometa_config_dir).parent)]


class HostState(FactBase[Observed]):
    """Return the state of a host as kometa_host.state.observed.Observed."""

    def command(self) -> str:
        """Read with the rights that the connection has."""
        known = settings_of(host)
        return programs.command_line(Actor.ROOT_IF_POSSIBLE, known.mms_user, read_program(known))

    @sensible
    def process(self, output: Iterable[str]) -> Observed:
        """Decode what was read; a host that could not be read tells nothing."""
        return observed.parse(programs.answer(output)) or Observed({})
