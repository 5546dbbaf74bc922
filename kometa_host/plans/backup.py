"""What is decided about backups: where they go, which one is meant, and what is told of them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING, Any, Literal

from kometa_host.archive import names
from kometa_host.errors import UserError
from kometa_host.plans import snapshots
from kometa_host.plans.origin import Written
from kometa_host.plans.ownership import while_nothing_runs
from kometa_host.plans.snapshots import Snapshot
from kometa_host.settings.restic import PASSWORD
from kometa_host.settings.variables import Settings
from kometa_host.state import answers

if TYPE_CHECKING:
    from kometa_host.archive.chain import Report

LATEST = "latest"
MOMENT = "%Y-%m-%dT%H%M%SZ"
LOCAL = "local:"

NOT_ENABLED = (
    "backups are not enabled: kometa_backup_recipients is empty, and nothing is ever written unencrypted. "
    "Name the age1... line of secrets.recipients there; python -m tools.secrets init makes it, and age-identity.txt, "
    "which opens them and stays off the host."
)

# An age file is its header, which ends with a line `--- MAC`, 16 bytes, and chunks of 64 KiB, each with 16 bytes more.
MAC_LINE = 48
NONCE = TAG = 16
CHUNK = 65536 + TAG


@dataclass(frozen=True)
class DirectoryStep:
    """What is to be done about the backup directory: make it, leave it, or refuse; why is for the user.

    ready: a backup could write there now. needs_root: the account cannot make it.
    """

    step: Literal["make", "leave", "refuse"]
    why: str
    ready: bool = False
    needs_root: bool = False


def directory_step(settings: Settings, found: str) -> DirectoryStep:
    """Given what the composite read tells of the backup directory, return what is to be done about it."""
    directory, user = settings.kometa_backup_dir, settings.mms_user
    if not settings.backups_enabled:
        return DirectoryStep("leave", NOT_ENABLED)
    if not settings.archives_enabled:
        return DirectoryStep("leave", f"{directory}: no archives, kometa_backup_repository is where backups go")
    if found == "unmounted":
        return DirectoryStep(
            "leave",
            f"{settings.kometa_backup_mount} is not mounted, so nothing was done about {directory}; "
            "backups fail until it is.",
        )
    if found == "silent":
        return DirectoryStep(
            "leave",
            f"{directory} did not answer within 10 seconds, as if its server were gone, so nothing was done about it; "
            "backups fail until it answers.",
        )
    if found == "writable":
        return DirectoryStep("leave", f"{directory} is there", ready=True)
    if found == "unwritable":
        return DirectoryStep(
            "refuse",
            f"{directory} is there, but {user} cannot write to it. Name another kometa_backup_dir; or, as root: "
            f"{while_nothing_runs(f'chown -h {user}: {quote(directory)}', directory, user)} (root is nobody on many "
            "NFS shares: then chown it on the host that has it).",
        )
    if found == "other":
        return DirectoryStep("refuse", f"{directory} is not a directory. Move it away, or name another.")
    return DirectoryStep("make", f"{directory} is missing", needs_root=found == "beyond")


def repository_is_settled(settings: Settings, noted: str, fingerprint: str) -> str | None:
    """Given what the host notes of its repository and what it would note now, return why nothing is to be done."""
    if not settings.kometa_backup_repository:
        return "kometa_backup_repository names none"
    if noted.strip() == fingerprint:
        return "it was opened with these settings"
    return None


def refuse_without_password(settings: Settings) -> None:
    """Raise UserError if there is a repository and no password for it: a lost one is all that a repository can lose."""
    if settings.kometa_backup_repository and PASSWORD not in settings.kometa_repository_secrets:
        raise UserError(
            f"kometa_backup_repository needs a password, and {PASSWORD} is not in kometa_repository_secrets. Think of "
            "one, write it into the section repository: of the secrets file (make secrets-edit), and keep "
            "it elsewhere as well."
        )


@dataclass(frozen=True)
class FoundArchive:
    """An archive of the backup directory, or a snapshot of the repository, whose name is `restic:ID`.

    time: when it was begun, aware, in UTC; size: bytes; encrypted: by its content; complete: whether it begins and ends
    as a whole one does, which operations.backup.verify shows beyond doubt. One that is being written, or was cut off
    (NAME.partial), is not complete. by_hand: not made by the timer; pinned: retention leaves it alone; proved: when it
    was last restored as it has to be, for a drill or in earnest; written_here: the host knows of having written one of
    that name and size, or restic vouches for it; kept_as: what retention keeps it for, such as daily and weekly; what
    it keeps for nothing goes with the next backup.
    """

    name: str
    time: datetime
    size: int
    encrypted: bool
    complete: bool
    by_hand: bool = False
    pinned: bool = False
    proved: datetime | None = None
    written_here: bool = False
    kept_as: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return what pyinfra prints of it."""
        proved = self.proved.isoformat() if self.proved else None
        return {**vars(self), "time": self.time.isoformat(), "proved": proved}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "FoundArchive":
        """Return the archive that to_json told."""
        proved = datetime.fromisoformat(told["proved"]) if told["proved"] else None
        time = datetime.fromisoformat(told["time"])
        return cls(**{**told, "time": time, "proved": proved, "kept_as": tuple(told["kept_as"])})


