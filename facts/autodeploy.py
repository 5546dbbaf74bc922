"""Reading what the image updates of a host did."""

from collections.abc import Iterable

from pyinfra.api import FactBase

from facts import state_file
from facts.sensible import sensible
from kometa_host.plans.autodeploy import HISTORY, Event, parse_history
from kometa_host.state import programs


class History(FactBase[list[Event]]):
    """Return what the updates did to each container, newest first.

        [Event(time=datetime(2026, 11, 22, 7, 0, tzinfo=UTC), group="interactive", container="kometa",
               image="lscr.io/linuxserver/kometa:latest", event="updated", previous="804d...", new="1c2f...",
               why="runs 2.4.5 now, healthy; before, it was 2.4.4")]

    Empty where there was none yet.

        pyinfra inventory.py fact facts.autodeploy.History
    """

    default = list

    def command(self) -> str:
        """Read the file, as the account."""
        return state_file.command(HISTORY)

    @sensible
    def process(self, output: Iterable[str]) -> list[Event]:
        """Decode the lines."""
        return parse_history(programs.answer(output))
