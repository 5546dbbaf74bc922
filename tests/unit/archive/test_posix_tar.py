"""The stream of `restic dump` becomes one that the gate accepts, and whatever is wrong with it is refused."""

import io
import random
import tarfile
from collections.abc import Iterable

import pytest

from kometa_host.archive.chain import REPOSITORY, open_snapshot
from kometa_host.archive.errors import ArchiveError, DamagedError, NotAnArchiveError, RefusedError
from kometa_host.archive.gate import Gate, Member
from kometa_host.archive.posix_tar import PosixToGnu, pax_records

LONG = "/".join("d" * 100 for _ in range(5))


def member(
    name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", **more: object
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.uid, info.gid, info.mode, info.mtime = kind, len(data), 3000, 3000, 0o644, 1_700_000_000
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def tree(top: str = "mine", *more: tuple[tarfile.TarInfo, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [
        member(top, tarfile.DIRTYPE, mode=0o755),
        member(f"{top}/config.yml", data=b"libraries: {}\n"),
        *more,
    ]


def stream(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return a POSIX tar stream, with PAX headers where restic's writer has them too."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def translated(data: bytes, seed: int = 0) -> tuple[list[Member], bytes]:
    """Send a stream through translator and gate in pieces of any size; return the members and what came out."""
    numbers, members, out = random.Random(seed), list[Member](), io.BytesIO()  # noqa: S311
    gate = Gate(out.write, on_member=members.append)
    translator = PosixToGnu(gate.write)
    position = 0
    while position < len(data):
        step = numbers.choice([1, 511, 512, 513, 10_000])
        translator.write(data[position : position + step])
        position += step
    translator.finish()
    gate.finish()
    return members, out.getvalue()


@pytest.mark.parametrize("seed", range(4))
def test_a_tree_comes_out_as_gnu_tar_writes_it_whatever_it_was_called(seed: int) -> None:
    names = ["ümläut", "new\nline", "\udcff\udcfe not UTF-8", "n" * 255, LONG]
    folders = [member(f"mine/{'/'.join(LONG.split('/')[:depth])}", tarfile.DIRTYPE) for depth in range(1, 5)]
    files = [member(f"mine/{name}", data=name.encode("utf-8", "surrogateescape")) for name in names]
    link = member("mine/link", tarfile.SYMTYPE, linkname="/etc/" + "x" * 200)
    members, out = translated(stream(tree("mine", *folders, *files, link)), seed)
    assert members[0].name == b"kometa"
    found = {one.name.removeprefix(b"kometa/"): one for one in members}
    assert {name.encode("utf-8", "surrogateescape") for name in names} <= set(found)
    assert found[b"link"].link == b"/etc/" + b"x" * 200
    assert {(one.uid, one.gid, one.mtime) for one in members} == {(3000, 3000, 1_700_000_000)}
    with tarfile.open(fileobj=io.BytesIO(out)) as archive:
        read = archive.extractfile("kometa/ümläut")
        assert read is not None
        assert read.read() == "ümläut".encode()


def test_times_that_no_ustar_header_can_hold_are_kept() -> None:
    members, _ = translated(stream(tree("mine", member("mine/later", mtime=10_413_792_000))))
    assert members[-1].mtime == 10_413_792_000


def test_what_no_archive_of_ours_has_is_dropped() -> None:
    odd = [
        member("mine/fifo", tarfile.FIFOTYPE), member("mine/device", tarfile.CHRTYPE),
        member("mine/set-id", data=b"x", mode=0o6755),
        member("mine/labelled", data=b"y", pax_headers={"SCHILY.xattr.security.selinux": "label"}),
    ]  # fmt: skip
    members, _ = translated(stream(tree("mine", *odd)))
    assert {one.name: one.mode for one in members[2:]} == {b"kometa/set-id": 0o755, b"kometa/labelled": 0o644}


@pytest.mark.parametrize("cut", [1, 100, 511, 512, 700, 1024, 1500, 2047])
def test_a_stream_that_is_cut_is_damaged(cut: int) -> None:
    whole = stream(tree("mine", member("mine/x", data=bytes(2000))))
    used = len(whole.rstrip(b"\0")) + 2000
    with pytest.raises(ArchiveError):
        translated(whole[: used - cut])


@pytest.mark.parametrize(
    ("name", "kind"), [("mine/../up", tarfile.REGTYPE), ("/etc/passwd", tarfile.REGTYPE), ("other/x", tarfile.REGTYPE)]
)
def test_the_gate_still_refuses_what_leads_elsewhere(name: str, kind: bytes) -> None:
    with pytest.raises(RefusedError, match="refused"):
        translated(stream(tree("mine", member(name, kind))))


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE, b"Z"])
def test_other_types_are_refused(kind: bytes) -> None:
    with pytest.raises(RefusedError, match="of the type"):
        translated(stream(tree("mine", member("mine/odd", kind, linkname="mine/config.yml"))))


def test_what_is_no_tar_at_all_is_said() -> None:
    with pytest.raises(NotAnArchiveError):
        translated(b"Fatal: unable to open the repository" * 100)
    damaged = bytearray(stream(tree()))
    damaged[700] ^= 1
    with pytest.raises(DamagedError):
        translated(bytes(damaged))


@pytest.mark.parametrize(
    "data", [b"x", b"9 path=ab", b"99 path=a\n", b"0 path=a\n", b"9 pathaaa\n", b"-9 path=\n", b"\n"]
)
def test_a_damaged_pax_header_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedError):
        pax_records(data)


def test_a_pax_header_holds_any_bytes() -> None:
    assert pax_records(b"13 path=a\nb=\n" + b"12 mtime=77\n") == {"path": b"a\nb=", "mtime": b"77"}


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(RefusedError, match="no number"):
        translated(stream(tree("mine", member("mine/x", pax_headers={"mtime": "soon"}))))


def test_a_snapshot_is_reported_as_an_archive_is() -> None:
    data = io.BytesIO(stream(tree()))
    told: list[tuple[str, ...]] = []
    report = open_snapshot(data.read, len, name="restic:1a2b", left_out=("assets",), on_left_out=told.append)
    assert (report.recipient_types, report.left_out) == ((REPOSITORY,), ("assets",))
    assert report.contents.has_config_yml
    assert told == [("assets",)]
    with pytest.raises(DamagedError, match="restic:1a2b: it is cut short"):
        open_snapshot(io.BytesIO(stream(tree())[:1600]).read, len, name="restic:1a2b")
