"""Reading what Podman's user namespace makes of files."""

from collections.abc import Iterable

from pyinfra import host
from pyinfra.api import FactBase

from facts.sensible import sensible
from kometa_host.controller.preflight import settings_of
from kometa_host.state import programs
from kometa_host.state.observed import ForeignOwned, parse_foreign_owned
from kometa_host.state.programs import Actor


class Ownership(FactBase[ForeignOwned]):
    """Return which entries below a path belong to others than uid:gid, as the account's user namespace shows ids.

        ForeignOwned(count=2, first=("0:0 config.yml", "911:911 logs"))

    One pass, whatever the size of the tree.
    """

    def command(self, path: str, uid: int, gid: int) -> str:
        """Look through the path."""
        script = programs.program("foreign_owned", path=path, uid=uid, gid=gid)
        return programs.command_line(Actor.ACCOUNT, settings_of(host).mms_user, script)

    @sensible
    def process(self, output: Iterable[str]) -> ForeignOwned:
        """Count and name what was found."""
        return parse_foreign_owned("\n".join(programs.answer(output)))
