"""What all operations share: one look at the host, changes under one lock, and refusals instead of tracebacks."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from pyinfra import host, logger
from pyinfra.api import operation
from pyinfra.api.arguments_typed import PyinfraOperation
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.output import format_text
from pyinfra.api.state import State
from pyinfra_cli.exceptions import CliError  # type: ignore[import-untyped]

from facts.host import read_program
from kometa_host.controller.preflight import settings_of
from kometa_host.errors import UserError
from kometa_host.settings.variables import Settings
from kometa_host.state import answers, observed, programs
from kometa_host.state.filesets import FileSet
from kometa_host.state.observed import Observed
from kometa_host.state.programs import Actor
from operations.engine import transport
from operations.engine.lock import hold_lock
from operations.engine.process import MAX_CHANGE
from operations.engine.run_state import run_state
from operations.engine.standstill import given_up_when_still
from operations.engine.transport import Completed

P = ParamSpec("P")
T = TypeVar("T")
Commands = Generator[PyinfraCommand, None, None]


def settings() -> Settings:
    """Return the settings of the host that is being worked on."""
    return settings_of(host)


def observe() -> Observed:
    """Return the state of the host at the beginning of this stage. Raise UserError if it cannot be read.

    Every operation of a run decides on this one look, so that a preview and the run after it decide alike; what a
    change has brought about is seen by `look_again`.
    """
    known, stage = run_state(host), host.state.current_stage
    if known.observed is None or known.observed[0] is not stage:
        known.observed = (stage, look_again())
    return known.observed[1]


def observe_again() -> Observed:
    """Return the state of the host as it is now, on which the rest of this stage decides."""
    run_state(host).observed = None
    return observe()


def look_again(sets: Sequence[FileSet] | None = None) -> Observed:
    """Return the state of the host as it is now. Raise UserError if it cannot be read.

    + sets: the sets of files to look at, None for the wanted ones
    """
    known = settings()
    completed = transport.run(host, Actor.ROOT_IF_POSSIBLE, known.mms_user, read_program(known, sets))
    return _insist(observed.parse(_lines(completed)), completed)


def told(completed: Completed) -> Observed:
    """Return what a reading program of the account's told. Raise UserError if it did not come to its end."""
    return Observed(_insist(observed.parse_told(_lines(completed)), completed))


def _lines(completed: Completed) -> list[str]:
    return answers.told_lines(completed.stdout)


def _insist(found: T | None, completed: Completed) -> T:
    if found is None:
        raise UserError(f"the host could not be read: {completed.stderr.strip() or 'no answer'}")
    return found


def ask(program: str, /, call: str = "", data: bytes = b"", **variables: object) -> Completed:
    """Run a program as the account, which only reads, or a call of a library, and return what it left."""
    script = programs.program(program, call=call, **variables)
    return transport.run(host, Actor.ACCOUNT, settings().mms_user, script, data)


@dataclass
class Change(PyinfraCommand):
    """A bash program that changes the host, with binary data as its input. What it says goes to the user at once.

    locked: it is run under the host's lock, which `host_operation` takes before.
    patience: seconds, after which the host is given up; and long before if nothing moves there any more.
    """

    what: str
    script: str
    actor: Actor = Actor.ACCOUNT
    data: bytes | Iterable[bytes] = field(default=b"", repr=False)
    locked: bool = True
    patience: float = MAX_CHANGE

    def __post_init__(self) -> None:
        super().__init__()

    def __repr__(self) -> str:
        return f"Change({self.what})"

    def execute(self, state: State, host: Host, connector_arguments: Any) -> bool:
        """Run the program; return whether it succeeded."""
        account = settings_of(host).mms_user
        try:
            completed = transport.run(
                host, self.actor, account, self.script, self.data, host.log, self.patience, given_up_when_still
            )
        except UserError as error:
            return _say_failure(host, str(error))
        if completed.status:
            return _say_failure(host, f"{self.what} failed" + ("" if completed.stderr else f" ({completed.status})"))
        return True


@dataclass
class Refusal(PyinfraCommand):
    """Fails the operation with a message, after a change was found impossible."""

    message: str

    def __post_init__(self) -> None:
        super().__init__()

    def execute(self, state: State, host: Host, connector_arguments: Any) -> bool:
        """Say the message and fail."""
        return _say_failure(host, self.message)


def _say_failure(of: Host, message: str) -> bool:
    for line in message.splitlines():
        of.log(format_text(line, "red"), log_func=logger.error)
    return False


def host_operation(function: Callable[P, Commands]) -> PyinfraOperation[P]:
    """Make a generator of commands a pyinfra operation whose refusals fail its host alone, without a traceback."""

    @operation()
    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Commands:
        if host in host.state.failed_hosts:
            return
        try:
            yield from _decided_under_lock(lambda: function(*args, **kwargs))
        except UserError as error:
            yield from _refuse(str(error))

    return guarded


def _decided_under_lock(decide: Callable[[], Commands]) -> Commands:
    """Yield the commands of an operation; where the lock had to be waited for, decide again on a fresh look."""
    for command in decide():
        wants_lock = isinstance(command, Change) and command.locked and host.state.is_executing
        if wants_lock and hold_lock(host, settings().mms_user):
            yield from decide()
            return
        yield command


class NoHostLeftError(CliError, PyinfraError):  # type: ignore[misc]
    """The end of a run in which every host has refused.

    As one of pyinfra's own errors it passes a deploy's file without a traceback; as one of its command line's it is
    said without the line of ours from which it came.
    """


def _refuse(message: str) -> Commands:
    if host.state.is_executing:
        yield Refusal(message)
        return
    # While changes are only looked for, a command would count as one.
    _say_failure(host, message)
    try:
        host.state.fail_hosts({host})  # type: ignore[no-untyped-call]
    except PyinfraError as error:
        raise NoHostLeftError(str(error)) from None


def account_change(
    what: str, program: str, /, call: str = "", data: bytes | Iterable[bytes] = b"", **variables: object
) -> Change:
    """Return a change that the account makes: a program, or a call of a library, with these variables."""
    return Change(what, programs.program(program, call=call, **variables), Actor.ACCOUNT, data)


def root_change(what: str, program: str, /, **variables: object) -> Change:
    """Return a change that root makes: a program with these variables.

    What the account says is never among them: root acts on what root alone can write.
    """
    return Change(what, programs.program(program, call="", **variables), Actor.ROOT, locked=False)


def left_to_root(found: Observed, what: str) -> bool:
    """Return whether the connection is the account's own and can therefore not do what needs root; then say so.

    For what Kometa can do without; `needs_root` is for the rest.
    """
    lacking = found.host.text("connected-as") == settings().mms_user
    if lacking:
        host.log(
            f"left undone: {what} needs root; connect once as root or as somebody who may use sudo", logger.warning
        )
    return lacking


def needs_root(found: Observed, what: str) -> None:
    """Raise UserError if the connection is the account's own and can therefore not do what needs root."""
    if found.host.text("connected-as") == settings().mms_user:
        raise UserError(
            f"{what} needs root, and the connection is {settings().mms_user}'s own: "
            "connect once as root or as somebody who may use sudo (ssh_user in inventory.py)."
        )


def confirm(holds: bool, otherwise: str) -> None:
    """Raise UserError if, after a change, the host does not show what was wanted."""
    if not holds:
        raise UserError(otherwise)