@dataclass(frozen=True)
class Marks:
    """What is known of single archives, by name: those with each mark, and when each was last proved."""

    marked: Mapping[str, frozenset[str]]
    proved: Mapping[str, datetime]

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Marks":
        """Given lines `mark pinned|by-hand NAME` and `proof TIME HOW NAME`, the oldest proof first, return them."""
        marked: dict[str, set[str]] = {}
        proved = {}
        for line in lines:
            what, rest = line.split(" ", 1)
            if what == "mark":
                mark, name = rest.split(" ", 1)
                marked.setdefault(mark, set()).add(name)
            elif what == "proof":
                time, _, name = rest.split(" ", 2)
                proved[name] = datetime.strptime(time, MOMENT).replace(tzinfo=UTC)
        return cls({mark: frozenset(names) for mark, names in marked.items()}, proved)

    def on(self, archive: FoundArchive) -> FoundArchive:
        """Return the archive with what is known of it."""
        return replace(
            archive,
            by_hand=archive.name in self.marked.get("by-hand", ()),
            pinned=archive.name in self.marked.get("pinned", ()),
            proved=self.proved.get(archive.name),
        )


@answers.sensible("backups")
def parse_archives(lines: Iterable[str]) -> list[FoundArchive]:
    """Given the host's lines, marks and proofs, archives, restic's list of snapshots, return all, newest first."""
    told = list(lines)
    written = parse_written(told)
    marks = Marks.of(line for line in told if line.startswith(("mark ", "proof ")))
    listed = [archive for line in told if line[:1].isdigit() and (archive := _archive(line)) is not None]
    found = [replace(marks.on(one), written_here=written.has(one.name, one.size)) for one in listed] + [
        replace(_of_snapshot(snapshot), proved=marks.proved.get(snapshot.name))
        for line in told
        if line.startswith("[")
        for snapshot in snapshots.parse(line)
    ]
    return sorted(found, key=lambda archive: (archive.time, archive.name), reverse=True)


def parse_written(lines: Iterable[str]) -> Written:
    """Given the host's lines about archives, return what it has written itself."""
    return Written.of(line.removeprefix("written ") for line in lines if line.startswith("written "))


@dataclass(frozen=True)
class Stage:
    """The last time that a backup came so far: when, and which one."""

    time: datetime
    name: str

    def to_json(self) -> dict[str, object]:
        """Return what pyinfra prints of it."""
        return {"time": self.time.isoformat(), "name": self.name}


def parse_stages(lines: Iterable[str]) -> dict[str, Stage | None]:
    """Given lines `STAGE MOMENT NAME` or `STAGE never`, return what they say."""
    found: dict[str, Stage | None] = {}
    for line in lines:
        stage, _, rest = line.partition(" ")
        moment, _, name = rest.partition(" ")
        known = None if moment == "never" else Stage(datetime.strptime(moment, MOMENT).replace(tzinfo=UTC), name)
        found[stage] = known
    return found


def _of_snapshot(snapshot: Snapshot) -> FoundArchive:
    tags = snapshot.tags
    return FoundArchive(
        snapshot.name, snapshot.time, snapshot.size, encrypted=True, complete=True, by_hand="by-hand" in tags,
        pinned="pinned" in tags, written_here=True,
    )  # fmt: skip


def _archive(line: str) -> FoundArchive | None:
    """Given a line `size age|zstd|other offset-or-status NAME`, return the archive, None if the name is foreign."""
    size, kind, detail, name = line.split(" ", 3)
    known = names.parse(name.removesuffix(names.PARTIAL))
    if known is None:
        return None
    whole = {"age": _is_whole_age(int(size), int(detail)), "zstd": detail == "0"}.get(kind, False)
    return FoundArchive(name, known.time, int(size), kind == "age", whole and not names.is_partial(name))


def _is_whole_age(size: int, mac_line_at: int) -> bool:
    if mac_line_at <= 0:
        return False
    payload = size - mac_line_at - MAC_LINE - NONCE
    last = payload % CHUNK
    return payload > TAG and (last == 0 or last > TAG)


