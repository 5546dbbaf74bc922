"""Identity files: everything that the age command reads, a name for everything that it does not, and no leaks."""

import io
import os
import subprocess
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import pytest

from kometa_host.archive.errors import IdentityError, PassphraseError
from kometa_host.archive.identity import Identities, read_identities
from kometa_host.errors import UserError
from tests.unit.hostile import base64, encrypted, flipped, with_passphrase

KEYS = [pyrage.x25519.Identity.generate() for _ in range(3)]
FIRST, SECOND, THIRD = (str(key).encode() for key in KEYS)
COMMENT = b"# created: 2025-01-31T08:00:00Z\n# public key: age1something\n"

# Made by `age -p -a`, passphrase "correct horse", and the recipient of the identity in it.
MADE_BY_AGE = b"""\
-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCA4aG9RT3dIbkJNTzBxSkF6
VWU0UHBRIDE4CmthdExGZUU5NTc2N0xCalRFMDdkeVN4cVBLODA5aldVcTFXVlFn
aXlBNU0KLS0tIGxIRTMzT3JnL21mWGdMVmkyQ1g4RGozMWdVMXhrdVhqUWx4eE5D
enpnM28KZzv3ucnJqk0kCBPvontZ45N5Ii8MsMmMBFwBUVHv5WGqqtwaoqzCkuBQ
5bbqfAT55TNT1r7M2dBsYFc0qv/mf7DdNa5evVsirY5D08TJhp9sNV2t+MkxhAYW
miEedf2yZBFQg30Fuz6xhNz3OGcdajEfNHaWFSRC+TB0d6FIH0cz
-----END AGE ENCRYPTED FILE-----
"""
ITS_RECIPIENT = "age1hsdlwvy4nqte5pz4vt965elugpk947ax4gplf0syyutp28rkzp0qc52v4v"


Reader = Callable[..., Identities]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.delenv("KOMETA_AGE_PASSPHRASE", raising=False)

    def read_content(content: bytes, passphrase: str | None = None, mode: int = 0o600) -> Identities:
        path = tmp_path / "key.txt"
        path.write_bytes(content)
        path.chmod(mode)
        return read_identities(path, None if passphrase is None else lambda _: passphrase)

    return read_content


def opens(identities: Identities, *recipients: object) -> bool:
    """Whether the identities open what was encrypted to each recipient alone."""
    for recipient in recipients:
        out = io.BytesIO()
        pyrage.decrypt_io(io.BytesIO(pyrage.encrypt(b"data", [recipient])), out, list(identities.keys))
        if out.getvalue() != b"data":
            return False
    return True


