"""All files of a change are put in place, or none."""

import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kometa_host.controller import project
from kometa_host.errors import UserError
from kometa_host.state import desired
from tools import staging as staging_module
from tools.staging import PREFIX, staging


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_are_put_in_place_and_taken_away(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "gone").write_text("1")
    with staging(tmp_path, dry=False) as staged:
        assert staged.put(tmp_path / "a", io.BytesIO(b"1")) == "same"
        assert staged.put(tmp_path / "b" / "c" / "d", io.BytesIO(b"2"), 0o600) == "new"
        staged.remove(tmp_path / "gone")
        staged.commit()
    assert contents(tmp_path) == {"a": b"1", "b/c/d": b"2"}
    assert (tmp_path / "b" / "c" / "d").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("failing", [0, 1, 2, 3])
def test_a_failure_half_way_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "gone").write_text("1")
    before, placed = contents(tmp_path), iter(range(9))
    place = staging_module.Staging._place

    def fail(self: staging_module.Staging, target: Path, staged: Path | None) -> None:
        place(self, target, staged)
        if next(placed) == failing:
            raise KeyboardInterrupt

    monkeypatch.setattr(staging_module.Staging, "_place", fail)
    with pytest.raises(KeyboardInterrupt), staging(tmp_path, dry=False) as staged:  # noqa: PT012
        staged.put(tmp_path / "a", io.BytesIO(b"2"))
        staged.put(tmp_path / "new" / "b", io.BytesIO(b"2"))
        staged.remove(tmp_path / "gone")
        staged.put(tmp_path / "new" / "c", io.BytesIO(b"2"))
        staged.commit()
    assert contents(tmp_path) == before
    assert not (tmp_path / "new").exists()


KILLED = """
import io, os, signal, sys
from pathlib import Path
from tools.staging import Staging, staging
place, left = Staging._place, [int(sys.argv[2])]
def place_some(self, target, staged):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    place(self, target, staged)
Staging._place = place_some
project = Path(sys.argv[1])
with staging(project, dry=False) as staged:
    staged.put(project / "a", io.BytesIO(b"2"))
    staged.put(project / "new" / "b", io.BytesIO(b"2"))
    staged.remove(project / "gone")
    staged.put(project / "new" / "c" / "d", io.BytesIO(b"2"))
    staged.commit()
"""


@pytest.mark.parametrize("placed", [0, 1, 2, 3])
def test_a_change_that_was_killed_is_undone_by_who_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, placed: int
) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "gone").write_text("1")
    before = contents(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(placed)], check=False)
    assert done.returncode == -signal.SIGKILL
    monkeypatch.setattr(desired, "PROJECT", tmp_path)
    assert project.adoption_was_cut_off()
    with staging(tmp_path, dry=True) as staged:
        assert staged.undone
    assert contents(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "gone"]
    assert not project.adoption_was_cut_off()


def test_two_at_once_do_not_meet(tmp_path: Path) -> None:
    with staging(tmp_path, dry=False), pytest.raises(UserError, match="another adoption"), staging(tmp_path, dry=True):
        pass


def test_looking_writes_nothing_and_leftovers_go(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}left").mkdir()
    with staging(tmp_path, dry=True) as staged:
        assert staged.put(tmp_path / "a", io.BytesIO(b"1")) == "new"
        assert list(tmp_path.iterdir()) == []
