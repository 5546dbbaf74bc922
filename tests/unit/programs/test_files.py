"""programs/lib/files.sh: a set of files becomes live whole or not at all, and the look at it sees every deviation."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from kometa_host.state import filesets, programs
from kometa_host.state.filesets import FileSet, WantedFile
from operations.engine.files import stream
from tests.unit.programs.place import Place

STEPS = (
    *("commit_stage", "save_replaced", "remove_unwanted", "remove_retyped", "make_directories", "move_files"),
    "adjust_owners",
)
ODD_NAMES = (
    " leads", "trails ", "a  b", "-n", "back\\slash", "quo'te\"", "$HOME", "ü€😀", "*", "n=1", "%s", "a]b", "@",
)  # fmt: skip


@pytest.fixture
def place() -> Iterator[Place]:
    """A home in memory, where there is some: what is written waits for the disk, of which no test here tells."""
    memory = "/dev/shm"  # noqa: S108  (the name below it is made up)
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Place(Path(name))


def first(length: int, data: bytes) -> bytes:
    """Return so many bytes of the data."""
    return data[:length]


def dies_after(step: str) -> str:
    """Return bash text after which the named function ends in the death of the whole program."""
    return f'eval "really_$(declare -f {step})"; {step}() {{ really_{step}; kill -9 $$; }}'


def test_an_unchanged_set_shows_nothing_and_a_second_set_takes_its_place(place: Place) -> None:
    place.put_whole(place.wanted({"a": "1", "d/b": "2", "e/f/c": ""}, "d", "e", "e/f"))
    place.put_whole(place.wanted({"a": "3", "d/b": "2"}, "d"))
    assert place.entries() == {"tree": None, "tree/a": "3", "tree/d": None, "tree/d/b": "2"}


def test_names_of_every_kind_make_the_round_trip(place: Place) -> None:
    folders = [f"{name}.d" for name in ODD_NAMES]
    wanted = place.wanted(
        {f"d /{name}": name for name in ODD_NAMES} | {f"{name}/f": "" for name in folders}, "d ", *folders
    )
    place.put_whole(wanted)
    for name, folder in zip(ODD_NAMES, folders, strict=True):
        (place.root / "d " / name).write_text("edited")
        (place.root / folder).chmod(0o711)
    found = place.look(wanted)
    edited = {f"d /{name}": frozenset({"changed"}) for name in ODD_NAMES}
    assert found.deviations == edited | dict.fromkeys(folders, frozenset({"owner"}))
    place.put_whole(wanted)


@pytest.mark.parametrize("python", ["", "python3() { echo broken; return 127; }; "], ids=["with Python", "without"])
def test_files_with_other_times_than_recorded_are_compared_by_content(place: Place, python: str) -> None:
    place.root.mkdir()
    sums = {}
    for name in ("same", " odd \\name ", "other", "longer"):
        (place.root / name).write_text(name)
        sums[name] = hashlib.sha256(name.encode()).hexdigest()
    (place.root / "other").write_text("OTHER")
    (place.root / "longer").write_text("longe")
    os.mkfifo(place.root / "pipe")
    (place.root / "link").symlink_to("same")
    lines = [f"check {sum_} {len(name)} {name}" for name, sum_ in sums.items()]
    lines += [f"check {sums['same']} 4 {name}" for name in ("pipe", "link", "gone")]
    lines += ["missing d/x", "owner 644 1 2 check me"]
    program = programs.program("file_state", call=f"{python}checked_by_content {place.root}")
    told = place.bash(program, "".join(f"{line}\n" for line in lines).encode()).stdout.decode().splitlines()
    changed = [f"changed {name}" for name in ("other", "longer", "pipe", "link", "gone")]
    assert told == [*changed, "missing d/x", "owner 644 1 2 check me"]


def test_what_is_written_bears_the_time_of_the_host_not_of_the_controller(place: Place) -> None:
    place.put_whole(place.wanted({"a": "1"}))
    reference = place.home / "now"
    reference.touch()
    assert (place.root / "a").stat().st_mtime <= reference.stat().st_mtime

    def from_the_future(data: bytes) -> bytes:
        at = data.index(b"files/a\0")
        header = bytearray(data[at : at + 512])
        header[136:148] = b"77777777777\0"
        header[148:156] = b" " * 8
        header[148:156] = f"{sum(header):06o}\0 ".encode()
        return data[:at] + bytes(header) + data[at + 512 :]

    wanted = place.wanted({"a": "2"})
    assert place.put(wanted, cut=from_the_future).returncode == 0
    place.assert_as_wanted(wanted)
    reference.touch()
    assert (place.root / "a").stat().st_mtime <= reference.stat().st_mtime


def counted(*commands: str) -> str:
    """Return bash text that makes a call of each command leave a line in the file `calls` of the home."""
    return "".join(f'{name}() {{ echo {name} >>"$HOME/calls"; command {name} "$@"; }}\n' for name in commands)


def calls(place: Place) -> int:
    """Return how often the counted commands have been called since the last look."""
    log = place.home / "calls"
    count = len(log.read_text().splitlines()) if log.exists() else 0
    log.unlink(missing_ok=True)
    return count


def test_new_folders_cost_no_process_each_and_old_ones_two(place: Place) -> None:
    folders = [f"assets/Film {number}" for number in range(12)]
    counting = counted("readlink", "mv", "rm", "rmdir", "mkdir", "chmod", "stat", "find", "xargs", "awk", "sort", "tr")

    def costs(text: str, *names: str) -> int:
        wanted = place.wanted({f"{name}/poster.jpg": text for name in names}, "assets", *names)
        done = place.put(wanted, prepare=counting)
        assert done.returncode == 0, done.stderr
        place.assert_as_wanted(wanted)
        return calls(place)

    once = costs("1", folders[0])
    assert costs("1", *folders) - once <= 5
    assert costs("2", *folders) - once <= 2 * len(folders)
    # The folder itself goes by its parent, with all the others.
    assert costs("2", folders[0]) - once <= 2 * len(folders)


def test_files_with_another_mode_cost_no_process_each(place: Place) -> None:
    names = [f"assets/{number}.jpg" for number in range(30)]
    wanted = place.wanted(dict.fromkeys(names, "1"), "assets")
    place.put_whole(wanted)

    # Nobody else can reach what is copied, whatever mode it has until then.
    seen = """eval "really_$(declare -f give_facts)"
        give_facts() {
            [ "$(command stat -c %a "$pending" "$pending/adjusted" | sort -u)" = 700 ] && really_give_facts "$@"
        }
    """

    def costs(changed: list[str]) -> int:
        for name in changed:
            (place.root / name).chmod(0o666)
        counting = counted("readlink", "mv", "rm", "mkdir", "chown", "chmod", "stat", "cp")
        done = place.put(wanted, prepare=counting + seen)
        assert done.returncode == 0, done.stderr
        place.assert_as_wanted(wanted)
        return calls(place)

    once = costs(names[:1])
    assert costs(names) - once <= 10


def edit_in_secret(path: Path) -> None:
    before = path.stat()
    path.write_text("X")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


DEVIATIONS: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "an edit": (lambda path: path.write_text("longer"), {"changed"}),
    "an edit of the same size with the old time": (edit_in_secret, {"changed"}),
    "another mode": (lambda path: path.chmod(0o666), {"owner"}),
    "its absence": (lambda path: path.unlink(), {"missing"}),
    "a link in its place": (replace_by_link, {"kind"}),
    "nothing but a touch": (lambda path: os.utime(path, (5, 5)), set()),
}


def test_every_deviation_shows_and_is_mended(place: Place) -> None:
    wanted = place.wanted(dict.fromkeys((f"d/{what}" for what in DEVIATIONS), "1"), "d")
    place.put_whole(wanted)
    for what, (spoil, _) in DEVIATIONS.items():
        spoil(place.root / "d" / what)
    assert place.look(wanted).deviations == {
        f"d/{what}": frozenset(how) for what, (_, how) in DEVIATIONS.items() if how
    }
    place.put_whole(wanted)


SPOILT_ENTRIES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "cut off": lambda kept, _: kept[: len(kept) // 2],
    "empty": lambda *_: b"",
    "of an earlier manifest": lambda _, earlier: earlier,
}


@pytest.mark.parametrize("spoil", SPOILT_ENTRIES.values(), ids=SPOILT_ENTRIES)
def test_kept_entries_that_are_not_whole_or_not_of_this_manifest_hide_nothing(
    place: Place, spoil: Callable[[bytes, bytes], bytes]
) -> None:
    entries = place.home / ".local/state/kometa-host/files/set/entries"
    place.put_whole(place.wanted({"a": "1"}))
    earlier = entries.read_bytes()
    wanted = place.wanted({"a": "1", "b": "2"})
    place.put_whole(wanted)
    entries.write_bytes(spoil(entries.read_bytes(), earlier))
    (place.root / "a").write_text("edited")
    (place.root / "b").unlink()
    assert place.look(wanted).deviations == {"a": frozenset({"changed"}), "b": frozenset({"missing"})}


def test_an_edit_stays_visible_after_other_files_were_written(place: Place) -> None:
    place.put_whole(place.wanted({"a": "1", "b": "2"}))
    wanted = place.wanted({"a": "1", "b": "3"})
    found = place.look(wanted)
    (place.root / "a").write_text("edited meanwhile")
    assert place.put(wanted, found=found).returncode == 0
    assert place.look(wanted).deviations == {"a": frozenset({"changed"})}


def test_a_set_that_others_have_replaced_is_mended_and_theirs_is_kept(place: Place) -> None:
    place.root.mkdir()
    (place.root / "a").write_text("theirs")
    (place.root / "other").write_text("not ours")
    done = place.put(place.wanted({"a": "1"}))
    kept = next(place.home.glob(".local/state/kometa-host/replaced/*/set/a"))
    assert kept.read_text() == "theirs"
    assert str(kept.parent).encode() in done.stderr
    assert place.entries() == {"tree": None, "tree/a": "1", "tree/other": "not ours"}


def test_a_directory_that_is_no_longer_wanted_stays_as_long_as_others_have_files_in_it(place: Place) -> None:
    place.put_whole(place.wanted({"d/a": "1"}, "d"))
    (place.root / "d/theirs").write_text("x")
    place.put_whole(place.wanted({}))
    assert place.entries() == {"tree": None, "tree/d": None, "tree/d/theirs": "x"}


def test_a_stream_that_was_cut_anywhere_changes_nothing(place: Place) -> None:
    place.put_whole(place.wanted({"a": "1", "gone": "2"}))
    before, wanted = place.entries(), place.wanted({"a": "3", "d/new": "4"}, "d")
    found = place.look(wanted)
    length_of_all = sum(len(piece) for piece in stream(wanted, filesets.changes(wanted, found)))
    end = length_of_all - 1024 - 512  # where the last member, `end`, begins
    for length in [*range(0, end + 1, 512), end - 700]:
        done = place.put(wanted, cut=partial(first, length), found=found)
        assert (done.returncode, place.entries()) == (1, before), length
        assert b"nothing was changed" in done.stderr
    place.put_whole(wanted)


@pytest.mark.parametrize("outside", [True, False])
def test_a_directory_that_became_a_link_is_refused_before_anything_changes(place: Place, outside: bool) -> None:
    place.put_whole(place.wanted({"d/a": "1", "b": "2"}, "d"))
    (place.root / "d").rename(place.home / "elsewhere" if outside else place.root / "elsewhere")
    (place.root / "d").symlink_to(place.home / "elsewhere" if outside else "elsewhere")
    before = place.entries()
    done = place.put(place.wanted({"d/a": "3", "b": "4"}, "d"))
    assert done.returncode == 1
    assert f"{place.root}/d shall be a directory, but something else is there" in done.stderr.decode()
    assert place.entries() == before


def swapped_before(step: str) -> str:
    """Return bash text that puts a link in the place of the directory d just before a step."""
    swap = (
        'if [ -d "$root/d" ] && [ ! -L "$root/d" ]; then mv "$root/d" "$root/was"; ln -s "$HOME/victim" "$root/d"; fi'
    )
    return f'eval "original_$(declare -f {step})"; {step}() {{ {swap}; original_{step}; }}'


@pytest.mark.parametrize("step", [step for step in STEPS if step != "commit_stage"])
def test_a_directory_that_is_swapped_for_a_link_while_files_are_written_leads_nothing_astray(
    place: Place, step: str
) -> None:
    names = ("a", "b", "changed", "retyped")
    place.put_whole(
        place.wanted({**{f"d/{name}": "1" for name in names}, "d/sub/gone": "1", "d/mode": "1"}, "d", "d/sub")
    )
    (place.root / "d/mode").chmod(0o600)
    (place.root / "d/changed").write_text("by somebody else")
    victim = place.home / "victim"
    for name in (*names, "mode", "sub/gone"):
        (victim / name).parent.mkdir(parents=True, exist_ok=True)
        (victim / name).write_text("theirs")
        (victim / name).chmod(0o600)
    before = [(path, path.lstat()) for path in sorted(victim.rglob("*"))]
    wanted = place.wanted(
        {"d/b": "2", "d/changed": "2", "d/retyped/in": "2", "d/mode": "1", "d/new/x": "2"}, "d", "d/retyped", "d/new"
    )
    place.put(wanted, prepare=swapped_before(step))
    after = [(path, path.lstat()) for path in sorted(victim.rglob("*"))]
    facts = ("st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_ino")
    assert [(path, [getattr(found, fact) for fact in facts]) for path, found in after] == [
        (path, [getattr(found, fact) for fact in facts]) for path, found in before
    ]


def test_a_directory_in_place_of_a_file_is_refused_before_anything_changes(place: Place) -> None:
    place.put_whole(place.wanted({"a": "1", "b": "2"}))
    (place.root / "b").unlink()
    (place.root / "b/theirs").mkdir(parents=True)
    before = place.entries()
    for wanted in (place.wanted({"a": "1", "b": "2"}), place.wanted({"a": "3", "b": "2"})):
        done = place.put(wanted)
        assert done.returncode == 1
        assert f"{place.root}/b shall be a file, but a directory is there" in done.stderr.decode()
        assert place.entries() == before


def test_a_set_that_was_changed_since_the_look_is_not_written_over(place: Place) -> None:
    place.put_whole(place.wanted({"a": "1"}))
    wanted = place.wanted({"a": "3"})
    found = place.look(wanted)
    place.put_whole(place.wanted({"a": "2"}))
    done = place.put(wanted, found=found)
    assert (done.returncode, (place.root / "a").read_text()) == (1, "2")
    assert b"was changed by somebody else meanwhile" in done.stderr


def test_a_refused_set_changes_nothing(place: Place) -> None:
    place.put_whole(place.wanted({"a": "1"}))
    before = place.entries()
    assert place.put(place.wanted({"a": "2"}), prepare="check=refuse; refuse() { fail 'no'; }").stderr == b"no\n"
    assert place.entries() == before


@pytest.mark.parametrize("step", [*STEPS, "write_manifest"])
def test_what_a_kill_has_cut_off_is_finished_by_the_next_run(place: Place, step: str) -> None:
    place.put_whole(place.wanted({"a": "1", "b": "1", "gone/c": "1"}, "gone"))
    (place.root / "b").write_text("edited")
    wanted = place.wanted({"a": "2", "b": "2", "d/new": "2"}, "d")
    assert place.put(wanted, prepare=dies_after(step)).returncode == -9
    assert place.look(wanted).pending
    assert place.root.with_name("tree.pending").stat().st_mode & 0o777 == 0o700
    place.finish(wanted)
    place.assert_as_wanted(wanted)
    assert place.entries() == {"tree": None, "tree/a": "2", "tree/b": "2", "tree/d": None, "tree/d/new": "2"}
    assert "edited" in [path.read_text() for path in place.home.glob(".local/state/kometa-host/replaced/*/set/b")]


@pytest.mark.parametrize("step", [*STEPS, "write_manifest", ""])
def test_a_file_becomes_a_directory_and_a_directory_a_file(place: Place, step: str) -> None:
    place.put_whole(place.wanted({"a": "1", "d/b": "1", "d/e/c": "1"}, "d", "d/e"))
    wanted = place.wanted({"a/x": "2", "d": "2"}, "a")
    killed = place.put(wanted, prepare=dies_after(step) if step else "")
    assert killed.returncode == (-9 if step else 0), killed.stderr
    if step:
        place.finish(wanted)
    place.assert_as_wanted(wanted)
    assert place.entries() == {"tree": None, "tree/a": None, "tree/a/x": "2", "tree/d": "2"}


def test_an_edited_file_that_becomes_a_directory_is_kept_as_a_copy(place: Place) -> None:
    place.put_whole(place.wanted({"a": "1"}))
    (place.root / "a").write_text("edited")
    place.put_whole(place.wanted({"a/x": "2"}, "a"))
    assert "edited" in [path.read_text() for path in place.home.glob(".local/state/kometa-host/replaced/*/set/a")]


def test_a_directory_with_files_of_others_does_not_become_a_file(place: Place) -> None:
    place.put_whole(place.wanted({"d/b": "1"}, "d"))
    (place.root / "d" / "theirs").write_text("theirs")
    done = place.put(place.wanted({"d": "2"}))
    assert f"{place.root}/d shall be a file, but a directory is there" in done.stderr.decode()
    assert (place.root / "d" / "theirs").read_text() == "theirs"
    assert (place.root / "d" / "b").read_text() == "1"


@pytest.mark.parametrize("step", ["commit_stage", "move_files", "adjust_owners"])
def test_after_a_kill_another_set_is_judged_by_what_is_there_then(place: Place, step: str) -> None:
    first, second = place.wanted({"a": "1", "b": "1"}), place.wanted({"a": "2", "b": "2", "d/new": "2"}, "d")
    place.put_whole(first)
    assert place.put(second, prepare=dies_after(step)).returncode == -9
    # Found out without what is pending: b would count as it was, and d/new as nobody's.
    done = place.put(first)
    assert done.returncode == 1
    assert b"Run the command again" in done.stderr
    place.put_whole(first)
    assert place.entries() == {"tree": None, "tree/a": "1", "tree/b": "1"}


def test_a_file_that_goes_meanwhile_keeps_no_run_from_finishing(place: Place) -> None:
    place.put_whole(place.wanted({"a": "1", "b": "1", "c": "1"}))
    (place.root / "c").chmod(0o600)
    wanted = place.wanted({"a": "2", "b": "1", "c": "1"})
    found = place.look(wanted)
    (place.root / "b").unlink()
    (place.root / "c").unlink()
    done = place.put(wanted, found=found)
    assert done.returncode == 0, done.stderr
    assert place.look(wanted).deviations == {"b": frozenset({"missing"}), "c": frozenset({"missing"})}
    place.put_whole(wanted)


@pytest.mark.skipif(os.getuid() != 0, reason="giving files away needs root")
def test_everything_belongs_to_the_wanted_owner(place: Place) -> None:
    texts = {"d/a": WantedFile.of("1", 0o600)}
    wanted = FileSet("set", str(place.root), texts, {".": 0o700, "d": 0o700}, 3000, 3001)
    place.put_whole(wanted)
    os.chown(place.root / "d", 0, 0)
    assert place.look(wanted).deviations == {"d": frozenset({"owner"})}
    place.put_whole(wanted)
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (place.root, *place.root.rglob("*"))}
    assert owners == {(3000, 3001)}


def test_the_text_that_is_followed_is_told_once_it_was_edited(place: Place) -> None:
    wanted = place.wanted({"config.yml": "a: 1\n"})
    place.put_whole(wanted)
    assert place.look(wanted, "config.yml").text is None
    (place.root / "config.yml").write_text("a: 2\n")
    assert place.look(wanted, "config.yml").text == "a: 2\n"
