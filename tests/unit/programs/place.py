"""A home in which sets of files are put and looked at, without Podman."""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kometa_host.state import filesets, observed, programs
from kometa_host.state.filesets import FileSet, FoundSet, WantedFile
from kometa_host.state.observed import Observed
from operations.engine.files import set_variables, stream

# instead of Podman's user namespace, in which whoever runs this is root; Podman sets that umask
IN_PLACE = """in_namespace() { umask 022; "$@"; }
chown() { command chown "${@/#0:0/$(id -u):$(id -g)}"; }
"""


@dataclass
class Place:
    """A home in which sets of files are put, without Podman."""

    home: Path

    @property
    def root(self) -> Path:
        return self.home / "tree"

    def wanted(self, files: Mapping[str, str], *directories: str, mode: int = 0o640) -> FileSet:
        """Return a set with these texts and directories that belongs to whoever runs the test."""
        texts = {name: WantedFile.of(text, mode) for name, text in files.items()}
        modes = {".": 0o750} | dict.fromkeys(directories, 0o700)
        return FileSet("set", str(self.root), texts, modes, os.getuid(), os.getgid())

    def bash(self, text: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "HOME": str(self.home)}
        return subprocess.run(["bash", "-c", text], input=data, env=environment, capture_output=True, check=False)

    def look(self, wanted: FileSet, text: str = "") -> FoundSet:
        """Return the set as the composite read finds it."""
        arguments = [wanted.name, wanted.root, wanted.digest, text]
        program = programs.program("file_state", call='files_part "${arguments[@]}"', arguments=arguments)
        return self.observe(program).files(wanted.name)

    def observe(self, program: str) -> Observed:
        """Return what a part of the composite read tells here."""
        done = self.bash(program)
        found = observed.parse_told([*done.stdout.decode().splitlines(), "end"])
        assert found is not None
        return Observed(found)

    def put(
        self, wanted: FileSet, prepare: str = "", cut: Callable[[bytes], bytes] = bytes, found: FoundSet | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Bring what is due to the place; prepare is bash text run before, cut makes of the stream what arrives."""
        changes = filesets.changes(wanted, found or self.look(wanted))
        more = {"expected": changes.since or "", "seen": "", "check": ""}
        functions = programs.program("files", **set_variables(wanted), **more)
        return self.bash(f"{functions}{IN_PLACE}{prepare}\nput_files", cut(b"".join(stream(wanted, changes))))

    def finish(self, wanted: FileSet) -> None:
        """Finish what was cut off, as an operation does before it decides."""
        done = self.bash(f"{programs.program('files', **set_variables(wanted))}{IN_PLACE}finish_files")
        assert done.returncode == 0, done.stderr

    def entries(self) -> dict[str, str | None]:
        """Return all that is below the home but for our own records: texts of files, None for directories."""
        every = [path for path in self.home.rglob("*") if ".local" not in path.parts]
        return {str(p.relative_to(self.home)): None if p.is_dir() else p.read_text() for p in every}

    def put_whole(self, wanted: FileSet) -> None:
        """Bring a set and see that nothing is left to do."""
        done = self.put(wanted)
        assert done.returncode == 0, done.stderr
        self.assert_as_wanted(wanted)

    def assert_as_wanted(self, wanted: FileSet) -> None:
        found = self.look(wanted)
        assert not filesets.changes(wanted, found)
        assert not found.pending
        for name, file in wanted.files.items():
            path = self.root / name
            assert (path.read_text(), path.stat().st_mode & 0o7777) == (file.text(), file.mode), name
