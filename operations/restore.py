"""Restores of Kometa's config tree from a backup: all of it, parts of it, or beside the live tree; and back again."""

import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from pyinfra import host, logger
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.host import Host
from pyinfra.api.output import format_text
from pyinfra.api.state import State

from kometa_host.archive.gate import MAX_CONFIG
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.errors import UserError
from kometa_host.plans import origin
from kometa_host.plans import restore as restore_plan
from kometa_host.plans.restore import MAX_WAIT, Comparison, Options
from kometa_host.settings.restic import exclude_expression
from kometa_host.settings.variables import Settings
from kometa_host.state import programs
from operations.engine import archive_stream
from operations.engine.archive_stream import Place
from operations.engine.attended import at_interrupt
from operations.engine.files import texts_on_host
from operations.engine.lock import WAIT
from operations.engine.operation import Commands, account_change, ask, host_operation, observe, settings
from operations.engine.process import MAX_CHANGE, MAX_STREAM, answered_within
from operations.engine.run_state import run_state
from operations.engine.session import HostEndedError, Session

if TYPE_CHECKING:
    from kometa_host.archive.chain import Report
    from kometa_host.archive.identity import Identities

PATIENCE = 120  # seconds for Kometa to be alive; it takes over the whole tree at its start
EXAMPLE = "backup=latest identity=age-identity.txt"


@host_operation
def config(
    backup: object = None,
    identity: object = None,
    destination: object = None,
    paths: object = None,
    force: object = False,
    wait: object = MAX_WAIT,
    **further: object,
) -> Commands:
    """Restore Kometa's config tree from a backup, all of it or nothing; Kometa runs with it, or as before.

    + backup: a path on the host, a file name in the backup directory, `latest`, or `local:PATH` on this machine
    + identity: path on this machine of what opens it (or KOMETA_AGE_IDENTITY); it never leaves this machine
    + destination: a new directory on the host to unpack into; nothing else is touched
    + paths: files or folders of the tree, with commas between; the rest of the live tree is not touched
    + force: end a run in progress; without, this waits for its end
    + wait: seconds to wait for a run in progress, six hours if not given
    + from: elsewhere, for an archive that this host does not know of having written

    The archive is checked to its end before anything on the host changes, and again while it is unpacked beside the
    live tree. --dry only checks it and lists what would change. The replaced tree is kept (operations.restore.undo).

        pyinfra inventory.py operations.restore.config backup=latest identity=age-identity.txt
    """
    known, found = settings(), observe()
    if backup is None:
        raise UserError(f"operations.restore.config needs backup=, for example {EXAMPLE}")
    options = restore_plan.checked(known, destination, paths, force, wait)
    restore_plan.refuse_unready(known, found)
    place, keys = archive_stream.locate(backup, further), archive_stream.identities(identity)
    _check_place(options)
    verified = _verified_once(known, place, keys, options)
    yield Restore(known, place, keys, options, verified)


@host_operation
def undo(force: object = False, wait: object = MAX_WAIT) -> Commands:
    """Exchange the live config tree with the one that the last restore replaced. A second undo takes back the first.

    + force: end a run in progress; without, this waits for its end
    + wait: seconds to wait for a run in progress, six hours if not given

        pyinfra inventory.py operations.restore.undo
    """
    known = settings()
    options = restore_plan.checked(known, None, None, force, wait)
    restore_plan.refuse_unready(known, observe())
    _, kept = _look()
    if not kept:
        raise UserError(f"there is no tree that a restore replaced beside {known.kometa_config_dir}.")
    host.log(f"{known.kometa_config_dir} is exchanged with {kept[-1]}")
    yield Undo(known, options)


@host_operation
def leftovers() -> Commands:
    """Put right what a restore that was cut off has left on the host.

    restore.leftovers(name="Clean up after an interrupted restore")
    """
    if not observe().text("restore-left"):
        host.noop("no restore was cut off")
        return
    yield account_change("putting right a restore that was cut off", "restore_journal", call="repair")


