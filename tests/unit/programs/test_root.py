"""programs/lib/root.sh: root makes a directory only where nobody else could lead it astray."""

import os
import subprocess
from pathlib import Path

import pytest

from kometa_host.state import programs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give something to others")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory below which all is root's alone; so is what pytest made above it, as far as this test can tell."""
    (tmp_path / "roots").mkdir(mode=0o755)
    return tmp_path / "roots"


STAT = """
stat() { if [[ "$place/" = "${!#}"* ]]; then echo directory 0 drwxr-xr-x; else command stat "$@"; fi; }
"""


def make(place: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """Let root make a directory for nobody, taking what is above the place for root's alone."""
    text = programs.program("root", place=place, path=path)
    return subprocess.run(
        ["bash", "-c", f'{text}{STAT}make_as_root "$path" nobody'], capture_output=True, text=True, check=False
    )


def test_what_is_missing_is_made_and_the_last_is_the_accounts(place: Path) -> None:
    assert make(place, place / "a" / "b" / "c").returncode == 0
    facts = [
        (path.stat().st_uid, path.stat().st_mode & 0o7777) for path in (place / "a", place / "a/b", place / "a/b/c")
    ]
    assert facts[:2] == [(0, 0o755)] * 2
    assert facts[2][0] != 0
    assert facts[2][1] == 0o700


@pytest.mark.parametrize("how", ["a link", "another's", "for a group to write", "for all to write", "a file"])
def test_what_others_can_change_is_not_followed(place: Path, how: str) -> None:
    victim = place / "victim"
    victim.mkdir()
    way = place / "way"
    if how == "a link":
        way.symlink_to(victim)
    elif how == "a file":
        way.write_text("")
    else:
        way.mkdir()
        os.chown(way, 1 if how == "another's" else 0, -1)
        way.chmod({"for a group to write": 0o775, "for all to write": 0o1777}.get(how, 0o755))
    done = make(place, way / "backups")
    assert done.returncode == 1
    assert f"root does not follow {way}" in done.stderr
    assert not any(victim.iterdir())
    assert not (way / "backups").exists()


def test_what_is_there_already_stays_whose_it_is(place: Path) -> None:
    (place / "victim").mkdir()
    (place / "backups").symlink_to("victim")
    assert make(place, place / "backups").returncode == 1
    assert (place / "victim").stat().st_uid == 0
