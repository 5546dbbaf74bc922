"""Reading what Podman's user namespace makes of files."""

from collections.abc import Iterable
from shlex import quote

from pyinfra.api import FactBase

from kometa_host.state import programs
from kometa_host.state.observed import ForeignOwned, parse_foreign_owned


class Ownership(FactBase[ForeignOwned]):
    """Return which entries below a path belong to others than uid:gid, as the account's user namespace shows ids.

        ForeignOwned(count=2, first=("0:0 config.yml", "911:911 logs"))

    Run as the account itself; one pass, whatever the size of the tree.
    """

    def command(self, path: str, uid: int, gid: int) -> str:
        """Look through the path."""
        return f"bash -c {quote(programs.program('foreign_owned', path=path, uid=uid, gid=gid))}"

    def process(self, output: Iterable[str]) -> ForeignOwned:
        """Count and name what was found."""
        return parse_foreign_owned("\n".join(output))
