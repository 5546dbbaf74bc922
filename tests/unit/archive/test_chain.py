"""The chain that opens archives: round trips, every refusal, every cut."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyrage  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.archive.chain import NOTE_MAGIC, NOTE_TITLE, Report, open_archive
from kometa_host.archive.errors import ArchiveError, NotAnArchiveError, WrongIdentityError
from kometa_host.archive.gate import Member
from kometa_host.archive.identity import Identities, read_identities
from kometa_host.errors import UserError
from tests.unit.examples import at_least
from tests.unit.hostile import (
    FILES,
    TARS,
    Case,
    compressed,
    encrypted,
    file,
    folder,
    key,
    tar,
)

NEEDS_AGE = pytest.mark.skipif(not shutil.which("age"), reason="the age command is not installed")
IDENTITIES = Identities("key.txt", ("X25519",), (key(),))
# Incompressible, so that the age file has several chunks and every part of it matters.
TAR = tar(*(file(b"kometa/%d.jpg" % number, os.urandom(40_000)) for number in range(8)), bytes(9216))


def opened(archive: bytes, identities: Identities | None = IDENTITIES, **options: Any) -> tuple[bytes, Report]:
    out = bytearray()
    report = open_archive(io.BytesIO(archive).read, identities, out.extend, **options)
    return bytes(out), report


def test_there_are_at_least_150_hostile_archives() -> None:
    assert len(TARS) + len(FILES) >= 150


def test_what_is_called_encrypted_and_is_not_is_refused() -> None:
    data = compressed(TAR)
    with pytest.raises(NotAnArchiveError, match="it is not encrypted, and its name says that it is"):
        opened(data, name="kometa-2026-01-01T000000Z.tar.zst.age")
    assert not opened(data, name="kometa-2026-01-01.tar.zst")[1].encrypted


@pytest.mark.parametrize("pack", [compressed, lambda data: encrypted(compressed(data))], ids=["plain", "age"])
def test_the_digest_is_that_of_all_bytes(pack: Callable[[bytes], bytes]) -> None:
    data = pack(TAR)
    assert opened(data)[1].sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("case", TARS[::50], ids=lambda case: case.name)  # test_gate has all of them
@pytest.mark.parametrize("pack", [compressed, lambda data: encrypted(compressed(data))], ids=["plain", "age"])
def test_a_hostile_tar_stream_is_refused_by_name(case: Case, pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ArchiveError) as refusal:
        opened(pack(case.data), name="kometa.tar.zst")
    assert case.refusal in str(refusal.value)
    assert str(refusal.value).startswith("kometa.tar.zst: ")
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 600


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_a_hostile_file_is_refused_by_name(case: Case) -> None:
    with pytest.raises(ArchiveError) as refusal:
        opened(case.data)
    assert case.refusal in str(refusal.value)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 600


@pytest.mark.parametrize(
    ("archive", "types"),
    [
        (compressed(TAR), ()),
        (encrypted(compressed(TAR)), ("X25519",)),
        (encrypted(compressed(TAR), armored=True), ("X25519",)),
        (encrypted(compressed(TAR), armored=True).replace(b"\n", b"\r\n"), ("X25519",)),
        (zstandard.ZstdCompressor(write_checksum=False).compress(TAR), ()),
        (compressed(TAR[:100_000]) + compressed(TAR[100_000:]), ()),
        (b"\x50\x2a\x4d\x18\x04\0\0\0size" + compressed(TAR), ()),
        (encrypted(compressed(TAR[:100_000]) + compressed(TAR[100_000:])), ("X25519",)),
    ],
    ids=["plain", "age", "armor", "armor-crlf", "no-checksum", "frames", "skippable", "age-frames"],
)  # fmt: skip
def test_what_comes_out_is_what_went_in(archive: bytes, types: tuple[str, ...]) -> None:
    out, report = opened(archive)
    assert out == TAR
    assert report.recipient_types == types
    assert report.encrypted is bool(types)
    assert report.bytes_read == len(archive)
    assert (report.contents.members, report.contents.tar_bytes) == (10, len(TAR))
    assert report.contents.has_config_yml


@NEEDS_AGE
@pytest.mark.parametrize("options", [[], ["--armor"]], ids=["binary", "armored"])
def test_what_the_age_and_zstd_commands_made_opens(options: list[str], tmp_path: Path) -> None:
    if not shutil.which("zstd"):
        pytest.skip("the zstd command is not installed")
    packed = subprocess.run(["zstd", "-q", "-T0", "-3", "-c"], input=TAR, capture_output=True, check=True).stdout
    age = ["age", *options, "-r", str(key().to_public())]
    archive = subprocess.run(age, input=packed, capture_output=True, check=True).stdout
    assert opened(archive)[0] == TAR


def test_reads_of_any_size_are_enough() -> None:
    stream = io.BytesIO(encrypted(compressed(TAR)))
    out = bytearray()
    open_archive(lambda size: stream.read(min(size, 997)), IDENTITIES, out.extend)
    assert bytes(out) == TAR


@pytest.mark.parametrize("armor", [False, True], ids=["binary", "armored"])
def test_a_cut_at_every_64_kib_is_refused(armor: bool) -> None:
    archive = encrypted(compressed(TAR), armored=armor)
    payload = archive.index(b"\n--- ") + 65 if not armor else 35
    cuts = [*range(0, len(archive), 65536), *range(payload, len(archive), 65552), len(archive) - 1 - armor]
    for cut in cuts:
        with pytest.raises(ArchiveError, match=r"cut short|is empty|armor"):
            opened(archive[:cut])


def test_a_cut_at_every_block_of_the_tar_is_refused_even_if_age_and_zstd_are_whole() -> None:
    small = tar(folder(b"kometa/a/"), file(b"kometa/a/x", os.urandom(3000)), file(b"kometa/a/y"))
    for cut in range(0, len(small), 512):
        with pytest.raises(ArchiveError, match=r"cut short|holds no files|end of the tar stream is missing"):
            opened(encrypted(compressed(small[:cut])))
    assert opened(encrypted(compressed(small)))[1].contents.members == 5


def test_a_cut_at_every_byte_of_a_plain_archive_is_refused() -> None:
    archive = compressed(tar(file(b"kometa/x", os.urandom(300))))
    for cut in range(len(archive)):
        with pytest.raises(ArchiveError):
            opened(archive[:cut])
    assert opened(archive)[1].contents.members == 3


def test_every_flipped_bit_of_the_age_header_and_many_of_the_payload_are_refused() -> None:
    archive = encrypted(compressed(tar(file(b"kometa/x", os.urandom(3000)))))
    payload = archive.index(b"\n--- ") + 49
    for position in [*range(payload), *range(payload, len(archive), 37)]:
        for bit in (0x01, 0x80):
            broken = archive[:position] + bytes([archive[position] ^ bit]) + archive[position + 1 :]
            with pytest.raises(ArchiveError):
                opened(broken)


SMALL = tar(file(b"kometa/x", b"x" * 700))
PACKED = {
    "plain": compressed(SMALL),
    "age": encrypted(compressed(SMALL)),
    "armored": encrypted(compressed(SMALL), armored=True),
}


@at_least(300)
@given(
    kind=st.sampled_from(sorted(PACKED)),
    place=st.floats(0, 1),
    removed=st.integers(0, 600),
    added=st.binary(max_size=9),
)
def test_an_altered_archive_is_refused_or_gives_the_same_bytes(
    kind: str, place: float, removed: int, added: bytes
) -> None:
    archive = PACKED[kind]
    start = int(place * len(archive))
    try:
        out, _ = opened(archive[:start] + added + archive[start + removed :])
    except UserError:
        return
    assert out == SMALL


class Boom(BaseException):
    """Neither an Exception nor known to anybody."""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Boom(), OSError(5, "the line is cut"), UserError("stop")])
@pytest.mark.parametrize("call", [1, 2, 5])
@pytest.mark.parametrize("kind", ["plain", "age"])
def test_what_the_reader_raises_comes_out_as_it_is(error: BaseException, call: int, kind: str) -> None:
    packed = compressed(TAR)
    archive = {"plain": packed, "age": encrypted(packed)}[kind]
    stream, calls = io.BytesIO(archive), []

    def read(size: int) -> bytes:
        calls.append(size)
        if len(calls) >= call:
            raise error
        return stream.read(size)

    with pytest.raises(type(error)) as raised:
        open_archive(read, IDENTITIES, len)
    assert raised.value is error
    assert len(calls) == call


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Boom(), OSError(28, "no space left"), UserError("stop")])
@pytest.mark.parametrize("kind", ["plain", "age"])
@pytest.mark.parametrize("place", ["forward", "yield_to_other_hosts", "progress", "on_member"])
def test_what_a_callback_raises_comes_out_as_it_is_and_it_is_not_called_again(
    error: BaseException, kind: str, place: str
) -> None:
    packed = compressed(TAR)
    archive = {"plain": packed, "age": encrypted(packed)}[kind]
    calls: list[object] = []

    def fail(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise error

    options: dict[str, Any] = {"forward": len, place: fail}
    with pytest.raises(type(error)) as raised:
        open_archive(io.BytesIO(archive).read, IDENTITIES, **options)
    assert raised.value is error
    assert len(calls) == 2


def test_an_encrypted_archive_without_an_identity_says_what_it_is_encrypted_to() -> None:
    with pytest.raises(WrongIdentityError, match=r"a: it is encrypted to 1 recipient \(1 X25519\); give the identity"):
        opened(encrypted(compressed(TAR)), None, name="a")


def test_a_plain_archive_needs_no_identity() -> None:
    assert opened(compressed(TAR), None)[0] == TAR


def test_a_wrong_identity_is_told_from_a_damaged_archive() -> None:
    other = Identities("/k/other.txt", ("X25519",), (pyrage.x25519.Identity.generate(),), unusable=("line 2 is odd",))
    with pytest.raises(WrongIdentityError) as refusal:
        opened(encrypted(compressed(TAR)), other, name="a.age")
    expected = "it is encrypted to 1 recipient (1 X25519), and the file holds 1 X25519; line 2 is odd"
    assert str(refusal.value) == f"a.age: no identity in /k/other.txt opens it: {expected}"


def test_nothing_is_forwarded_before_the_identity_fits() -> None:
    other = Identities("other", ("X25519",), (pyrage.x25519.Identity.generate(),))
    pieces: list[object] = []
    with pytest.raises(WrongIdentityError):
        open_archive(io.BytesIO(encrypted(compressed(TAR))).read, other, pieces.append)
    assert pieces == []


def test_one_matching_identity_of_several_is_enough() -> None:
    keys = (pyrage.x25519.Identity.generate(), key())
    assert opened(encrypted(compressed(TAR)), Identities("k", ("X25519", "X25519"), keys))[0] == TAR


@NEEDS_AGE
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
@pytest.mark.parametrize("passphrase", ["", "long secret"])
def test_an_archive_for_an_ssh_key_opens(kind: str, passphrase: str, tmp_path: Path) -> None:
    path = tmp_path / "id"
    subprocess.run(
        ["ssh-keygen", "-q", "-a", "1", "-t", kind, "-b", "2048", "-N", passphrase, "-f", str(path)], check=True
    )
    age = ["age", "-R", f"{path}.pub", "-r", str(pyrage.x25519.Identity.generate().to_public())]
    archive = subprocess.run(age, input=compressed(TAR), capture_output=True, check=True).stdout
    identities = read_identities(path, lambda _: passphrase)
    out, report = opened(archive, identities)
    assert out == TAR
    assert sorted(report.recipient_types) == ["X25519", f"ssh-{kind}"]


def test_members_are_listed_on_request() -> None:
    members: list[Member] = []
    opened(encrypted(compressed(TAR)), on_member=members.append)
    assert [member.name for member in members[:3]] == [b"kometa", b"kometa/config.yml", b"kometa/0.jpg"]
    assert members[2].size == 40_000


def test_others_get_their_turn_for_every_64_kib_and_every_piece() -> None:
    moments: list[str] = []
    stream = io.BytesIO(encrypted(compressed(TAR)))
    piece = 0

    def forward(data: bytes | memoryview) -> None:
        nonlocal piece
        piece = max(piece, len(data))
        moments.append("piece")

    open_archive(stream.read, IDENTITIES, forward, yield_to_other_hosts=lambda: moments.append("breath"))
    assert moments.count("breath") >= len(TAR) // 65536
    assert piece <= 256 * 1024


def test_progress_counts_the_bytes_of_the_archive() -> None:
    archive, seen = encrypted(compressed(TAR)), list[int]()
    opened(archive, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(archive)
    assert max(later - earlier for earlier, later in pairwise(seen)) <= 65536


BOMB = """
import resource, struct, sys, zstandard
sys.path.insert(0, {root!r})
from kometa_host.archive.chain import NOTE_MAGIC, NOTE_TITLE, Report, open_archive
from kometa_host.archive.identity import Identities
from tests.unit import hostile
import pyrage, io

