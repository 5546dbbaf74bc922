"""Reading the backups of a host."""

from collections.abc import Iterable
from datetime import UTC, datetime

from pyinfra import host
from pyinfra.api import FactBase

from facts.sensible import sensible
from kometa_host.controller import kept_archives
from kometa_host.controller.preflight import settings_of
from kometa_host.plans import backup as backup_plan
from kometa_host.plans.backup import FoundArchive, Stage
from kometa_host.state import programs
from kometa_host.state.programs import Actor


class Archives(FactBase[list[FoundArchive]]):
    """Return all archives of the backup directory and all snapshots of the repository, newest first.

    Those of the previous stack and broken ones too.

        [FoundArchive(name="kometa-2026-01-31T080000Z.tar.zst.age", time=datetime(...), size=1023410176,
                      encrypted=True, complete=True, by_hand=False, pinned=False, proved=datetime(...),
                      kept_as=("daily", "newest"))]

    encrypted and complete are judged by the content: by what the file begins with and by its length.
    """

    def command(self) -> str:
        """List them as the account, to which the directory belongs."""
        known = settings_of(host)
        repository = ("repository_snapshots",) if known.kometa_backup_repository else ()
        places = {"backup_dir": known.kometa_backup_dir, "library_dir": known.library_dir}
        script = programs.program("backup_archives", *repository, **places)
        return programs.command_line(Actor.ACCOUNT, known.mms_user, script)

    @sensible
    def process(self, output: Iterable[str]) -> list[FoundArchive]:
        """Judge and sort them."""
        found = backup_plan.parse_archives(programs.answer(output))
        return kept_archives.with_reasons(found, settings_of(host).kometa_backup_keep, datetime.now(UTC))


class Stages(FactBase[dict[str, Stage | None]]):
    """Return how far backups have come, of each stage the last time; None where it never was.

        {"written": Stage(time=datetime(...), name="kometa-2026-01-31T080000Z.tar.zst.age"), "on-disk": Stage(...),
         "copied": Stage(time=datetime(...), name="restic:1a2b3c4d"), "checked": Stage(...), "restored": None}

    copied: into the repository; checked: read to its end here (verify), or the repository by the host's weekly check.
    """

    def command(self) -> str:
        """Ask as the account, as `kometa-backup status` does."""
        script = programs.program("backup_stages", call="show_stages")
        return programs.command_line(Actor.ACCOUNT, settings_of(host).mms_user, script)

    @sensible
    def process(self, output: Iterable[str]) -> dict[str, Stage | None]:
        """Take the lines apart."""
        return backup_plan.parse_stages(programs.answer(output))
