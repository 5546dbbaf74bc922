"""The secrets file: what it may hold, how it is opened, and that no message shows any of it."""

from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import pytest

from kometa_host.secrets import file as secrets_file
from kometa_host.secrets.file import SecretsFileError
from tests.unit.hostile import with_passphrase

TEXT = b"""\
plextoken: 'common'
tmdb-key: 0123
groups:
  media:
    plextoken: of-media
  other:
    plextoken: of-other
hosts:
  tower.lan:
    tmdb_key: of-tower
"""


def values(content: bytes, host: str = "tower.lan", groups: tuple[str, ...] = ()) -> dict[str, str]:
    chosen = secrets_file.parse(content, "secrets.yml.age").values_for(host, groups)
    return {name: value.get_secret_value() for name, value in chosen.items()}


def problems(content: bytes) -> str:
    with pytest.raises(SecretsFileError) as refusal:
        secrets_file.parse(content, "secrets.yml.age")
    assert "hunter" not in str(refusal.value)
    return str(refusal.value)


def test_a_value_for_all_hosts_is_taken_as_it_is_written() -> None:
    assert values(TEXT, "elsewhere") == {"plextoken": "common", "tmdb-key": "0123"}


def test_a_host_wins_over_its_groups_and_these_over_all() -> None:
    assert values(TEXT, "tower.lan", ("media",)) == {"plextoken": "of-media", "tmdb_key": "of-tower"}


def test_of_several_groups_the_last_one_wins() -> None:
    assert values(TEXT, "x", ("media", "other"))["plextoken"] == "of-other"


@pytest.mark.parametrize("content", [b"", b"# nothing yet\n", b"groups:\nhosts:\n", b"\xef\xbb\xbf# mark\n"])
def test_an_empty_file_has_no_secrets(content: bytes) -> None:
    assert values(content) == {}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"plextoken: 'hunter2\n", "line 2"),
        (b"plextoken: hunter2\n\ttmdbapikey: x\n", "there is a tab"),
        (b"plextoken: *hunter2\n", "undefined alias"),
        (b"a: b\nplextoken: @hunter2\n", "line 2"),
        (b"plextoken: !hunter2 x\n", "begins with !"),
        (b"plextoken: hunter2\nplextoken: hunter3\n", "line 2"),
        (b"plex_token: hunter2\nplex-token: hunter3\n", "the same to Kometa"),
        (b"hunter2HUNTER2: plextoken\n", "not shown"),
        (b"plextoken: [hunter2]\n", "a list"),
        (b"media:\n  plextoken: hunter2\n", "groups and hosts"),
        (b"groups:\n  - hunter2\n", "line 2"),
        (b"hosts: hunter2\n", "line 1"),
        (b"plextoken: null\n", "empty value"),
        (b"plextoken:\n", "empty value"),
        (b"plextoken: |\n  hunter2\n", "line break"),
        (b"run: hunter2\n", "option of Kometa"),
        (b"a: hunter2\n---\nb: hunter3\n", "line 2"),
        (b"- hunter2\n", "line 1"),
        (b"plextoken: hunter2\xff\n", "UTF-8"),
    ],
)
def test_what_cannot_work_is_refused_by_line_and_never_shown(content: bytes, found: str) -> None:
    assert found in problems(content)


def test_all_mistakes_are_reported_at_once() -> None:
    text = problems(b"A: hunter2\ngroups:\n  media:\n    time: hunter3\n")
    assert "line 1" in text
    assert "line 4" in text


# Opening


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "age-identity.txt"
    path.touch(mode=0o600)
    path.write_text(str(pyrage.x25519.Identity.generate()))
    return path


def public(identity: Path) -> object:
    return pyrage.x25519.Identity.from_str(identity.read_text()).to_public()


def opened(content: bytes, tmp_path: Path, **environment: str) -> dict[str, str]:
    path = tmp_path / "secrets.yml.age"
    path.write_bytes(content)
    file = secrets_file.load(path, path.name, environment=environment)
    return {name: value.get_secret_value() for name, value in file.common.items()}


@pytest.mark.parametrize("armored", [True, False])
def test_the_file_opens_with_the_identity_that_the_environment_names(
    tmp_path: Path, identity: Path, armored: bool
) -> None:
    encrypted = pyrage.encrypt(TEXT, [public(identity)], armored=armored)
    assert opened(encrypted, tmp_path, KOMETA_AGE_IDENTITY=str(identity))["plextoken"] == "common"


