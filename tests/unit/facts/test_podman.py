"""What a path's owners are inside the namespace, as the fact reads it: here without one, by a stand-in for Podman."""

import os
import subprocess
from getpass import getuser
from pathlib import Path
from types import SimpleNamespace

import pytest

from facts.podman import Ownership


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with one file, both of whoever runs the test."""
    podman = tmp_path / "bin/podman"
    podman.parent.mkdir()
    podman.write_text('#!/bin/bash\nshift\nexec "$@"\n')
    podman.chmod(0o755)
    monkeypatch.setattr("facts.podman.settings_of", lambda _: SimpleNamespace(mms_user=getuser()))
    monkeypatch.setenv("PATH", f"{podman.parent}:{os.environ['PATH']}")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/a file").touch()
    return tmp_path / "tree"


def look(path: Path, uid: int, gid: int) -> subprocess.CompletedProcess[str]:
    command = Ownership().command(str(path), uid, gid)
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)


def test_what_belongs_to_the_owner_is_not_counted(tree: Path) -> None:
    found = Ownership().process(look(tree, os.getuid(), os.getgid()).stdout.splitlines())
    assert (found.count, found.first) == (0, ())


def test_what_belongs_to_others_is_counted_and_named(tree: Path) -> None:
    found = Ownership().process(look(tree, 4711, 4712).stdout.splitlines())
    assert found.count == 2
    assert f"{os.getuid()}:{os.getgid()} a file" in found.first


def test_a_path_that_is_not_there_is_said(tree: Path) -> None:
    done = look(tree / "missing", 0, 0)
    assert (done.returncode, "there is nothing of that name" in done.stderr) == (1, True)