# Looking and checking


def _tree() -> dict[str, Any]:
    """Return the variables of programs/lib/restore.sh."""
    known = settings()
    return {
        "config_dir": known.kometa_config_dir,
        "owner_uid": known.kometa_puid,
        "owner_gid": known.kometa_pgid,
        "timezone": known.mms_timezone,
        "patience": PATIENCE,
    }


def _look(rounded: bool = False) -> tuple[dict[bytes, restore_plan.Fingerprint], list[str]]:
    """Return the entries of the live tree, and the names of the trees that restores replaced, the newest last."""
    looked = ask("restore_look", config_dir=settings().kometa_config_dir)
    if looked.status:
        raise UserError(f"the config tree could not be looked through: {looked.stderr.strip()}")
    return restore_plan.parse_look(looked.stdout, rounded)


def _place(options: Options, space: int) -> dict[str, Any]:
    """Return the variables of programs/lib/restore_place.sh."""
    return {
        "place": options.destination or settings().kometa_config_dir,
        "destination": options.destination,
        "paths": [path.decode() for path in options.paths],
        "space": space,
    }


def _check_place(options: Options, space: int = 0) -> None:
    """Raise UserError if nothing can be restored there, or less than space bytes."""
    looked = ask("restore_place", call="check_place", **_place(options, space))
    if looked.status:
        raise UserError(looked.stderr.strip() or "the host did not say whether there is room for the tree.")


def _verified_once(known: Settings, place: Place, keys: "Identities | None", options: Options) -> "Report":
    """Check the whole archive and say what would change, once for a preview and the run after it."""
    kept = run_state(host).verified
    if (place, options) not in kept:
        kept[place, options] = _verified(known, place, keys, options)
    return kept[place, options]


def _verified(known: Settings, place: Place, keys: "Identities | None", options: Options) -> "Report":
    live = {} if options.destination else _look(rounded=place.snapshot is not None)[0]
    comparison = Comparison(live, options.paths)
    began = monotonic()
    report = archive_stream.stream(place, keys, lambda _: None, task="checking", on_member=comparison.note)
    host.log(f"{restore_plan.summary(place.name, report)}, checked in {monotonic() - began:.1f} s")
    _check_place(options, restore_plan.space_needed(report.contents))
    for line in restore_plan.left_out_line(report):
        host.log(f"{line}{'; that stays as it stands in the live tree' if options.replaces_tree else ''}")
    comparison.leave(restore_plan.checked_left_out(report.left_out))
    if options.replaces_tree:
        restore_plan.refuse_without_config(report.contents, place.name)
    for line in archive_stream.origin_lines(place, report):
        host.log(line)
    if options.destination:
        host.log(f"it goes into the new directory {options.destination}; nothing else is touched")
        return report
    comparison.refuse_impossible(place.name)
    for line in (*comparison.lines(), *_address_changes(comparison, report)):
        host.log(f"{known.kometa_config_dir}: {line}")
    return report


def _address_changes(comparison: Comparison, report: "Report") -> list[str]:
    if not comparison.covers(CONFIG.encode()):
        return []
    # The look at the host tells that text only where it is not as the project says.
    live = texts_on_host(settings().kometa_config_dir, [CONFIG], MAX_CONFIG).get(CONFIG)
    return [f"{CONFIG}, {line}" for line in origin.address_changes(live, report.contents.config_yml)]


# Changing


def _program(on: Host, options: Options, name: str, left_out: Sequence[str] = (), **variables: object) -> str:
    return programs.program(
        name,
        call="",
        **_tree(),
        left_out_expressions=[exclude_expression(pattern) for pattern in left_out],
        force=options.force,
        idle_wait=options.wait,
        have_lock=run_state(on).lock is not None,
        lock_wait=WAIT,
        holder=f"a restore from {socket.gethostname()}, process {os.getpid()}",
        **variables,
    )


