"""One run of Kometa, now, in a container of its own."""

import os
import socket
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyinfra import logger
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.host import Host
from pyinfra.api.output import format_text
from pyinfra.api.state import State

from kometa_host.errors import UserError
from kometa_host.plans import run_once as run_once_plan
from kometa_host.plans import service
from kometa_host.plans.run_once import Options, Verdict
from kometa_host.settings.variables import Settings
from kometa_host.state import answers, desired, kometa_log, observed, programs
from kometa_host.state.filesets import FileSet, WantedFile
from kometa_host.state.observed import Told
from operations.engine import attended
from operations.engine.lock import HEARTBEAT, WAIT
from operations.engine.operation import Commands, observe, settings
from operations.engine.process import MAX_CHANGE

COMPLETE = ".complete"  # the last file of a candidate tree; without it the stream was cut


@dataclass(frozen=True)
class CandidateTree:
    """A config tree to try, as a tar stream of known size."""

    tree: FileSet

    @property
    def size(self) -> int:
        """The size of the stream in bytes."""
        return sum(len(header) + file.size + -file.size % 512 for header, file in self._members()) + 1024

    def stream(self) -> Iterator[bytes]:
        """Yield the stream."""
        for header, file in self._members():
            yield header
            with file.open() as content:
                yield content.read(file.size).ljust(file.size, b"\0")
            yield b"\0" * (-file.size % 512)
        yield b"\0" * 1024

    def _members(self) -> Iterator[tuple[bytes, WantedFile]]:
        nothing = WantedFile.of(b"", 0o700)
        for name in self.tree.directories:
            yield _header(name, nothing, tarfile.DIRTYPE), nothing
        for name, file in {**self.tree.files, COMPLETE: WantedFile.of(b"", 0o600)}.items():
            yield _header(name, file, tarfile.REGTYPE), file


def _header(name: str, file: WantedFile, kind: bytes) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.type = file.size, file.mode, kind
    return header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


@dataclass
class OneShot(PyinfraCommand):
    """Runs Kometa once on the host; fails if the run does."""

    script: str = field(repr=False)
    timezone: str
    patience: float
    candidate: CandidateTree | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        super().__init__()

    def execute(self, state: State, host: Host, connector_arguments: Any) -> bool:
        """Run the program, show what it says, and judge the run by its log."""
        data = self.candidate.stream() if self.candidate else ()
        try:
            completed = attended.run(host, settings().mms_user, self.script, host.log, data, self.patience)
        except UserError as error:
            _say(host, [f"{error} The host ends the run by itself, or lets it finish, and starts the service again."])
            return False
        told = observed.parse_told(answers.told_lines(completed.stdout))
        if told is None or (completed.status and "log" not in told):
            return False
        judged = judge(Told(told).text("podman-status"), told.get("log", b""), self.timezone)
        _say(host, judged.lines, "green" if judged.good else "red")
        return judged.good and completed.status == 0


@answers.sensible("the run")
def judge(podman_status: str, log: bytes, timezone: str) -> Verdict:
    """Given what the host told of a run, return how it went."""
    lines = answers.inflated_lines(log)
    return run_once_plan.verdict(kometa_log.parse(lines, timezone), int(podman_status or 0))


def _say(to: Host, lines: Sequence[str], color: str = "red") -> None:
    for line in lines:
        to.log(format_text(line, color), log_func=logger.error if color == "red" else logger.info)


def run_once(options: Options, config: object = None) -> Commands:
    """Run Kometa once with the options; config names a folder of the controller to try instead of the live tree."""
    known, found = settings(), observe()
    run_once_plan.refuse_unready(known, found)
    if found.run_started and not options.wait:
        raise UserError(
            f"{service.run_in_progress(known, found.run_started)} and was not disturbed. "
            "Wait for its end, or add wait=true."
        )
    candidate = None if config is None else candidate_tree(known, config)
    patience = options.wait + options.timeout + MAX_CHANGE
    yield OneShot(program(known, options, candidate), known.mms_timezone, patience, candidate)


def program(known: Settings, options: Options, candidate: CandidateTree | None) -> str:
    """Return the bash program that runs Kometa once."""
    return programs.program(
        "run_once",
        podman_arguments=run_once_plan.podman_arguments(known, options),
        image=known.kometa_image,
        config_dir=known.kometa_config_dir,
        owner_uid=known.kometa_puid,
        owner_gid=known.kometa_pgid,
        timezone=known.mms_timezone,
        candidate_size=candidate.size if candidate else 0,
        idle_wait=options.wait,
        lock_wait=WAIT,
        holder=f"run_once from {socket.gethostname()}, process {os.getpid()}",
        patience=3 * HEARTBEAT,
    )


def candidate_tree(known: Settings, config: object) -> CandidateTree:
    """Given a folder of this machine, return it as a tree, rendered for the host. Raise UserError if it is none."""
    if not isinstance(config, str) or not config:
        raise UserError(
            f"config is {config!r}; write the path of a folder with a config.yml, for example config=kometa."
        )
    folder = Path(config).expanduser().absolute()
    return CandidateTree(desired.config_tree(replace(known, kometa_config_source=str(folder))))
