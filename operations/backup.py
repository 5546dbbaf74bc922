"""Backups of Kometa's config tree: made by the host itself, checked from here."""

from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pyinfra import host

from kometa_host.errors import UserError
from kometa_host.plans import backup as backup_plan
from kometa_host.plans import restore as restore_plan
from kometa_host.plans import snapshots
from kometa_host.settings.restic import exclude_expression
from kometa_host.state import backup_files, programs
from kometa_host.state.programs import Actor
from operations.engine import archive_stream
from operations.engine.archive_stream import Place
from operations.engine.operation import (
    Change,
    Commands,
    account_change,
    ask,
    confirm,
    host_operation,
    left_to_root,
    look_again,
    observe,
    settings,
)
from operations.engine.process import MAX_CHANGE, MAX_LOOK, MAX_STREAM, answered_within
from operations.engine.session import HostEndedError, Session

if TYPE_CHECKING:
    from kometa_host.archive.chain import Report


@host_operation
def directory() -> Commands:
    """Make sure that the backup directory is there, for the account alone; one that is there is taken as it is.

    Without recipients backups are not enabled, and this says so.

        backup.directory(name="Backup directory")
    """
    known = settings()
    step = backup_plan.directory_step(known, observe().text("backup-directory"))
    if step.step == "refuse":
        raise UserError(step.why)
    if step.step == "leave":
        host.noop(step.why)
        if not step.ready:
            host.log(step.why)
        return
    if step.needs_root and left_to_root(observe(), f"making {known.kometa_backup_dir}"):
        return
    script = programs.program("backup_directory", user=known.mms_user, backup_dir=known.kometa_backup_dir)
    yield Change(f"making {known.kometa_backup_dir}", script, Actor.ROOT_IF_POSSIBLE)
    left = backup_plan.directory_step(known, look_again().text("backup-directory"))
    confirm(left.ready, f"the backup directory is still not as it has to be: {left.why}")


@host_operation
def repository() -> Commands:
    """Make sure that the restic repository is there, opens, and is this host's own; one that is missing is made.

    It is asked once for each new setting, not in every deploy, and before the host's backups go by them.

        backup.repository(name="Backup repository")
    """
    known = settings()
    fingerprint = backup_files.repository_fingerprint(known)
    why = backup_plan.repository_is_settled(known, observe().text("repository"), fingerprint)
    if why:
        host.noop(why)
        return
    yield account_change(
        "opening kometa_backup_repository",
        "repository",
        data=backup_files.repository_environment(known).encode(),
        library_dir=known.library_dir,
        host_name=known.kometa_autodeploy_host,
        fingerprint=fingerprint,
    )
    confirm(look_again().text("repository").strip() == fingerprint, "the repository is still not ready.")


@host_operation
def create() -> Commands:
    """Make a backup now: start the unit that the timer starts, follow it to its end, and fail if it fails.

    pyinfra inventory.py operations.backup.create
    """
    known = settings()
    if not known.backups_enabled:
        raise UserError(backup_plan.NOT_ENABLED)
    script = programs.program(
        "backup_create",
        job_unit=backup_files.SERVICE,
        identifier=backup_files.SCRIPT,
        backup_dir=known.kometa_backup_dir,
    )
    # Without the lock: the unit itself takes it. It also ends the backup when that takes too long.
    patience = backup_files.longest(known) + MAX_LOOK
    yield Change("the backup", script, Actor.ACCOUNT, locked=False, patience=patience)


@host_operation
def pin(backup: object = None) -> Commands:
    """Pin a backup: retention leaves it alone, and it takes no other one's place.

    + backup: an archive's file name in the backup directory, or its path there; restic:ID or restic:latest

        pyinfra inventory.py operations.backup.pin backup=kometa-2026-01-31T080000Z.tar.zst.age
    """
    yield _pinning(backup, pinned=True)


@host_operation
def unpin(backup: object = None) -> Commands:
    """Give a backup that was pinned free again: the next backup deletes it if it is one too many.

    + backup: as for pin
    """
    yield _pinning(backup, pinned=False)


