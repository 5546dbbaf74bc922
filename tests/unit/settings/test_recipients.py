import subprocess
import sys

import pyrage  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kometa_host.settings.recipients import checked_recipients
from kometa_host.settings.refusals import RefusalError

AGE = str(pyrage.x25519.Identity.generate().to_public())
OPENSSH = (Encoding.OpenSSH, PublicFormat.OpenSSH)
ED25519 = Ed25519PrivateKey.generate().public_key().public_bytes(*OPENSSH).decode()
RSA = rsa.generate_private_key(65537, 2048).public_key().public_bytes(*OPENSSH).decode()
WEAK_RSA = rsa.generate_private_key(65537, 1024).public_key().public_bytes(*OPENSSH).decode()  # noqa: S505
ECDSA = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*OPENSSH).decode()


@pytest.mark.parametrize("key", [AGE, ED25519, RSA, f"{ED25519} me@laptop"])
def test_age_and_ssh_public_keys_are_taken(key: str) -> None:
    assert checked_recipients([key]) == (key,)


def test_one_text_is_a_list_of_one_and_repetitions_count_once() -> None:
    assert checked_recipients(f"{AGE}\n") == (AGE,)
    assert checked_recipients([AGE, ED25519, AGE]) == (AGE, ED25519)


@pytest.mark.parametrize("value", [[], (), None])
def test_nobody_is_fine(value: object) -> None:
    assert checked_recipients(value) == ()


@pytest.mark.parametrize(
    "damaged", [AGE[:-1], f"{AGE[:-1]}{'q' if AGE[-1] != 'q' else 'p'}", f"{AGE}x", AGE.replace("1", "1 ")]
)
def test_a_damaged_age_recipient_is_refused(damaged: str) -> None:
    with pytest.raises(RefusalError, match="no valid age recipient"):
        checked_recipients([damaged])


@pytest.mark.parametrize("damaged", [ED25519[:-4], "ssh-ed25519 AAAA", "ssh-rsa x"])
def test_a_damaged_ssh_key_is_refused(damaged: str) -> None:
    with pytest.raises(RefusalError, match="no valid ssh public key"):
        checked_recipients([damaged])


def test_a_weak_rsa_key_is_refused() -> None:
    with pytest.raises(RefusalError, match="2048 bits"):
        checked_recipients([WEAK_RSA])


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("age1yubikey1qwerty", "plugin age-plugin-yubikey"),
        ("age1pq1qwerty", "post-quantum"),
        (ECDSA, "ECDSA"),
        ("sk-ssh-ed25519@openssh.com AAAA", "security key"),
        ("ssh-dss AAAA", "DSA"),
        ("github:someone", "GitHub"),
    ],
)
def test_other_kinds_are_refused_by_name(key: str, what: str) -> None:
    with pytest.raises(RefusalError, match=f"{what}.*not supported"):
        checked_recipients([key])


@pytest.mark.parametrize(
    "secret",
    [
        str(pyrage.x25519.Identity.generate()),
        str(pyrage.x25519.Identity.generate()).lower(),
        "# created today\nAGE-SECRET-KEY-1SECRETSECRET",
        "AGE-PLUGIN-YUBIKEY-1SECRETSECRET",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nSECRETSECRET",
    ],
)
def test_a_private_key_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(RefusalError, match="secret") as refused:
        checked_recipients([secret])
    assert secret[-10:] not in str(refused.value)


def test_other_text_is_refused_without_showing_it() -> None:
    with pytest.raises(RefusalError, match="a text of 7 characters") as refused:
        checked_recipients(["hunter2"])
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", ["~/.ssh/id_ed25519.pub", "age-identity.txt", "/etc/key"])
def test_a_file_name_is_refused_with_a_word_on_its_content(name: str) -> None:
    with pytest.raises(RefusalError, match="looks like a file"):
        checked_recipients([name])


def test_two_keys_in_one_text_are_refused() -> None:
    with pytest.raises(RefusalError, match="several lines"):
        checked_recipients([f"{ED25519}\n{RSA}"])


@pytest.mark.parametrize("value", [[3], True, {"age": AGE}])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(RefusalError, match="not text"):
        checked_recipients(value)


def test_pyrage_is_not_imported_where_there_are_no_recipients() -> None:
    code = (
        "import sys; from kometa_host.settings.variables import Settings; Settings(); sys.exit('pyrage' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
