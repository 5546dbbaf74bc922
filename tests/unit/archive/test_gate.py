"""The gate over tar headers: what real GNU tar writes passes unchanged, everything else ends it."""

import io
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kometa_host.archive.chain import open_archive
from kometa_host.archive.errors import ArchiveError, DamagedError, RefusedError
from kometa_host.archive.gate import Contents, Gate, Limits, Member
from kometa_host.archive.identity import Identities
from tests.unit.hostile import (
    CONFIG,
    END,
    GOOD,
    TARS,
    TOP,
    Case,
    base256,
    file,
    folder,
    hardlink,
    header,
    key,
    long_name,
    symlink,
    tar,
)


def passed(
    data: bytes, step: int = 1 << 20, limits: Limits | None = None, out: bytearray | None = None
) -> tuple[bytes, Contents, list[Member]]:
    out, members = bytearray() if out is None else out, list[Member]()
    gate = Gate(out.extend, limits, members.append)
    for start in range(0, len(data), step):
        assert gate.write(data[start : start + step]) == len(data[start : start + step])
    return bytes(out), gate.finish(), members


@pytest.mark.parametrize("case", TARS, ids=lambda case: case.name)
def test_a_hostile_stream_is_refused_and_its_header_is_never_forwarded(case: Case) -> None:
    for step in (100, 1 << 20):
        out = bytearray()
        with pytest.raises(ArchiveError) as refusal:
            passed(case.data, step, out=out)
        assert case.refusal in str(refusal.value)
        assert str(refusal.value).isprintable()
        assert len(str(refusal.value)) < 500
        assert all(name == "kometa" or name.startswith("kometa/") for name in names_in(bytes(out)))


def names_in(cut_stream: bytes) -> list[str]:
    names: list[str] = []
    with tarfile.open(fileobj=io.BytesIO(cut_stream.ljust(10240, b"\0"))) as left, suppress(tarfile.ReadError):
        for member in left:
            names.append(member.name)
    return names


@pytest.mark.parametrize("step", [1, 7, 511, 512, 513, 4096])
def test_the_same_bytes_come_out_for_pieces_of_any_size(step: int) -> None:
    name, target = b"kometa/" + b"n" * 200, b"t" * 300
    links = long_name(target, b"K") + symlink(b"kometa/link", target[:100])
    data = tar(long_name(name), file(name[:100], b"x" * 700), links, hardlink(b"kometa/h", b"kometa/config.yml"))
    out, contents, members = passed(data, step)
    assert out == data
    assert [(member.name, member.link) for member in members[2:]] == [
        (name, b""),
        (b"kometa/link", target),
        (b"kometa/h", b"kometa/config.yml"),
    ]
    assert contents == Contents(5, 711, len(data), has_config_yml=True, newest_mtime=0, config_yml=b"libraries:\n")


def test_a_cut_at_every_block_is_refused() -> None:
    data = tar(folder(b"kometa/a/"), file(b"kometa/a/x", os.urandom(3000)), long_name(b"kometa/l"), file(b"kometa/l"))
    for cut in range(0, len(data), 512):
        with pytest.raises(ArchiveError, match=r"cut short|holds no files|end of the tar stream is missing"):
            passed(data[:cut])


def test_after_an_error_every_call_raises_the_same() -> None:
    pieces: list[object] = []
    gate = Gate(pieces.append)
    with pytest.raises(RefusedError) as first:
        gate.write(tar(file(b"/etc/passwd")))
    for call in (lambda: gate.write(TOP), lambda: gate.write(b""), gate.finish):
        with pytest.raises(RefusedError) as later:
            call()
        assert later.value is first.value
    assert pieces == []


def test_after_forward_failed_it_is_not_called_again() -> None:
    calls = []

    def forward(data: bytes | memoryview) -> None:
        calls.append(len(data))
        raise KeyboardInterrupt

    gate = Gate(forward)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            gate.write(TOP)
    assert len(calls) == 1


def test_a_finished_gate_takes_nothing_more() -> None:
    gate = Gate(len)
    gate.write(tar())
    gate.finish()
    with pytest.raises(ValueError, match="closed"):
        gate.write(TOP)


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        (Limits(members=2), "one more than the 2 members"),
        (Limits(total=2000), "more than 2000 bytes"),
        (Limits(total=4000), "more than a whole archive"),
        (Limits(path=20), "its path is 23 bytes long, more than 20"),
        (Limits(part=15), "a part of its path is longer than 15 bytes"),
    ],
)
def test_more_than_the_limits_is_refused(limits: Limits, refusal: str) -> None:
    with pytest.raises(RefusedError, match=refusal):
        passed(tar(file(b"kometa/0123456789abcdef", b"x" * 5000)), step=512, limits=limits)


@pytest.mark.parametrize(
    "member",
    [
        symlink(b"kometa/link", b"/config/assets"),
        symlink(b"kometa/link", b"../../etc"),
        file(b"kometa/..x"),
        file(b"kometa/ "),
        file(b"kometa/a\\..\\b"),
        folder(b"kometa/shared/", mode=0o2775),
        file(b"kometa/sticky", mode=0o1644),
        file(b"kometa/nobody", uid=65534, gid=65535),
        file(b"kometa/old", mtime=base256(-1)),
        file(b"kometa/late", mtime=base256(1 << 40)),
        file(b"kometa/" + b"x" * 93),
        header(b"kometa/one", size=base256(3)) + b"abc" + bytes(509),
        hardlink(b"kometa/one", b"kometa/config.yml") + hardlink(b"kometa/two", b"kometa/one"),
    ],
)  # fmt: skip
def test_what_a_backup_may_hold_passes(member: bytes) -> None:
    assert passed(tar(member))[0] == tar(member)


