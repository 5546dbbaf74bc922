"""programs/lib/restore_journal.sh: the exchange of two trees with any tool at hand, and what the journal mends."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kometa_host.state import programs

TOOLS = (
    "bash",
    "mv",
    "rm",
    "sync",
    "stat",
    "mkdir",
    "find",
    "sort",
    "head",
    "xargs",
    "date",
    "cat",
    "dirname",
    "sleep",
)
# The program's own helpers, without Podman and systemd.
STUBS = """
in_namespace() { "$@"; }
timeout() { shift 3; "$@"; } # -s KILL SECONDS
systemctl() { printf '%s\\n' "$*" >>"$HOME/asked"; case $* in *is-active*) [ -e "$HOME/active" ] ;; esac; }
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home with a live tree and a candidate for it, told apart by the file `name`."""
    for tree in ("kometa", "kometa.stage-1/kometa"):
        (tmp_path / tree).mkdir(parents=True)
    (tmp_path / "kometa/name").write_text("previous")
    (tmp_path / "kometa.stage-1/kometa/name").write_text("new")
    (tmp_path / ".local/state/kometa-host").mkdir(parents=True)
    return tmp_path


def tools(place: Path, *more: str) -> Path:
    """Return a directory with the programs that every host has, and these."""
    folder = place / "bin"
    folder.mkdir(exist_ok=True)
    for name in (*TOOLS, *more):
        found = Path(sys.executable).resolve() if name == "python3" else shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def run(place: Path, body: str, path: Path | str, status: int = 0) -> str:
    """Run a body after the scripts; return what it printed."""
    live = place / "kometa"
    record = f"begin_record\nlive={live} stage={live}.stage-1 candidate={live}.stage-1/kometa"
    done = subprocess.run(
        ["bash", "-c", f"{programs.program('restore_journal')}{STUBS}{record}\n{body}"],
        env={"HOME": str(place), "PATH": str(path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done.stdout


def names(place: Path) -> tuple[str, str]:
    """Return which tree is live and which is the candidate."""
    return (place / "kometa/name").read_text(), (place / "kometa.stage-1/kometa/name").read_text()


@pytest.mark.parametrize("more", [("python3",), ()])
def test_two_trees_are_exchanged_with_whatever_the_host_has(more: tuple[str, ...], place: Path) -> None:
    path = tools(place, *more)
    run(place, "go_live", path)
    assert names(place) == ("new", "previous")
    run(place, "go_back", path)
    assert names(place) == ("previous", "new")


def test_the_exchange_is_one_system_call_where_a_tool_for_it_is_there(place: Path) -> None:
    run(place, 'exchange_at_once "$candidate" "$live"', tools(place, "python3"))
    assert names(place) == ("new", "previous")


def test_an_exchange_that_cannot_be_changes_nothing(place: Path) -> None:
    run(place, 'rm -r "$candidate"; ! exchange "$candidate" "$live" 2>/dev/null; finish_renames', tools(place))
    assert (place / "kometa/name").read_text() == "previous"


def test_without_a_live_tree_the_candidate_takes_its_place(place: Path) -> None:
    shutil.rmtree(place / "kometa")
    path = tools(place, "python3")
    run(place, "go_live", path)
    assert (place / "kometa/name").read_text() == "new"
    run(place, "go_back", path)
    assert not (place / "kometa").exists()
    assert (place / "kometa.stage-1/kometa/name").read_text() == "new"


# Where a restore can be cut off, and which tree is live after the repair.
CUTS = {
    "before the stage is made": ("stage=$live.stage-2 candidate=$stage/kometa; write_journal", "previous"),
    "while the stage is filled": ("write_journal", "previous"),
    "before the exchange": ('inode=$(inode_of "$candidate"); write_journal', "previous"),
    "after the exchange": ('inode=$(inode_of "$candidate"); write_journal; go_live', "new"),
    "after the first of two renames": (
        'inode=$(inode_of "$candidate"); write_journal; mv -T "$live" "$candidate.previous"',
        "previous",
    ),
    "after the second of two renames": (
        'inode=$(inode_of "$candidate"); write_journal; '
        'mv -T "$live" "$candidate.previous"; mv -T "$candidate" "$live"',
        "new",
    ),
    "after the way back": ('inode=$(inode_of "$candidate"); write_journal; go_live; go_back', "previous"),
    "after the previous was kept": (
        'inode=$(inode_of "$candidate"); write_journal; go_live; keep_replaced >/dev/null',
        "new",
    ),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("repairs", [1, 2])
def test_a_restore_that_was_cut_off_is_put_right(cut: str, repairs: int, place: Path) -> None:
    body, live = CUTS[cut]
    path = tools(place, "python3")
    run(place, body, path)
    for _ in range(repairs):
        assert run(place, "stage= candidate= live=; repair", path) == ""
    assert (place / "kometa/name").read_text() == live
    kept = [name.read_text() for name in place.glob("kometa.before-*/name")]
    assert kept == (["previous"] if live == "new" else [])
    assert not list(place.glob("kometa.stage-1/*")) or cut.startswith("before the stage")
    assert not (place / ".local/state/kometa-host/restore").exists()


@pytest.mark.parametrize(
    ("was_active", "active", "started"), [("yes", False, True), ("yes", True, False), ("", False, False)]
)
def test_the_repair_gives_the_service_back_if_it_ran(was_active: str, active: bool, started: bool, place: Path) -> None:
    if active:
        (place / "active").touch()
    run(place, f"was_active={was_active}; write_journal; repair", tools(place))
    asked = (place / "asked").read_text() if (place / "asked").exists() else ""
    assert ("--user start kometa.service" in asked) == started


def test_without_a_journal_nothing_is_repaired(place: Path) -> None:
    run(place, "repair", tools(place))
    assert names(place) == ("previous", "new")


def test_a_journal_that_was_not_completed_counts_for_nothing(place: Path) -> None:
    (place / ".local/state/kometa-host/restore.new").write_text("stage=/")
    run(place, "repair", tools(place))
    assert names(place) == ("previous", "new")


def test_only_the_last_two_replaced_trees_are_kept_and_others_are_not_touched(place: Path) -> None:
    for day in (1, 2, 3):
        (place / f"kometa.before-2020-01-0{day}T000000Z").mkdir()
    (place / "kometa.before-the-flood").mkdir()
    (place / "other.before-2020-01-01T000000Z").mkdir()
    kept = run(place, "keep_replaced", tools(place)).strip()
    found = sorted(path.name for path in place.glob("*before*"))
    assert found == [
        "kometa.before-2020-01-03T000000Z",
        Path(kept).name,
        "kometa.before-the-flood",
        "other.before-2020-01-01T000000Z",
    ]


def test_the_repair_drops_the_oldest_tree_if_a_restore_was_cut_off_before_that(place: Path) -> None:
    for day in (1, 2, 3):
        (place / f"kometa.before-2020-01-0{day}T000000Z").mkdir()
    run(place, "write_journal; repair", tools(place))
    assert len(list(place.glob("kometa.before-*"))) == 2


def test_a_path_with_an_equals_sign_survives_the_journal(place: Path) -> None:
    told = run(place, 'live=/a=b= stage=; write_journal; live=; read_journal; printf %s "$live"', tools(place))
    assert told == "/a=b="


SINGLE_PATHS = """
give_to() { :; }
sync() { :; }
"""


def place_path(place: Path, path: str, meanwhile: str, status: int) -> None:
    """Put a path of the candidate in place, while the container does something after it was looked at."""
    swapped = """eval "real_$(declare -f missing_part)"
        missing_part() { real_missing_part "$1"; if [ -e ~/looked ]; then MEANWHILE; fi; touch ~/looked; }"""
    text = programs.program("unpacking", call="", config_dir="x", timezone="x", owner_uid=0, owner_gid=0, patience=1,
        have_lock="", lock_wait=1, holder="x", idle_wait=1, force="", tar_bytes=1, left_out_expressions=[])  # fmt: skip
    live = place / "kometa"
    record = f"begin_record\nlive={live} stage={live}.stage-1 candidate={live}.stage-1/kometa paths=({path})"
    body = f"{text}{STUBS}{SINGLE_PATHS}{record}\n{swapped.replace('MEANWHILE', meanwhile)}\nplace_paths"
    done = subprocess.run(
        ["bash", "-c", body], env={"HOME": str(place), "PATH": os.environ["PATH"]}, capture_output=True, check=False
    )
    assert done.returncode == status, done.stderr


def test_a_single_path_goes_into_the_directory_that_was_looked_at_or_nowhere(place: Path) -> None:
    for tree in ("kometa", "kometa.stage-1/kometa"):
        (place / tree / "d").mkdir()
        (place / tree / "d/unit.service").write_text(tree)
    units = place / "units"
    units.mkdir()
    live = place / "kometa/d"
    place_path(place, "d/unit.service", f"rm -rf {live}; ln -s {units} {live}", status=1)
    assert list(units.iterdir()) == []
    live.unlink()
    live.mkdir()
    place_path(place, "d/unit.service", ":", status=0)
    assert (live / "unit.service").read_text() == "kometa.stage-1/kometa"