def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = {size} << 20
stream = zstandard.ZstdCompressor(level=1).compressobj()
pieces = [stream.compress(hostile.GOOD + hostile.header(b"kometa/zeros", size=size))]
zeros = bytes(1 << 20)
pieces += [stream.compress(zeros) for _ in range(size >> 20)]
archive = hostile.encrypted(b"".join(pieces) + stream.compress(bytes(1024)) + stream.flush())
before = peak()
report = open_archive(io.BytesIO(archive).read, Identities("k", ("X25519",), (hostile.key(),)), len)
assert report.contents.bytes > size
print((peak() - before) >> 10)
"""


def test_a_gigabyte_of_zeros_in_a_small_archive_takes_no_memory() -> None:
    root = str(Path(__file__).parents[3])
    program = BOMB.format(root=root, size=1024)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < 30


def noted(*lines: str) -> bytes:
    """Return a skippable frame with this text."""
    text = "\n".join(lines).encode()
    return NOTE_MAGIC + len(text).to_bytes(4, "little") + text


def test_an_archive_tells_what_was_left_out_before_anything_is_forwarded() -> None:
    told: list[object] = []
    archive = noted(NOTE_TITLE, "assets", "logs/*.log") + compressed(TAR)
    report = open_archive(io.BytesIO(archive).read, None, lambda _: told.append("data"), on_left_out=told.append)
    assert report.left_out == ("assets", "logs/*.log")
    assert told[:2] == [("assets", "logs/*.log"), "data"]


@pytest.mark.parametrize("note", [b"", noted("something else", "assets"), noted()])
def test_other_frames_say_nothing(note: bytes) -> None:
    assert open_archive(io.BytesIO(note + compressed(TAR)).read, None, len).left_out == ()