class _HostChange(PyinfraCommand):
    """A change that a session makes."""

    known: Settings
    options: Options

    @property
    def patience(self) -> float:
        """The seconds after which the host is given up: for the stream, for a run's end, and for what follows."""
        return MAX_STREAM + self.options.wait + MAX_CHANGE

    def execute(self, state: State, host: Host, connector_arguments: Any) -> bool:
        """Make the change; return whether it succeeded."""
        try:
            session = Session(host, self.known.mms_user, self.script(host), host.log)
            with closing(session), answered_within(self.patience), session.given_up_when_still():
                return self._attended(host, session)
        except UserError as error:
            return _failed(host, str(error))

    def _attended(self, to: Host, session: Session) -> bool:
        with at_interrupt(session.interrupt):
            return self._report(to, *self._steered(session))

    def _steered(self, session: Session) -> tuple[int, list[str]]:
        try:
            self.steer(session)
        except HostEndedError:
            pass  # its exit status says more
        except UserError as error:
            raise UserError(f"{error} Nothing was changed.") from error
        return session.finish()

    def script(self, on: Host) -> str:
        raise NotImplementedError

    def steer(self, session: Session) -> None:
        raise NotImplementedError

    def lines(self, told: Mapping[str, str]) -> list[str]:
        raise NotImplementedError

    def _report(self, to: Host, status: int, printed: list[str]) -> bool:
        if status:
            return _failed(to, "the restore failed; the lines above say why.")
        for line in self.lines(restore_plan.outcome(printed)):
            to.log(format_text(line, "green"))
        return True


@dataclass
class Restore(_HostChange):
    """Unpacks an archive on the host and puts it in place."""

    known: Settings = field(repr=False)
    place: Place
    keys: "Identities | None" = field(repr=False)
    options: Options
    verified: "Report"

    def __post_init__(self) -> None:
        PyinfraCommand.__init__(self)

    def script(self, on: Host) -> str:
        """Return the program that receives the archive."""
        contents = self.verified.contents
        return _program(
            on,
            self.options,
            "restore_config",
            backup_dir=self.known.kometa_backup_dir,
            archive="" if self.place.local else self.place.name,
            left_out=self.verified.left_out,
            **_place(self.options, restore_plan.space_needed(contents)),
            tar_bytes=contents.tar_bytes,
        )

    def steer(self, session: Session) -> None:
        """Send the archive, checking it once more, and then the word that it was whole."""
        session.expect("ready")
        began = monotonic()
        send = partial(archive_stream.stream, self.place, self.keys, session.write, task="restoring")
        report = session.stream(send)
        if report != self.verified:
            raise UserError(f"{self.place.name} was changed while it was restored.")
        session.expect("staged")
        host.log(f"unpacked on the host in {monotonic() - began:.1f} s")
        session.write(b"commit\n")

    def lines(self, told: Mapping[str, str]) -> list[str]:
        """Return what to say at the end."""
        return restore_plan.result(self.known, self.options, self.place.name, told)


@dataclass
class Undo(_HostChange):
    """Exchanges the live tree with the one that was replaced last."""

    known: Settings = field(repr=False)
    options: Options

    def __post_init__(self) -> None:
        PyinfraCommand.__init__(self)

    def script(self, on: Host) -> str:
        """Return the program that exchanges the trees."""
        return _program(on, self.options, "restore_undo")

    def steer(self, session: Session) -> None:
        """Let it go ahead."""
        session.expect("ready")
        session.write(b"commit\n")

    def lines(self, told: Mapping[str, str]) -> list[str]:
        """Return what to say at the end."""
        return restore_plan.result(self.known, self.options, "the tree from before the last restore", told)


def _failed(of: Host, message: str) -> bool:
    of.log(format_text(message, "red"), log_func=logger.error)
    return False
