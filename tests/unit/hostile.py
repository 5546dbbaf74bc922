"""Archives that nobody should be able to restore, each with the refusal that it must get; also the tools to make them.

`TARS` are tar streams, `FILES` whole files as they could lie in a backup directory. Everything is made here byte by
byte, since GNU tar and age refuse to make most of it.
"""

import gzip
import hmac
import os
import struct
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

import pyrage  # type: ignore[import-untyped]
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

GNU = b"ustar  \0"
END = bytes(1024)
PASSPHRASE = "pw"  # noqa: S105 -- of archives made here
FIELDS = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s167s")


class Case(NamedTuple):
    """name: of the test, data: the tar stream or file, refusal: a part of the message."""

    name: str
    data: bytes
    refusal: str


def octal(value: int, width: int = 8) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def base256(value: int, width: int = 12) -> bytes:
    data = bytearray(value.to_bytes(width, "big", signed=True))
    data[0] |= 0x80
    return bytes(data)


def header(name: bytes, kind: bytes = b"0", **fields: Any) -> bytes:
    """One block as GNU tar writes it; a field given as bytes goes in as it is."""
    numbers = []
    for field, default, width in (("mode", 0o644, 8), ("uid", 0, 8), ("gid", 0, 8), ("size", 0, 12), ("mtime", 0, 12)):
        value = fields.get(field, default)
        numbers.append(value if isinstance(value, bytes) else octal(value, width))
    link, magic, rest = fields.get("link", b""), fields.get("magic", GNU), fields.get("rest", b"")
    block = FIELDS.pack(name, *numbers, b" " * 8, kind, link, magic, b"", b"", b"", b"", rest)
    checksum = fields.get("checksum", b"%06o\0 " % sum(block))
    return bytes(block[:148] + checksum + block[156:])


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def file(name: bytes, data: bytes = b"", **fields: Any) -> bytes:
    return header(name, size=len(data), **fields) + padded(data)


def folder(name: bytes, **fields: Any) -> bytes:
    return header(name, b"5", **{"mode": 0o755, **fields})


def symlink(name: bytes, link: bytes, **fields: Any) -> bytes:
    return header(name, b"2", link=link, **{"mode": 0o777, **fields})


def hardlink(name: bytes, link: bytes, **fields: Any) -> bytes:
    return header(name, b"1", link=link, **fields)


def long_name(name: bytes, kind: bytes = b"L", **fields: Any) -> bytes:
    data = fields.pop("data", name + b"\0")
    return header(b"././@LongLink", kind, size=fields.pop("size", len(data)), **fields) + padded(data)


TOP = folder(b"kometa/")
CONFIG = file(b"kometa/config.yml", b"libraries:\n")
GOOD = TOP + CONFIG


def tar(*members: bytes) -> bytes:
    return GOOD + b"".join(members) + END


def compressed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(data)


@cache
def key() -> Any:
    return pyrage.x25519.Identity.generate()


def encrypted(data: bytes, armored: bool = False) -> bytes:
    return bytes(pyrage.encrypt(data, [key().to_public()], armored=armored))


