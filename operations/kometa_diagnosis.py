"""What is wrong with a Kometa host."""

from datetime import UTC, datetime

from pyinfra import host

from facts.kometa import look_program
from kometa_host.errors import UserError
from kometa_host.reports import status
from kometa_host.reports.diagnosis import checks as diagnosis
from kometa_host.reports.diagnosis.check import Check, Host, has_problem
from kometa_host.state import answers, programs
from kometa_host.state.programs import Actor
from operations.engine import read_only, transport
from operations.engine.operation import settings
from operations.systemd import network_online_unreachable

PROBE = programs.path_of("ask_plex.py").read_text(encoding="utf-8")


@answers.sensible("itself")
def checks() -> list[Check]:
    """Look at the host, in one round trip, and return all checks. Raise UserError if it cannot be read."""
    known = settings()
    completed = transport.run(
        host, Actor.ROOT_IF_POSSIBLE, known.mms_user, look_program(known, thorough=True, probe=PROBE)
    )
    look = status.parse_look(answers.told_lines(completed.stdout))
    if not look.is_readable:
        raise UserError(f"the host could not be read: {completed.stderr.strip() or 'no answer'}")
    return diagnosis.diagnose(Host(known, look, datetime.now(UTC), network_online_unreachable(look.found)))


def diagnose(json: object = False) -> None:
    """Show what is wrong with the host; problems make pyinfra's exit status 1."""
    if not isinstance(json, bool):
        raise UserError(f"json is {json!r}; write json=true for one line of JSON a host.")

    def read() -> None:
        found = checks()
        read_only.show(diagnosis.as_json(host.name, found) if json else diagnosis.table(host.name, found))
        if has_problem(found):
            read_only.fail_quietly()

    read_only.read_only(read)
