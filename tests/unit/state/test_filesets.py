"""Sets of files: what has to change, and that nothing is left to change after it."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.state import filesets
from kometa_host.state.filesets import Changes, Entry, FileSet, FoundSet, WantedFile, changes, manifest_of
from tests.unit.told import host

# An entry as a host has it: text (None for a directory), mode, uid, gid. Something else than both is the text LINK.
Found = tuple[str | None, int, int, int]
LINK = "\0link"
PLACES = ("a", "b", "d", "d/a", "d/e", "d/e/c")


def wanted_set(files: Mapping[str, str], *directories: str, mode: int = 0o600, uid: int = 3000) -> FileSet:
    texts = {name: WantedFile.of(text, mode) for name, text in files.items()}
    return FileSet("set", "/root", texts, {".": 0o700} | dict.fromkeys(directories, 0o700), uid, uid)


@dataclass
class SimulatedHost:
    """A host that has a set: its entries, and a manifest with what was written when."""

    entries: dict[str, Found]
    manifest: dict[str, Entry]
    digest: str | None = None

    def look(self) -> FoundSet:
        ways = {name: self._deviations(name, entry) for name, entry in self.manifest.items()}
        deviations = {name: how for name, how in ways.items() if how}
        return FoundSet(digest=self.digest, manifest=self.manifest, deviations=deviations)

    def _deviations(self, name: str, recorded: Entry) -> frozenset[str]:
        if name not in self.entries:
            return frozenset({"missing"})
        text, mode, uid, gid = self.entries[name]
        if text == LINK or (text is None) != (recorded.sha256 is None):
            return frozenset({"kind"})
        owner = {"owner"} if (mode, uid, gid) != (recorded.mode, recorded.uid, recorded.gid) else set()
        changed = {"changed"} if text is not None and digest_of(text) != recorded.sha256 else set()
        return frozenset(owner | changed)

    def apply(self, wanted: FileSet, what: Changes) -> None:
        """Do what programs/lib/files.sh does, its refusals left out: what is in the way is moved away."""
        for name in what.remove:
            if not any(other.startswith(f"{name}/") for other in self.entries):
                self.entries.pop(name, None)
        for name in what.directories:
            self._clear(name)
            self.entries[name] = (None, wanted.directories[name], wanted.uid, wanted.gid)
        for name in what.write:
            self._clear(name)
            file = wanted.files[name]
            self.entries[name] = (file.text(), file.mode, wanted.uid, wanted.gid)
        modes = {**wanted.directories, **{name: file.mode for name, file in wanted.files.items()}}
        for name in what.adjust:
            self.entries[name] = (self.entries[name][0], modes[name], wanted.uid, wanted.gid)
        self.digest = wanted.digest
        self.manifest = entries_of(wanted)

    def _clear(self, name: str) -> None:
        if name != ".":
            gone = [n for n in self.entries if n == name or (n.startswith(f"{name}/") and self.entries[name][0])]
            for other in gone:
                del self.entries[other]


def digest_of(text: str) -> str:
    return WantedFile.of(text, 0).sha256


def entries_of(wanted: FileSet) -> dict[str, Entry]:
    files = {name: Entry(f.sha256, f.mode, wanted.uid, wanted.gid) for name, f in wanted.files.items()}
    return {name: Entry(None, mode, wanted.uid, wanted.gid) for name, mode in wanted.directories.items()} | files


def parents_of(names: set[str]) -> set[str]:
    return {name[:at] for name in names for at, letter in enumerate(name) if letter == "/"}


@st.composite
def file_sets(draw: st.DrawFn) -> FileSet:
    names = draw(st.sets(st.sampled_from(PLACES)))
    names -= parents_of(names)
    texts = {name: draw(st.sampled_from(["1", "2", ""])) for name in sorted(names)}
    mode, uid = draw(st.sampled_from([0o600, 0o644])), draw(st.sampled_from([0, 3000]))
    return wanted_set(texts, *sorted(parents_of(names)), mode=mode, uid=uid)


@st.composite
def meddling(draw: st.DrawFn) -> dict[str, Found | None]:
    """What somebody else does to entries: other texts, modes, owners, kinds; None takes an entry away."""
    text = st.sampled_from(["1", "2", "3", None, LINK])
    entry = st.tuples(text, st.sampled_from([0o600, 0o644, 0o700]), st.just(3000), st.sampled_from([0, 3000]))
    return draw(st.dictionaries(st.sampled_from([".", *PLACES]), st.none() | entry, max_size=4))


def meddle(host: SimulatedHost, what: Mapping[str, Found | None]) -> None:
    for name, entry in what.items():
        if entry and (name == "." or name.rpartition("/")[0] in ("", *host.entries)):
            host.entries[name] = entry if name != "." else (None, *entry[1:])
        elif not entry:
            for other in [n for n in host.entries if n == name or n.startswith(f"{name}/") or name == "."]:
                del host.entries[other]
    for name in [n for n in host.entries if parents_of({n}) & {n for n, e in host.entries.items() if e[0] is not None}]:
        del host.entries[name]  # below what is no directory any more


@given(st.lists(st.tuples(file_sets(), meddling()), min_size=1, max_size=3))
def test_applied_changes_leave_nothing_to_change_whatever_was_there(steps: list[tuple[FileSet, dict[str, Found | None]]]
                                                                    ) -> None:  # fmt: skip
    host = SimulatedHost({}, {})
    for wanted, what in steps:
        meddle(host, what)
        before, due = dict(host.entries), changes(wanted, host.look())
        for name, (text, *_) in before.items():
            foreign = text not in (None, LINK) and host.manifest.get(name, Entry(None, 0, 0, 0)).sha256 != digest_of(
                str(text)
            )
            replaced = name in due.write or name in due.remove
            assert not (foreign and replaced) or name in due.save, "what others wrote is kept"
        host.apply(wanted, due)
        assert not changes(wanted, host.look())
        expected = {name: (None, mode) for name, mode in wanted.directories.items()}
        expected_files = {name: (file.text(), file.mode) for name, file in wanted.files.items()}
        found = {
            name: entry[:2] for name, entry in host.entries.items() if name in {*wanted.directories, *wanted.files}
        }
        assert found == expected | expected_files


@given(file_sets(), file_sets())
def test_only_equal_sets_have_the_same_digest(one: FileSet, other: FileSet) -> None:
    assert (one.digest == other.digest) == (one == other)


@given(file_sets())
def test_a_manifest_is_read_as_it_was_written(wanted: FileSet) -> None:
    told = "".join(
        line if number == 0 else line.replace(" ", " 5 1.5 2.5 ", 1)
        for number, line in enumerate(manifest_of(wanted).splitlines(keepends=True))
    )
    found = host(files__set__manifest=gzip.compress(told.encode()), files__set__digest=told.splitlines()[0])
    assert found.files("set").manifest == entries_of(wanted)
    assert found.files("set").digest == wanted.digest


def test_deviations_are_read_whole() -> None:
    text = "missing a b \nkind  c\nowner 600 0 0 d e\nchanged d e\n"
    assert filesets.parse_deviations(text) == {
        "a b ": {"missing"},
        " c": {"kind"},
        "d e": {"owner", "changed"},
    }


def test_a_state_that_was_cut_off_is_a_change_by_itself() -> None:
    wanted = wanted_set({"a": "1"})
    found = FoundSet(digest=wanted.digest, pending=True)
    assert changes(wanted, found)
    assert not changes(wanted, replace(found, pending=False))


def test_what_stands_under_a_new_name_is_kept_and_what_we_wrote_is_not() -> None:
    wanted = wanted_set({"a": "2", "new": "1"})
    previous = wanted_set({"a": "1"})
    due = changes(wanted, FoundSet(digest=previous.digest, manifest=entries_of(previous)))
    assert (due.write, due.save, due.since) == (["a", "new"], ["new"], previous.digest)


def test_directories_go_after_what_is_in_them() -> None:
    previous = wanted_set({"d/e/c": "1"}, "d", "d/e")
    due = changes(wanted_set({}), FoundSet(digest=previous.digest, manifest=entries_of(previous)))
    assert due.remove == ["d/e/c", "d/e", "d"]


@pytest.mark.parametrize("other", [{"mode": 0o644}, {"uid": 0}])
def test_another_mode_or_owner_writes_nothing_again(other: dict[str, int]) -> None:
    previous = wanted_set({"a": "1"})
    due = changes(wanted_set({"a": "1"}, **other), FoundSet(digest=previous.digest, manifest=entries_of(previous)))
    assert (due.write, due.save, "a" in due.adjust) == ([], [], True)