def base64(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def derived(secret: bytes, salt: bytes, label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=label).derive(secret)


def with_passphrase(data: bytes, passphrase: str = PASSPHRASE, work: int = 4, **change: Any) -> bytes:
    """An age file for a passphrase, with less work than the age command's 2^18; change: other parts."""
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    scrypt = Scrypt(salt=b"age-encryption.org/v1/scrypt" + salt, length=32, n=1 << work, r=8, p=1)
    body = ChaCha20Poly1305(scrypt.derive(passphrase.encode())).encrypt(bytes(12), file_key, None)
    stanza = change.get("stanza", b"-> scrypt %s %d\n%s\n" % (base64(salt), work, base64(body)))
    head = b"age-encryption.org/v1\n" + stanza + b"---"
    mac = change.get("mac", hmac.digest(derived(file_key, b"", b"header"), head, sha256))
    chunks = change.get("chunks") or [data[i : i + 65536] for i in range(0, len(data), 65536)] or [b""]
    cipher = ChaCha20Poly1305(derived(file_key, nonce, b"payload"))
    payload = [
        cipher.encrypt(number.to_bytes(11, "big") + bytes([number == len(chunks) - 1]), chunk, None)
        for number, chunk in enumerate(chunks)
    ]
    return bytes(head + b" " + base64(mac) + b"\n" + nonce + b"".join(payload))


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


BAD_NAMES = (
    ("absolute", b"/etc/cron.d/x", "absolute"),
    ("absolute-inside", b"/kometa/x", "absolute"),
    ("two-slashes-first", b"//kometa/x", "absolute"),
    ("parent", b"../x", "upwards"),
    ("parent-inside", b"kometa/../x", "upwards"),
    ("parent-deeper", b"kometa/a/../../../x", "upwards"),
    ("parent-last", b"kometa/..", "upwards"),
    ("dot-first", b"./kometa/x", "single dot"),
    ("dot-inside", b"kometa/./x", "single dot"),
    ("dot-last", b"kometa/.", "single dot"),
    ("two-slashes-inside", b"kometa//x", "empty part"),
    ("other-service", b"radarr/config.xml", "another service"),
    ("other-case", b"Kometa/x", "another service"),
    ("longer-top", b"kometa2/x", "another service"),
    ("no-parent", b"kometa/missing/x", "no earlier directory"),
    ("file-as-parent", b"kometa/config.yml/x", "no earlier directory"),
    ("part-too-long", b"", "a part of its path is longer than 255"),
    ("path-too-long", b"", "its path is 4"),
    ("escape-sequence", b"../\x1b[2Jx\x07", r"\x1b[2Jx\x07"),
    ("not-utf-8", b"../\xff\xfe", r"\xff\xfe"),
    ("right-to-left", "../\u202egpj".encode(), r"\u202e"),
    ("newline", b"../a\nb", r"a\nb"),
)
LONG_NAMES = {"part-too-long": b"kometa/" + b"x" * 256, "path-too-long": b"kometa/" + b"d/" * 2044 + b"x"}


def bad_names() -> Iterator[Case]:
    """Every bad name for every kind of member."""
    for title, short, refusal in BAD_NAMES:
        name = LONG_NAMES.get(title, short)
        for kind, shown, member in (
            ("file", name, file(name[:100])),
            ("directory", name + b"/", folder((name + b"/")[:100])),
            ("symlink", name, symlink(name[:100], b"target")),
            ("hardlink", name, hardlink(name[:100], b"kometa/config.yml")),
        ):
            before = long_name(shown) if title in LONG_NAMES else b""
            yield Case(f"name-{title}-{kind}", tar(before, member), refusal)


def bad_types() -> Iterator[Case]:
    named = {
        b"\0": "before 1988", b"3": "character device", b"4": "block device", b"6": "FIFO", b"7": "contiguous",
        b"S": "sparse", b"x": "PAX", b"X": "PAX", b"g": "global PAX", b"D": "incremental", b"M": "multi-volume",
        b"N": "old GNU long name", b"V": "volume label", b"A": "unknown type", b"8": "unknown type",
        b"\xff": r'unknown type "\xff"', b" ": "unknown type", b"s": "unknown type",
    }  # fmt: skip
    for kind, refusal in named.items():
        yield Case(f"type-{kind.hex()}", tar(header(b"kometa/x", kind)), refusal)
        yield Case(f"type-{kind.hex()}-first", header(b"kometa/", kind) + END, refusal)
    yield Case("pax-posix-magic", tar(header(b"kometa/x", b"x", magic=b"ustar\x0000")), "PAX")


def bad_links() -> Iterator[Case]:
    target, inner = b"kometa/config.yml", symlink(b"kometa/link", b"/etc")
    for title, link in (
        ("later", b"kometa/later"), ("itself", b"kometa/hard"), ("top", b"kometa"), ("top-slash", b"kometa/"),
        ("absolute", b"/etc/shadow"), ("upwards", b"kometa/../x"), ("dot", b"./kometa/config.yml"),
        ("symlink", b"kometa/link"), ("through-symlink", b"kometa/link/passwd"), ("slash", b"kometa/config.yml/"),
        ("escape", b"\x1b]0;x\x07"),
    ):  # fmt: skip
        members = (inner, hardlink(b"kometa/hard", link), file(b"kometa/later"))
        yield Case(f"hardlink-{title}", tar(*members), r"\x1b]0;x\x07" if title == "escape" else "no earlier file")
    yield Case("hardlink-nothing", tar(hardlink(b"kometa/hard", b"")), "link to nothing")
    yield Case("hardlink-data", tar(hardlink(b"kometa/hard", target, size=5), padded(b"12345")), "only files have data")
    yield Case("symlink-nothing", tar(symlink(b"kometa/link", b"")), "link to nothing")
    yield Case("symlink-data", tar(symlink(b"kometa/x", b"y", size=5), padded(b"12345")), "only files have data")
    yield Case("symlink-slash", tar(symlink(b"kometa/x/", b"y")), "only a directory's name ends")
    yield Case("file-link", tar(file(b"kometa/x", link=b"y")), "with a link target")
    yield Case("directory-link", tar(folder(b"kometa/x/", link=b"y")), "with a link target")
    yield Case("directory-data", tar(folder(b"kometa/x/", size=512), bytes(512)), "only files have data")
    yield Case("write-through-symlink", tar(inner, file(b"kometa/link/passwd")), "no earlier directory")
    yield Case("mkdir-through-symlink", tar(inner, folder(b"kometa/link/x/")), "no earlier directory")
    yield Case(
        "write-through-hardlink", tar(hardlink(b"kometa/h", target), file(b"kometa/h/x")), "no earlier directory"
    )
    yield Case("target-with-more", tar(symlink(b"kometa/x", b"y\0z")), "bytes follow the end")
    long_target = long_name(b"t" * 4096, b"K")
    yield Case("target-too-long", tar(long_target, symlink(b"kometa/x", b"t" * 100)), "target is longer than 4095")


def bad_long_names() -> Iterator[Case]:
    name = b"kometa/" + b"n" * 200
    one, target, plain = long_name(name), long_name(name, b"K"), file(name[:100])
    yield Case("long-twice", tar(one, one, plain), "follow one another")
    yield Case("long-target-twice", tar(target, target, symlink(b"kometa/x", b"y")), "follow one another")
    yield Case("long-target-of-file", tar(target, plain), "long link target and is no link")
    yield Case("long-target-of-directory", tar(target, folder(b"kometa/x/")), "long link target and is no link")
    yield Case("long-empty", tar(long_name(b"", data=b""), plain), "long name of 0 bytes")
    yield Case("long-only-nul", tar(long_name(b""), plain), "long name of 1 bytes")
    yield Case("long-huge", tar(long_name(name, size=1 << 30), plain), "2 to 4111 are accepted")
    yield Case("long-huger", tar(long_name(name, size=base256((1 << 63) - 1)), plain), "2 to 4111 are accepted")
    yield Case("long-nul-inside", tar(long_name(b"kometa/a\0/../x"), plain), "only NUL")
    yield Case("long-no-nul", tar(long_name(name, data=name), plain), "only NUL")
    yield Case("long-other-header-name", tar(header(b"x", b"L", size=9), padded(b"kometa/x\0"), plain), "././@LongLink")
    yield Case("long-then-end", tar(one), "checksum")
    yield Case("long-then-cut", GOOD + one, "cut short inside the header")
    yield Case("long-cut", GOOD + one[:600], "cut short inside the header")
    yield Case("long-then-fifo", tar(one, header(b"kometa/x", b"6")), "FIFO")
    yield Case("long-same-as-before", tar(long_name(b"kometa/config.yml"), file(b"x")), "same name came before")
    yield Case("long-directory-no-slash", tar(one, folder(name[:100])), "only a directory's name ends")


def bad_headers() -> Iterator[Case]:
    yield Case("checksum-wrong", tar(header(b"kometa/x", checksum=b"000001\0 ")), "wrong checksum")
    yield Case("checksum-wrong-first", header(b"kometa/", b"5", checksum=b"000001\0 "), "not a tar archive")
    yield Case("checksum-empty", tar(header(b"kometa/x", checksum=bytes(8))), "wrong checksum")
    yield Case("checksum-octal-prefix", tar(header(b"kometa/x", checksum=b"0o1234\0 ")), "wrong checksum")
    for title, magic, refusal in (
        ("posix", b"ustar\x0000", "POSIX"), ("none", b"", "GNU tar's format"), ("no-nul", b"ustar   ", "GNU tar's"),
        ("posix-gnu-version", b"ustar\0 \0", "POSIX"), ("capital", b"USTAR  \0", "GNU tar's format"),
    ):  # fmt: skip
        yield Case(f"magic-{title}", tar(header(b"kometa/x", magic=magic)), refusal)
        yield Case(f"magic-{title}-first", folder(b"kometa/", magic=magic) + END, refusal)
    for field in ("mode", "uid", "gid", "size", "mtime"):
        shown = "time" if field == "mtime" else field
        for title, value in (
            ("sign", b"-0000001"), ("plus", b"+000001\0"), ("prefix", b"0o00001\0"), ("underscore", b"00_0001\0"),
            ("digit-8", b"0000008\0"), ("empty", bytes(8)), ("gap", b"00 0001\0"), ("letters", b"letters\0"),
        ):  # fmt: skip
            wide = value.ljust(12, b"\0") if field in ("size", "mtime") else value
            yield Case(f"{field}-{title}", tar(header(b"kometa/x", **{field: wide})), f"its {shown} is no number")
    for field in ("uid", "gid"):
        for title, wrong in (("65536", 65536), ("largest", 0o7777777), ("base-256", base256(70000, 8))):
            yield Case(
                f"{field}-{title}", tar(header(b"kometa/x", **dict[str, Any]({field: wrong}))), "none of 0 to 65535"
            )
        yield Case(f"{field}-negative", tar(header(b"kometa/x", **{field: base256(-2, 8)})), "is no number")
    yield Case("size-negative", tar(header(b"kometa/x", size=base256(-512))), "its size is no number")
    yield Case("size-endless", tar(header(b"kometa/x", size=base256((1 << 63) - 1))), "more than a whole archive")
    yield Case("size-2-to-the-87", tar(header(b"kometa/x", size=b"\x80" + b"\xff" * 11)), "more than a whole archive")
    yield Case("size-2-tib", tar(header(b"kometa/x", size=base256(1 << 41))), "more than a whole archive")
    yield Case("size-beyond-the-end", tar(header(b"kometa/x", size=1 << 30)), "cut short: 10737")
    yield Case("time-too-late", tar(header(b"kometa/x", mtime=base256(1 << 63))), "time is out of range")
    yield Case("prefix-field", tar(header(b"kometa/x", rest=b"/etc")), "fields that GNU tar leaves empty")
    yield Case("sparse-field", tar(header(b"kometa/x", rest=bytes(60) + b"1")), "fields that GNU tar leaves empty")
    yield Case("name-with-more", tar(file(b"kometa/x\0/../y")), "bytes follow the end")
    yield Case("name-empty", tar(file(b"")), "empty part")
    yield Case("name-slash", tar(folder(b"/")), "empty part")
    yield Case("file-slash", tar(file(b"kometa/x/")), "only a directory's name ends")
    yield Case("directory-no-slash", tar(folder(b"kometa/x")), "only a directory's name ends")
    yield Case("directory-two-slashes", tar(folder(b"kometa/x//")), "empty part")
    for mode in (0o4755, 0o2755, 0o6755):
        yield Case(f"file-mode-{mode:o}", tar(file(b"kometa/x", mode=mode)), "set-user-ID")
        yield Case(
            f"hardlink-mode-{mode:o}", tar(hardlink(b"kometa/x", b"kometa/config.yml", mode=mode)), "set-user-ID"
        )
        yield Case(f"symlink-mode-{mode:o}", tar(symlink(b"kometa/x", b"y", mode=mode)), "set-user-ID")
    yield Case("mode-type-bits", tar(file(b"kometa/x", mode=0o100644)), "not permissions")


def bad_orders() -> Iterator[Case]:
    again, link = "same name came before", symlink(b"kometa/d", b"/etc")
    yield Case("file-twice", tar(CONFIG), again)
    yield Case("top-twice", tar(TOP), again)
    yield Case("directory-twice", tar(folder(b"kometa/d/"), folder(b"kometa/d/")), again)
    yield Case("directory-over-file", tar(folder(b"kometa/config.yml/")), again)
    yield Case("file-over-directory", tar(folder(b"kometa/d/"), file(b"kometa/d")), again)
    yield Case("directory-over-symlink", tar(link, folder(b"kometa/d/")), again)
    yield Case("symlink-over-directory", tar(folder(b"kometa/d/"), link, file(b"kometa/d/x")), again)
    yield Case("file-over-symlink", tar(link, file(b"kometa/d")), again)
    yield Case("symlink-over-file", tar(symlink(b"kometa/config.yml", b"/etc/passwd")), again)
    yield Case("hardlink-over-its-target", tar(hardlink(b"kometa/config.yml", b"kometa/config.yml")), again)
    yield Case("no-top", CONFIG + END, "no earlier directory")
    yield Case("top-is-a-file", file(b"kometa", b"x") + END, "top of a backup is a directory")
    yield Case("top-is-a-symlink", symlink(b"kometa", b"/etc") + END, "top of a backup is a directory")
    yield Case("top-is-a-hardlink", hardlink(b"kometa", b"kometa") + END, "top of a backup is a directory")
    yield Case("top-without-slash", folder(b"kometa") + END, "only a directory's name ends")
    yield Case("top-with-dot", folder(b"./kometa/") + END, "single dot")
    yield Case("top-is-a-dot", folder(b"./") + END, "single dot")
    yield Case("top-is-absolute", folder(b"/home/mms/config/kometa/") + END, "absolute")
    yield Case("other-service", folder(b"radarr/") + file(b"radarr/config.yml") + END, "another service")
    yield Case("second-top", tar(folder(b"plex/")), "another service")
    yield Case("child-before-parent", tar(file(b"kometa/d/x"), folder(b"kometa/d/")), "no earlier directory")


def bad_ends() -> Iterator[Case]:
    yield Case("no-end", GOOD, "the end of the tar stream is missing")
    yield Case("half-an-end", GOOD + bytes(512), "the end of the tar stream is missing")
    yield Case("one-zero-block", GOOD + bytes(512) + file(b"kometa/x") + END, "one zero block")
    yield Case("one-and-a-half", GOOD + bytes(768), "the end of the tar stream is missing")
    yield Case("end-not-whole", GOOD + bytes(1100), "the end of the tar stream is missing")
    yield Case("end-in-the-middle", GOOD + END + file(b"kometa/x") + END, "data follow its end")
    yield Case("second-archive", tar() + tar(), "data follow its end")
    yield Case("text-after-the-end", tar() + b"text" * 128, "data follow its end")
    yield Case("late-text", tar() + bytes(9000) + b"x" + bytes(511), "data follow its end")
    yield Case("endless-zeros", tar() + bytes(2 << 20), "more than 1 MiB of zeros")
    yield Case("only-the-end", END, "holds no files")
    yield Case("only-a-record-of-zeros", bytes(10240), "holds no files")
    yield Case("nothing", b"", "holds no files")
    yield Case("cut-in-first-header", TOP[:300], "cut short inside the header")
    yield Case("cut-in-header", GOOD + CONFIG[:300], "cut short inside the header")
    yield Case("cut-in-data", TOP + CONFIG[:515], 'bytes of the member "kometa/config.yml" are missing')
    yield Case("cut-in-padding", TOP + CONFIG[:-1], '1 bytes of the member "kometa/config.yml" are missing')
    yield Case("garbage", b"garbage " * 640, "not a tar archive")
    yield Case("garbage-later", GOOD + b"garbage " * 640, "wrong checksum")
    yield Case("shifted", b"\0" + tar()[:-1], "not a tar archive")


TARS: tuple[Case, ...] = tuple(
    case
    for make in (bad_names, bad_types, bad_links, bad_long_names, bad_headers, bad_orders, bad_ends)
    for case in make()
)


def files_of_other_formats() -> Iterator[Case]:
    archive = tar()
    for title, data, refusal in (
        ("empty", b"", "it is empty"),
        ("gzip", gzip.compress(archive), "a gzip file"),
        ("xz", b"\xfd7zXZ\0" + archive, "an xz file"),
        ("bzip2", b"BZh9" + archive, "a bzip2 file"),
        ("zip", b"PK\x03\x04" + archive, "a zip file"),
        ("7z", b"7z\xbc\xaf\x27\x1c" + archive, "a 7z file"),
        ("lz4", b"\x04\x22\x4d\x18" + archive, "an lz4 file"),
        ("pgp", b"-----BEGIN PGP MESSAGE-----\n", "encrypted with PGP"),
        ("openssl", b"Salted__" + archive, "encrypted with openssl"),
        ("sqlite", b"SQLite format 3\0" + archive, "an SQLite database"),
        ("ssh-key", b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "a PEM file"),
        ("identity", b"AGE-SECRET-KEY-1QQQ", "an identity file"),
        ("html", b"<!DOCTYPE html>", "an HTML or XML page"),
        ("tar", archive, "a tar archive that is not compressed"),
        ("zeros", bytes(100_000), "nothing but zeros"),
        ("text", b"\x1b[2Jhello", r'an unknown file that begins with "\x1b[2Jhello'),
        ("one-byte", b"\x28", "an unknown file"),
    ):
        yield Case(f"plain-{title}", data, refusal)
        yield Case(f"inside-age-{title}", encrypted(data), refusal)
    yield Case("age-inside-age", encrypted(encrypted(compressed(archive))), "inside of an age file")


def damaged_zstd() -> Iterator[Case]:
    archive = tar(file(b"kometa/x", os.urandom(5000)))
    good = compressed(archive)
    zstd = zstandard.ZstdCompressor
    wide = zstandard.ZstdCompressionParameters.from_level(1, window_log=28, enable_ldm=True)
    trained = zstandard.train_dictionary(4096, [b"kometa/%d.yml " % i * 9 for i in range(999)])
    stream = zstd(compression_params=wide).compressobj()
    for title, data, refusal in (
        ("cut-magic", good[:4], "zstd frame is not complete"),
        ("cut-half", good[: len(good) // 2], "cut short"),
        ("cut-checksum", good[:-4], "zstd frame is not complete"),
        ("cut-last-byte", good[:-1], "zstd frame is not complete"),
        ("byte-after", good + b"x", "compressed data are damaged"),
        ("garbage-after", good + b"garbage", "compressed data are damaged"),
        ("checksum", flipped(good, len(good) - 1), "compressed data are damaged"),
        ("flipped", flipped(good, 3000), "compressed data are damaged"),
        ("empty-frame", compressed(b""), "holds no files"),
        ("window", stream.compress(archive) + stream.flush(), "window of more than 128 MiB"),
        ("dictionary", zstd(dict_data=trained).compress(archive), "dictionary"),
        ("second-archive", good + good, "data follow its end"),
    ):
        yield Case(f"zstd-{title}", data, refusal)
        yield Case(f"age-zstd-{title}", encrypted(data), refusal)


def damaged_age() -> Iterator[Case]:
    archive = compressed(tar(file(b"kometa/x", os.urandom(200_000))))
    good, armored = encrypted(archive), encrypted(archive, armored=True)
    head = good.index(b"\n--- ") + 1
    stranger = [pyrage.x25519.Identity.generate().to_public()]
    for title, data, refusal in (
        ("later-version", good.replace(b"/v1\n", b"/v9\n", 1), "later format"),
        ("cut-version", good[:20], "later format"),
        ("cut-header", good[:80], "cut short inside its age header"),
        ("cut-nonce", good[: head + 50], "cut short"),
        ("cut-payload", good[:-1], "cut short"),
        ("cut-chunk", good[: head + 64 + 65552], "cut short"),
        ("byte-after", good + b"x", "cut short, or its last 64 KiB are damaged"),
        ("flipped-mac", flipped(good, head + 10), "age header is damaged"),
        ("flipped-share", good[:30] + (b"A" if good[30:31] != b"A" else b"B") + good[31:], "opens it"),
        ("flipped-early", flipped(good, head + 100), "damaged near byte"),
        ("flipped-late", flipped(good, len(good) - 20), "last 64 KiB are damaged"),
        ("no-recipient", b"age-encryption.org/v1\n--- AAAA\n", "names no recipient"),
        ("no-stanza", b"age-encryption.org/v1\nX25519\n--- AAAA\n", "age header is damaged"),
        ("endless-header", b"age-encryption.org/v1\n" + b"-> X25519 A\nAAAA\n" * 40_000, "it has no end"),
        ("other-recipient", bytes(pyrage.encrypt(archive, stranger)), "no identity in key.txt opens it"),
        ("two-others", bytes(pyrage.encrypt(archive, stranger * 2)), "2 recipients (2 X25519)"),
        (
            "plugin",
            b"age-encryption.org/v1\n-> piv-p256 AA BB\nAAAA\n--- %s\n" % base64(bytes(32)) + bytes(99),
            "1 piv-p256",
        ),
        ("armor-cut", armored[: len(armored) // 64 // 2 * 64], "age armor"),
        ("armor-no-end", armored[: armored.index(b"-----END")], "end of its age armor is missing"),
        ("armor-long-line", armored[:35] + b"A" * 9000, "a line has no end"),
        ("armor-garbage", armored[:35] + b"!" * 64 + b"\n" + armored[35:], "age armor is damaged"),
        ("armor-short-line", armored[:35] + b"AAAA\n" + armored[35:], "age armor is damaged"),
        ("armor-text-after", armored + b"text", "text follows its end"),
        ("armor-only", armored[:35], "end of its age armor is missing"),
    ):
        yield Case(f"age-{title}", data, refusal)


def for_a_passphrase() -> Iterator[Case]:
    """Archives made by age -p: refused by name before any work is done for a passphrase."""
    body = b"\n" + base64(bytes(32)) + b"\n"
    for title, data in (
        ("good", with_passphrase(compressed(GOOD))),
        ("work-huge", with_passphrase(b"", stanza=b"-> scrypt AAAA 999999999" + body)),
        ("and-a-key", with_passphrase(b"", stanza=b"-> scrypt AAAA 4" + body + b"-> X25519 A" + body)),
    ):
        yield Case(f"passphrase-{title}", data, "encrypted to a passphrase")


FILES: tuple[Case, ...] = tuple(
    case for make in (files_of_other_formats, damaged_zstd, damaged_age, for_a_passphrase) for case in make()
)
