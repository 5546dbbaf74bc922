"""The files and units that a host gets for updating its images by itself. Pure.

The updates themselves are programs/installed/autodeploy.sh, which the host runs alone.
"""

from collections.abc import Mapping

from kometa_host.settings import repositories
from kometa_host.settings.variables import Settings
from kometa_host.state import programs
from kometa_host.state.filesets import WantedFile

SCRIPT = "mms-autodeploy"
TEMPLATE = "mms-autodeploy"  # in templates/units, with .service.j2 and .timer.j2
ALLOWED_SIGNERS = "allowed-signers"  # in the library directory
PATIENCE = 120  # seconds for a container to be healthy with its new image, as in a deploy
MAX_WAIT = 7200  # seconds to wait for the end of a run before the update is left for the next time


def unit_stem(settings: Settings) -> str:
    """Return the name of service and timer without their endings."""
    return f"mms-autodeploy-{settings.kometa_autodeploy_group}"


def fallback_unit_names(settings: Settings) -> dict[str, str]:
    """Return for each unit the name that it gets where somebody else's unit has its own."""
    stem = unit_stem(settings)
    return {f"{stem}.{kind}": f"{stem}-kometa.{kind}" for kind in ("service", "timer")}


def unit_templates(settings: Settings) -> dict[str, str]:
    """Return the names of the units for updates, and for each the template in templates/units that it is made from."""
    return {f"{unit_stem(settings)}.{kind}": f"{TEMPLATE}.{kind}.j2" for kind in ("service", "timer")}


def script(settings: Settings) -> str:
    """Return the text of the host's update program. It holds no secret."""
    return programs.installed(
        "autodeploy",
        source=settings.kometa_autodeploy_source,
        **_pull_variables(settings),
        group=settings.kometa_autodeploy_group,
        config_dir=settings.kometa_config_dir,
        timezone=settings.mms_timezone,
        library_dir=settings.library_dir,
        quadlet_dir=settings.quadlet_dir,
        network_quadlet=f"{settings.mms_network}.network",
        patience=PATIENCE,
        max_wait=MAX_WAIT,
    )


def _pull_variables(settings: Settings) -> dict[str, object]:
    """Return the variables of programs/lib/pull.sh, empty but in pull mode, which alone uses them."""
    wanted = {
        "repository": settings.kometa_autodeploy_repository,
        "branch": settings.kometa_autodeploy_branch,
        "unsigned": settings.kometa_autodeploy_unsigned,
        "inventory_host": settings.kometa_autodeploy_host,
    }
    return {name: value if settings.follows_git else "" for name, value in wanted.items()}


def library_files(settings: Settings) -> Mapping[str, WantedFile]:
    """Return what updates need in the library directory."""
    files = {SCRIPT: WantedFile.of(script(settings), 0o700)}
    if settings.follows_git:
        signers = repositories.allowed_signers(settings.kometa_autodeploy_signers)
        files[ALLOWED_SIGNERS] = WantedFile.of(signers, 0o600)
    return files
