"""Reading a file that the host's own programs write: the state directory of the account."""

from pyinfra import host

from kometa_host.controller.preflight import settings_of
from kometa_host.state import programs
from kometa_host.state.programs import Actor


def command(name: str) -> str:
    """Return the command of a fact that reads a file of the state directory, as the account."""
    known = settings_of(host)
    script = programs.program("state_file", path=f"{known.state_dir}/{name}")
    return programs.command_line(Actor.ACCOUNT, known.mms_user, script)