def test_a_protected_identity_opens_with_the_passphrase_of_the_environment(tmp_path: Path, identity: Path) -> None:
    encrypted = pyrage.encrypt(TEXT, [public(identity)])
    identity.write_bytes(with_passphrase(identity.read_bytes(), "open sesame"))
    names = {"KOMETA_AGE_IDENTITY": str(identity), "KOMETA_AGE_PASSPHRASE": "open sesame"}
    assert opened(encrypted, tmp_path, **names)["plextoken"] == "common"
    with pytest.raises(SecretsFileError, match="KOMETA_AGE_PASSPHRASE"):
        opened(encrypted, tmp_path, KOMETA_AGE_IDENTITY=str(identity))
    with pytest.raises(SecretsFileError) as refusal:
        opened(encrypted, tmp_path, **names | {"KOMETA_AGE_PASSPHRASE": "open barley"})
    assert "barley" not in str(refusal.value)


def test_without_an_identity_the_message_says_how_to_name_one(tmp_path: Path, identity: Path) -> None:
    encrypted = pyrage.encrypt(TEXT, [public(identity)])
    with pytest.raises(SecretsFileError, match="export KOMETA_AGE_IDENTITY="):
        opened(encrypted, tmp_path)
    with pytest.raises(SecretsFileError, match="there is no file"):
        opened(encrypted, tmp_path, KOMETA_AGE_IDENTITY=str(tmp_path / "none.txt"))


def test_an_identity_given_in_place_of_its_path_is_not_repeated(tmp_path: Path, identity: Path) -> None:
    secret = identity.read_text()
    with pytest.raises(SecretsFileError) as refusal:
        opened(pyrage.encrypt(TEXT, [public(identity)]), tmp_path, KOMETA_AGE_IDENTITY=secret)
    assert secret not in str(refusal.value)


def test_another_identity_is_told_to_become_a_recipient(tmp_path: Path, identity: Path) -> None:
    encrypted = pyrage.encrypt(TEXT, [pyrage.x25519.Identity.generate().to_public()])
    with pytest.raises(SecretsFileError, match=r"secrets\.recipients"):
        opened(encrypted, tmp_path, KOMETA_AGE_IDENTITY=str(identity))


def test_a_file_that_is_cut_flipped_plain_or_encrypted_to_a_passphrase_is_refused(
    tmp_path: Path, identity: Path
) -> None:
    whole = pyrage.encrypt(TEXT, [public(identity)])
    flipped = whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:]
    for content, found in (
        (whole[:-5], "damaged"),
        (flipped, "damaged"),
        (whole[:40], "header"),
        (TEXT, "not encrypted"),
        (b"", "empty"),
        (with_passphrase(TEXT), "passphrase"),
    ):
        with pytest.raises(SecretsFileError, match=found) as refusal:
            opened(content, tmp_path, KOMETA_AGE_IDENTITY=str(identity))
        assert "common" not in str(refusal.value)


def test_first_tokens_have_a_section_of_their_own() -> None:
    file = secrets_file.parse(b"plextoken: p\nauthorization:\n  trakt:\n    access_token: t\n", "secrets.yml.age")
    assert list(file.common) == ["plextoken"]
    assert file.authorization["trakt"]["access_token"].get_secret_value() == "t"


REPOSITORY_TEXT = b"""
plextoken: p
repository:
  RESTIC_PASSWORD: for all
  AWS_ACCESS_KEY_ID: key
hosts:
  tower.lan:
    plextoken: own
    repository: {RESTIC_PASSWORD: its own}
groups:
  media:
    repository: {RESTIC_PASSWORD: the group's, B2_ACCOUNT_ID: b2}
"""


def test_restics_variables_have_sections_of_their_own_and_never_become_kometas() -> None:
    file = secrets_file.parse(REPOSITORY_TEXT, "secrets.yml.age")
    found = {name: value.get_secret_value() for name, value in file.repository_for("tower.lan", ("media",)).items()}
    assert found == {"RESTIC_PASSWORD": "its own", "AWS_ACCESS_KEY_ID": "key", "B2_ACCOUNT_ID": "b2"}
    assert file.repository_for("other", ())["RESTIC_PASSWORD"].get_secret_value() == "for all"
    assert list(file.values_for("tower.lan", ("media",))) == ["plextoken"]


def test_a_secret_that_is_called_repository_is_one_of_kometas() -> None:
    file = secrets_file.parse(b"repository: value\n", "secrets.yml.age")
    assert list(file.common) == ["repository"]
    assert file.repository_for("tower.lan", ()) == {}


def test_what_is_no_variable_of_restic_is_refused_by_line_and_not_shown() -> None:
    assert "line 2" in (said := problems(b"repository:\n  PATH: hidden\n"))
    assert "hidden" not in said