def latest(archives: Iterable[FoundArchive], written: Written) -> FoundArchive:
    """Return the complete archive that the host has written last, by its own word. Raise UserError if there is none.

    Names and their times count for nothing: anybody who can write to the backup directory can make one up.
    """
    complete = {archive.name: archive for archive in archives if archive.complete}
    if not complete:
        raise UserError("there is no complete archive in the backup directory yet. Make one: operations.backup.create")
    ours = [name for name in written.archives if name in complete and complete[name].written_here]
    if not ours:
        newest = max(complete.values(), key=lambda archive: archive.time)
        raise UserError(
            f"this host knows of having written none of the {len(complete)} archives in the backup directory, so none "
            f"is the latest. If you know where one comes from, name it: backup={newest.name} from=elsewhere"
        )
    return complete[ours[-1]]


def missing_newer(chosen: FoundArchive, written: Written) -> str | None:
    """Given what latest has chosen, return what to say if the host has written newer ones, which are not there."""
    known = list(written.archives)
    newer = known[known.index(chosen.name) + 1 :]
    if not newer:
        return None
    return (
        f"{chosen.name} is not the last that this host has written: {newer[-1]} "
        f"{'and others are' if newer[1:] else 'is'} not there any more, or not whole"
    )


def checked_backup(backup: object, directory: str) -> str:
    """Given what the user typed as backup=, return `latest`, a path on the host, `local:PATH` or `restic:ID|latest`.

    A bare name is one in the directory. Raise UserError for anything else.
    """
    if not isinstance(backup, str) or not backup or not backup.isprintable():
        raise UserError(
            "backup= takes latest, a file name in the backup directory, a path on the host, local:PATH, restic:latest "
            "or restic:ID"
        )
    if backup == LATEST or backup.startswith("/") or snapshots.is_named(backup):
        return backup
    if backup.startswith(LOCAL):
        if backup == LOCAL:
            raise UserError("backup=local: needs the path of a file on this machine behind it")
        return backup
    if "/" in backup:
        raise UserError(f"backup={backup} is neither a bare file name nor a path that begins with /")
    return f"{directory}/{backup}"


def checked_name(backup: object, directory: str) -> str:
    """Given what the user typed as backup= for an archive of the directory, return its bare name. Raise UserError."""
    path = checked_backup(backup, directory)
    name = path.removeprefix(f"{directory}/")
    if path == LATEST or names.parse(name) is None:
        raise UserError(f"backup={backup} is none of the archives in {directory}; facts.backup.Archives lists them")
    return name


def size_text(size: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def age_text(time: datetime, now: datetime) -> str:
    """Return how long ago a time was, in words."""
    seconds = int((now.astimezone(UTC) - time).total_seconds())
    if seconds < 0:
        return "in the future: a clock was wrong"
    lengths = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
    unit = next(unit for unit, length in lengths.items() if seconds >= length or length == 1)
    number = seconds // lengths[unit]
    return f"{number} {unit}{'' if number == 1 else 's'} ago"


def report_lines(name: str, begun: datetime | None, report: "Report", now: datetime) -> list[str]:
    """Given the report of a whole backup and when it was begun, return the lines that tell what it holds."""
    contents = report.contents
    made = f"made {age_text(begun, now)} ({begun:%Y-%m-%d %H:%M:%S} UTC)" if begun else "of unknown age"
    kept = _archive_facts(report)
    if name.startswith(snapshots.PREFIX):
        kept = "every piece of it is in the repository"
    return [
        f"{name} is whole: {contents.members} members, {contents.bytes} bytes ({size_text(contents.bytes)})",
        f"config.yml is {'in it' if contents.has_config_yml else 'MISSING'}; {made}; {kept}",
        *([f"not in this archive: {', '.join(map(repr, report.left_out))}"] if report.left_out else []),
    ]


def _archive_facts(report: "Report") -> str:
    kinds = ", ".join(sorted(set(report.recipient_types)))
    number = len(report.recipient_types)
    private = f"encrypted to {number} recipient{'' if number == 1 else 's'} ({kinds})" if number else "NOT ENCRYPTED"
    return f"{private}; the archive has {report.bytes_read} bytes ({size_text(report.bytes_read)})"


def drill_lines(name: str, told: str, said: str) -> list[str]:
    """Given what the host told of a drill, return the lines that tell how it went. Raise UserError if it failed."""
    with answers.sensible("the drill"):
        same, gone, new, wrong = map(int, told.split())
    if wrong:
        raise UserError(
            f"{said.strip()}\n{wrong} entries of the tree did not change since the backup and yet are not as in {name}."
        )
    lines = [f"{name} was restored into a scratch directory and compared: {same} entries are the same"]
    if gone or new:
        lines.append(f"changed since that backup: {gone} entries are not as in it any more, {new} are new or newer")
    return lines