def _pinning(backup: object, pinned: bool) -> Change:
    known = settings()
    directory = known.kometa_backup_dir
    what = f"{'pinning' if pinned else 'unpinning'} {backup}"
    if snapshots.is_named(str(backup)):
        snapshot = archive_stream.locate(backup, {}).snapshot
        variables: dict[str, Any] = {"backup_dir": directory, "library_dir": known.library_dir, "pinned": pinned}
        return account_change(what, "snapshot_pin", id=snapshot.id if snapshot else "", **variables)
    name = backup_plan.checked_name(backup, directory)
    return account_change(what, "backup_pin", name=name, backup_dir=directory, pinned=pinned)


@host_operation
def verify(backup: object = backup_plan.LATEST, identity: object = None, **further: object) -> Commands:
    """Read an archive to its end, decrypt and check all of it on this machine; the host notes that it was checked.

    + backup: latest, a file name in the backup directory, a path on the host, or local:PATH for one on this machine
    + identity: path of the identity file on this machine; it never travels to the host
    + from: elsewhere, for an archive that this host does not know of having written

        pyinfra inventory.py operations.backup.verify identity=age-identity.txt
    """
    if host.state.is_executing:
        place = archive_stream.locate(backup, further)
        report = archive_stream.stream(place, archive_stream.identities(identity), len, task="checking", proof=True)
        for line in backup_plan.report_lines(place.name, place.begun, report, datetime.now(UTC)):
            host.log(line)
        _insist_on_origin_and_config(place, report)
        if not place.local:
            _note(place, 'note_stage checked "$name"')
    host.noop("verifying changes nothing")
    yield from ()


@host_operation
def drill(backup: object = backup_plan.LATEST, identity: object = None, **further: object) -> Commands:
    """Restore an archive into a scratch directory of the host, compare that with the live tree, and remove it.

    + backup, identity, from: as for verify

    What changed since the backup is counted; what did not change and yet differs fails the drill. The host notes when
    it went well: facts.backup.Archives shows it, and the newest archive that was proved is never deleted.

        pyinfra inventory.py operations.backup.drill identity=age-identity.txt
    """
    if host.state.is_executing:
        _drill(archive_stream.locate(backup, further), identity)
    host.noop("a drill leaves nothing behind")
    yield from ()


def _drill(place: Place, identity: object) -> None:
    known = settings()
    keys = archive_stream.identities(identity)
    report = None
    with (
        answered_within(MAX_STREAM + MAX_CHANGE),  # it is compared after it was unpacked
        closing(Session(host, known.mms_user, _drill_program(place))) as session,
        session.given_up_when_still(),
    ):
        with suppress(HostEndedError):  # its exit status says more
            report = archive_stream.stream(
                place,
                keys,
                session.write,
                task="restoring",
                on_left_out=lambda patterns: session.write(_expressions(patterns)),
                proof=True,
            )
        session.end_input()
        status, told = session.finish()
        said = session.said()
    if status or not told or report is None:
        raise UserError(said or f"the drill failed on the host (status {status}).")
    _insist_on_origin_and_config(place, report)
    for line in backup_plan.drill_lines(place.name, told[0], said):
        host.log(line)
    if not place.local:
        _note(place, 'note_proof drilled "$name"')


def _drill_program(place: Place) -> str:
    return programs.program(
        "backup_drill",
        config_dir=settings().kometa_config_dir,
        begun=int(place.begun.timestamp()) if place.begun else 0,
        times="0" if place.snapshot else "%Ts",  # restic's stream has them rounded
    )


def _expressions(patterns: Sequence[str]) -> bytes:
    """Return the lines that tell the host what a backup left out; an empty one ends them."""
    checked = restore_plan.checked_left_out(patterns)
    return "".join(f"{line}\n" for line in (*map(exclude_expression, checked), "")).encode()


def _note(place: Place, call: str) -> None:
    noted = ask("backup_marks", call, name=place.name, backup_dir=settings().kometa_backup_dir)
    if noted.status:
        raise UserError(f"{place.name} is good, and that could not be noted on the host: {noted.stderr.strip()}")


def _insist_on_origin_and_config(place: Place, report: "Report") -> None:
    for line in archive_stream.origin_lines(place, report):
        host.log(line)
    if not report.contents.has_config_yml:
        raise UserError(f"{place.name} is whole, but there is no config.yml in it: no restore would take it.")
