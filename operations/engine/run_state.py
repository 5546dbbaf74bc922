"""What one run of pyinfra knows of a host, from its first look to the end of its connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pyinfra.api.host import Host
from pyinfra.api.state import StateStage

if TYPE_CHECKING:
    from kometa_host.archive.chain import Report
    from kometa_host.plans.destroy import Remains
    from kometa_host.plans.restore import Options
    from kometa_host.state.observed import Observed
    from operations.engine.archive_stream import Place
    from operations.engine.process import Process


@dataclass
class RunState:
    """What has been seen, is held, was typed and has been said already, for one host.

    observed, remains: with the stage of pyinfra's (looking for changes, or making them) in which they were read.
    openssh: the client's command line, empty where it cannot be used, None as long as that is not known.
    sudo_refused: why sudo let nobody become root: it is not asked again.
    verified: the reports of archives that were checked whole, so that a preview and the run after it check once.
    accepted: digest of the config tree and id of the image whose validator has accepted it.
    """

    observed: tuple[StateStage, Observed] | None = None
    remains: Remains | None = None
    lock: Process | None = None
    openssh: list[str] | None = None
    sudo_password: str | None = field(default=None, repr=False)
    sudo_refused: str = ""
    verified: dict[tuple[Place, Options], Report] = field(default_factory=dict)
    accepted: tuple[str, str] | None = None
    said: set[str] = field(default_factory=set)

    def says_first(self, what: str) -> bool:
        """Return whether this is the first time that it is said: pyinfra goes through each operation twice."""
        if what in self.said:
            return False
        self.said.add(what)
        return True


_of_hosts: WeakKeyDictionary[Host, RunState] = WeakKeyDictionary()


def run_state(host: Host) -> RunState:
    """Return what this run knows of a host."""
    return _of_hosts.setdefault(host, RunState())