@pytest.fixture(scope="module")
def ssh_keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Keys made by ssh-keygen by type and passphrase, and the public halves."""
    place = tmp_path_factory.mktemp("ssh")
    keys = {}
    for kind, bits in (("ed25519", "256"), ("rsa", "2048"), ("ecdsa", "256")):
        for passphrase in ("", "secret"):
            path = place / f"{kind}{passphrase}"
            command = ["ssh-keygen", "-q", "-a", "1", "-t", kind, "-b", bits, "-N", passphrase, "-f", str(path)]
            subprocess.run(command, check=True)
            keys[path.name] = path.read_bytes()
            keys[f"{path.name}.pub"] = path.with_suffix(".pub").read_bytes()
    pem = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", str(place / "pem")]
    subprocess.run(pem, check=True)
    return {**keys, "pem": (place / "pem").read_bytes()}


@pytest.mark.parametrize(
    "content",
    [
        FIRST,
        FIRST + b"\n",
        COMMENT + FIRST + b"\n",
        COMMENT.replace(b"\n", b"\r\n") + FIRST + b"\r\n",
        b"\xef\xbb\xbf" + COMMENT + FIRST + b"\n",
        b"\xef\xbb\xbf" + FIRST,
        (COMMENT + FIRST).decode().encode("utf-16"),
        b"\n\n  \n" + FIRST + b"  \n\n# end",
        b"\t" + FIRST,
        FIRST.lower() + b"\n",
    ],
    ids=["bare", "newline", "age-keygen", "crlf", "bom", "bom-bare", "utf-16", "blank-lines", "indented", "lower-case"],
)
def test_an_identity_is_read_as_age_reads_it(read: Reader, content: bytes) -> None:
    identities = read(content)
    assert identities.kinds == ("X25519",)
    assert identities.warnings == ()
    assert opens(identities, KEYS[0].to_public())


def test_several_identities_are_all_tried(read: Reader) -> None:
    identities = read(COMMENT + FIRST + b"\n# another\n" + SECOND + b"\r\n" + THIRD)
    assert identities.kinds == ("X25519",) * 3
    assert opens(identities, *(key.to_public() for key in KEYS))


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
@pytest.mark.parametrize("passphrase", ["", "secret"])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_an_openssh_key_opens_what_is_encrypted_to_it(
    read: Reader, ssh_keys: dict[str, bytes], kind: str, passphrase: str, ends: bytes
) -> None:
    identities = read(ssh_keys[kind + passphrase].replace(b"\n", ends), passphrase or None)
    assert identities.kinds == (f"ssh-{kind}",)
    assert opens(identities, pyrage.ssh.Recipient.from_str(ssh_keys[f"{kind}{passphrase}.pub"].decode().strip()))


def test_an_openssh_key_with_a_mark_and_blank_lines_is_forgiven(read: Reader, ssh_keys: dict[str, bytes]) -> None:
    assert read(b"\xef\xbb\xbf\r\n" + ssh_keys["ed25519"].rstrip()).kinds == ("ssh-ed25519",)


def test_a_wrong_passphrase_of_an_openssh_key_is_said(read: Reader, ssh_keys: dict[str, bytes]) -> None:
    with pytest.raises(PassphraseError, match="the passphrase is wrong"):
        read(ssh_keys["ed25519secret"], "other")


def test_what_age_p_made_opens_with_its_passphrase(read: Reader) -> None:
    identities = read(MADE_BY_AGE, "correct horse")
    assert opens(identities, pyrage.x25519.Recipient.from_str(ITS_RECIPIENT))


@pytest.mark.parametrize("inner", [COMMENT + FIRST + b"\r\n" + SECOND, b"\xef\xbb\xbf" + FIRST])
def test_an_encrypted_identity_file_is_read_like_a_plain_one(read: Reader, inner: bytes) -> None:
    assert opens(read(with_passphrase(inner), "pw"), KEYS[0].to_public())


def test_an_encrypted_openssh_key_opens(read: Reader, ssh_keys: dict[str, bytes]) -> None:
    assert read(with_passphrase(ssh_keys["ed25519"]), "pw").kinds == ("ssh-ed25519",)


def test_the_prompt_names_the_file(tmp_path: Path) -> None:
    path, prompts = tmp_path / "key.age", list[str]()
    path.write_bytes(with_passphrase(FIRST))

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "pw"

    read_identities(path, ask, {})
    assert prompts == [f"Passphrase of {path}: "]


def test_the_environment_answers_before_anybody_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "key.age"
    path.write_bytes(with_passphrase(FIRST))
    identities = read_identities(path, lambda _: "wrong", {"KOMETA_AGE_PASSPHRASE": "pw"})
    assert opens(identities, KEYS[0].to_public())


@pytest.mark.parametrize("answer", [None, ""])
def test_without_a_passphrase_it_says_where_to_put_one(read: Reader, answer: str | None) -> None:
    with pytest.raises(PassphraseError, match="set KOMETA_AGE_PASSPHRASE"):
        read(with_passphrase(FIRST), answer)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", "it is empty"),
        (b" \r\n\t\n", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (COMMENT, "comments only and no identity"),
        (b"AGE-SECRET-KEY-PQ-1QQQQ\n", "line 1 is a post-quantum identity"),
        (COMMENT + b"AGE-PLUGIN-YUBIKEY-1QQQQ\n", "line 3 is a plugin's identity"),
        (b"age1something\n", "line 1 is a recipient, the public half"),
        (b"age1pq1something\n", "line 1 is a recipient, the public half"),
        (FIRST + b"\nage1yubikey1something", "line 2 is a recipient, the public half"),
        (b"ssh-ed25519 AAAAC3Nz me@here\n", "line 1 is an SSH public key"),
        (b"ssh-rsa AAAAB3Nz me@here\n", "line 1 is an SSH public key"),
        (b"ecdsa-sha2-nistp256 AAAA me@here\n", "line 1 is an SSH public key"),
        (FIRST[:-1], "line 1 begins like an identity but is damaged"),
        (FIRST[:-1] + b"\xff", "line 1 begins like an identity but is damaged"),
        (FIRST + b" " + SECOND, "line 1 begins like an identity but is damaged"),
        (b"hunter2\n", "line 1 is no identity"),
        (FIRST + b"\nhunter2\n", "line 2 is no identity"),
        (FIRST + b"\n-----BEGIN OPENSSH PRIVATE KEY-----\n", "line 2 is the beginning of another key"),
        (b"\x7fELF\0\0", "it is binary data"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "it is a PuTTY key; convert a copy"),
        (b"-----BEGIN RSA PRIVATE KEY-----\n", "it is a PEM key; convert a copy"),
        (b"-----BEGIN PRIVATE KEY-----\n", "it is a PEM key; convert a copy"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "an OpenSSH key that is cut short"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n!!\n-----END OPENSSH PRIVATE KEY-----\n", "OpenSSH key that is dam"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n", "OpenSSH key that is damaged"),
        (encrypted(FIRST), "an age file that is encrypted to a key, not an identity file"),
        (encrypted(FIRST, armored=True), "an age file that is encrypted to a key, not an identity file"),
        (with_passphrase(with_passphrase(FIRST)), "it is encrypted twice"),
        (with_passphrase(b""), "it is empty"),
        (with_passphrase(b"age1something"), "line 1 is a recipient"),
        (with_passphrase(FIRST)[:-1], "cut short"),
        (flipped(with_passphrase(FIRST), -1 + len(with_passphrase(FIRST))), "damaged"),
        (b"age-encryption.org/v1\n", "cut short inside its age header"),
        (b"age-encryption.org/v2\n", "later format"),
        (b"# " + b"x" * (1 << 20), "larger than 1 MiB"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_by_name(read: Reader, content: bytes, refusal: str) -> None:
    with pytest.raises(IdentityError, match=refusal) as error:
        read(content, "pw")
    assert "key.txt: " in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("ecdsa", "of the type ecdsa-sha2-nistp256; age knows ssh-ed25519 and ssh-rsa"),
        ("ecdsasecret", "of the type ecdsa-sha2-nistp256"),
        ("pem", "it is a PEM key; convert a copy"),
        ("ed25519.pub", "line 1 is an SSH public key: the identity is the private key"),
    ],
)
def test_keys_that_age_cannot_use_are_refused(
    read: Reader, ssh_keys: dict[str, bytes], name: str, refusal: str
) -> None:
    with pytest.raises(IdentityError, match=refusal):
        read(ssh_keys[name])


def test_a_work_factor_beyond_the_age_commands_own_limit_is_refused(read: Reader) -> None:
    stanza = b"-> scrypt AAAA 23\n" + base64(bytes(32)) + b"\n"
    with pytest.raises(PassphraseError, match=r"2\^23 rounds of work; at most 2\^22"):
        read(with_passphrase(FIRST, stanza=stanza), "pw")


def test_a_wrong_passphrase_of_an_encrypted_file_is_said(read: Reader) -> None:
    with pytest.raises(PassphraseError, match=r"key\.txt: the passphrase is wrong"):
        read(with_passphrase(FIRST), "other")


def test_what_cannot_be_used_is_a_warning_beside_an_identity_that_can(read: Reader) -> None:
    identities = read(FIRST + b"\nAGE-PLUGIN-YUBIKEY-1QQQQ\nAGE-SECRET-KEY-PQ-1QQQQ\n")
    assert identities.kinds == ("X25519",)
    assert ["plugin" in identities.warnings[0], "post-quantum" in identities.warnings[1]] == [True, True]
    assert len(identities.unusable) == 2


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o644, True)]
)
def test_a_file_that_others_can_read_is_warned_about(read: Reader, mode: int, warned: bool) -> None:
    warnings = read(FIRST, mode=mode).warnings
    assert [f"others can read it (mode {mode:04o}): chmod 600 it" in text for text in warnings] == [True] * warned


def test_a_missing_file_and_a_directory_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="there is no such file on this machine"):
        read_identities(tmp_path / "missing")
    with pytest.raises(IdentityError, match="it is a directory"):
        read_identities(tmp_path)


@pytest.mark.parametrize("path", ["\0", "x" * 5000, "/dev/null/x"])
def test_a_path_that_cannot_be_opened_is_refused(path: str) -> None:
    with pytest.raises(IdentityError):
        read_identities(path)


def test_an_unreadable_file_says_why(unprivileged: Path) -> None:
    (unprivileged / "key.txt").touch(mode=0)
    with pytest.raises(IdentityError, match="it cannot be read: Permission denied"):
        read_identities(unprivileged / "key.txt")


def test_a_file_in_the_home_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key.txt").write_bytes(FIRST)
    assert read_identities("~/key.txt").kinds == ("X25519",)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    (tmp_path / "key").write_bytes(COMMENT + FIRST)
    # a process of its own: where pyinfra was imported, gevent has made threads of greenlets, and a pipe blocks them all
    with subprocess.Popen(["cp", tmp_path / "key", path]):
        identities = read_identities(path)
    assert (identities.kinds, identities.warnings) == (("X25519",), ())


def test_an_identity_given_as_the_path_is_not_repeated() -> None:
    with pytest.raises(IdentityError, match="the identity itself was given") as error:
        read_identities(FIRST.decode())
    assert FIRST.decode()[16:] not in str(error.value)


def test_no_line_of_the_file_is_ever_shown(read: Reader, ssh_keys: dict[str, bytes]) -> None:
    secret = b"hunter2"
    for content in (
        secret,
        FIRST + b"\n" + secret,
        b"AGE-SECRET-KEY-1" + secret,
        b"AGE-PLUGIN-" + secret,
        b"AGE-SECRET-KEY-PQ-1" + secret,
        b"age1" + secret,
        b"ssh-rsa " + secret,
        b"-----BEGIN " + secret,
        ssh_keys["ed25519"].replace(b"AAA", secret, 1),
        with_passphrase(FIRST + b"\n" + secret),
    ):
        with pytest.raises(UserError) as error:
            read(content, "pw")
        told = f"{error.value!r} {error.value.__cause__!r}"
        assert secret.decode() not in told.lower()
        assert FIRST.decode()[16:] not in told


def test_the_repr_of_identities_holds_no_secret(read: Reader) -> None:
    identities = read(FIRST)
    assert FIRST.decode()[16:] not in f"{identities!r}{identities}"
    assert "X25519" in repr(identities)


def test_a_key_type_that_is_a_piece_of_the_file_is_not_shown(read: Reader, ssh_keys: dict[str, bytes]) -> None:
    body = b"".join(ssh_keys["ed25519"].split(b"\n")[1:-2])
    blob = a2b_base64(body).replace(b"ssh-ed25519", b"hunter22222")
    content = b"-----BEGIN OPENSSH PRIVATE KEY-----\n%s-----END OPENSSH PRIVATE KEY-----\n" % b2a_base64(blob)
    with pytest.raises(IdentityError, match="an OpenSSH key that is damaged"):
        read(content)