def test_a_config_yml_is_only_one_at_the_top() -> None:
    elsewhere = TOP + folder(b"kometa/a/") + file(b"kometa/a/config.yml") + END
    directory = TOP + folder(b"kometa/config.yml/") + END
    assert not passed(elsewhere)[1].has_config_yml
    assert not passed(directory)[1].has_config_yml
    assert passed(TOP + symlink(b"kometa/config.yml", b"other.yml") + END)[1].has_config_yml
    assert passed(TOP + CONFIG + END)[1].has_config_yml


@pytest.mark.parametrize("mtime", [-(1 << 62), 0, 1 << 62])
def test_the_newest_time_is_a_date_whatever_the_archive_says(mtime: int) -> None:
    contents = Contents(1, 0, 0, True, mtime)
    assert 1 <= contents.newest.year <= 9999


def test_a_stream_that_ends_early_names_the_member() -> None:
    with pytest.raises(DamagedError, match='2000 bytes of the member "kometa/big" are missing'):
        passed(GOOD + header(b"kometa/big", size=2560) + bytes(560))


# Trees packed by real tar -------------------------------------------------------------------------------------------

PART = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.text(min_size=1, max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.integers(90, 255).map(lambda size: b"n" * size),
).map(lambda part: part.replace(b"/", b"_").replace(b"\0", b" ")[:255])
NAME = PART.filter(lambda part: part not in (b".", b".."))
NODE = st.recursive(
    st.one_of(
        st.tuples(st.just("file"), st.integers(0, 3000), st.sampled_from([0o600, 0o644, 0o755, 0o400])),
        st.tuples(st.just("symlink"), st.binary(min_size=1, max_size=300).filter(lambda link: b"\0" not in link)),
        st.tuples(st.just("hardlink")),
    ),
    lambda node: st.dictionaries(NAME, node, max_size=5),
    max_leaves=12,
)
TREE = st.dictionaries(NAME, NODE, max_size=6)


def build(tree: dict[bytes, object], place: Path, files: list[Path]) -> None:
    place.mkdir()
    for name, node in tree.items():
        path = place / os.fsdecode(name)
        if isinstance(node, dict):
            build(node, path, files)
        else:
            build_leaf(path, node, files)
    os.utime(place, (0, len(tree) * 1000))


def build_leaf(path: Path, node: object, files: list[Path]) -> None:
    match node:
        case ("file", int(size), int(mode)):
            path.write_bytes(os.urandom(size))
            path.chmod(mode)
            os.utime(path, (0, size - 1000))
            files.append(path)
        case ("symlink", bytes(link)):
            path.symlink_to(os.fsdecode(link))
        case _ if files:
            path.hardlink_to(files[-1])


def described(top: Path) -> list[tuple[object, ...]]:
    """Everything that a backup keeps of a tree."""
    inodes: dict[int, Path] = {}
    lines: list[tuple[object, ...]] = []
    for path in sorted([top, *below(top)]):
        status = path.lstat()
        link = str(path.readlink()) if path.is_symlink() else ""
        data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        twin = inodes.setdefault(status.st_ino, path).relative_to(top)
        mtime = 0 if link else int(status.st_mtime)
        lines.append((path.relative_to(top), status.st_mode, mtime, link, data, twin))
    return lines


def below(top: Path) -> list[Path]:
    return [Path(place, name) for place, folders, files in os.walk(top) for name in (*folders, *files)]


def opened_by_the_chain(packed: bytes) -> bytes:
    """What comes out of the archive that the zstd and age commands make of a tar stream, where they are installed."""
    archive, out = packed, bytearray()
    if not shutil.which("age") or not shutil.which("zstd"):
        return packed
    for command in (["zstd", "-q", "-T0", "-3", "-c"], ["age", "-r", str(key().to_public())]):
        archive = subprocess.run(command, input=archive, capture_output=True, check=True).stdout
    open_archive(io.BytesIO(archive).read, Identities("key.txt", ("X25519",), (key(),)), out.extend)
    return bytes(out)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(TREE)
def test_any_tree_packed_by_tar_passes_and_unpacks_to_the_same(tree: dict[bytes, object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        place, stage = Path(name), Path(name, "stage")
        build(tree, place / "kometa", [])
        packed = subprocess.run(["tar", "-C", name, "-cf", "-", "kometa"], capture_output=True, check=True).stdout
        out, contents, members = passed(packed, step=10_000)
        assert out == packed
        names = [os.fsencode(path.relative_to(place)) for path in below(place / "kometa")]
        assert sorted(member.name for member in members) == sorted([b"kometa", *names])
        assert contents.members == len(members)
        assert opened_by_the_chain(packed) == packed
        stage.mkdir()
        subprocess.run(["tar", "-C", str(stage), "-xpf", "-"], input=out, check=True)
        assert described(place / "kometa") == described(stage / "kometa")
