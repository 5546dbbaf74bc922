"""programs/lib/account_state.sh: who owns what in the config tree is told whether or not it was ever written."""

import os
from pathlib import Path

import pytest

from kometa_host.state import programs
from kometa_host.state.filesets import FileSet
from kometa_host.state.observed import ForeignOwned, Observed
from tests.unit.programs.place import Place

PLACES = dict.fromkeys(("quadlet_dir", "backup_dir", "backup_mount", "backup_place"), "/nowhere")


def look(place: Place, wanted: FileSet, *others: FileSet, call: str = "namespace_part", **told: str) -> Observed:
    """Return what a part tells of a config tree, other sets and further places: those inside the namespace."""
    sets = (wanted, *others)
    program = programs.program(
        "account_state",
        call=call,
        config_dir=wanted.root,
        owner_uid=wanted.uid,
        owner_gid=wanted.gid,
        set_names=[one.name for one in sets],
        set_roots=[one.root for one in sets],
        set_digests=[one.digest for one in sets],
        set_texts=["" for _ in sets],
        image="image",
        network="network",
        timezone="UTC",
        **(PLACES | told),
    )
    return place.observe(program)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="giving files away needs root")
@pytest.mark.parametrize("written", [True, False])
def test_what_belongs_to_others_is_told_beside_what_deviates(place: Place, written: bool) -> None:
    wanted = place.wanted({"d/ours": "1", "d/edited": "1"}, "d")
    place.put_whole(wanted)
    (place.root / "d/edited").write_text("by hand")
    for name in ("d/two\nlines", "theirs"):
        (place.root / name).touch()
        os.chown(place.root / name, 7, 8)
    record = place.home / ".local/state/kometa-host/files/set/manifest"
    if not written:
        record.unlink()
    found = look(place, wanted)
    assert set(found.files("set").deviations) == ({"d/edited"} if written else set())
    assert (found.foreign_owned.count, found.foreign_owned.out_of_reach) == (2, 0)
    assert set(found.foreign_owned.first) == {"7:8 d/two?lines", "7:8 theirs"}


def test_a_tree_of_which_all_is_in_order_tells_so(place: Place) -> None:
    wanted = place.wanted({"a": "1"})
    place.put_whole(wanted)
    found = look(place, wanted, FileSet("other", str(place.home / "other"), {}, {}))
    assert (found.files("set").deviations, found.foreign_owned) == ({}, ForeignOwned())
    assert "foreign-owned" in found.values


@pytest.mark.parametrize(
    ("prepare", "mount", "found"),
    [
        ("mkdir DIRECTORY", "", "writable"),
        ("touch DIRECTORY", "", "other"),
        ("ln -s nowhere DIRECTORY", "", "other"),
        ("true", "", "missing"),
        ("mkdir DIRECTORY", "/nowhere", "unmounted"),
        # as on a server that is gone: whoever looks at it has to be killed
        ("mountpoint() { kill -KILL $$; }; export -f mountpoint", "/data", "silent"),
    ],
)
def test_what_is_found_of_the_backup_directory(place: Place, prepare: str, mount: str, found: str) -> None:
    directory = str(place.home / "backups")
    call = prepare.replace("DIRECTORY", directory) + "; backup_part"
    told = look(place, place.wanted({}), call=call, backup_dir=directory, backup_mount=mount)
    assert told.text("backup-directory") == found
