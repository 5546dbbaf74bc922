"""What is done about Podman secrets, decided without reading one back."""

import re

import pytest

from kometa_host.errors import UserError
from kometa_host.secrets import podman as podman_secrets
from kometa_host.secrets.podman import FoundSecret, SecretChanges
from kometa_host.settings.environment import variable_of

WANTED = {"plextoken": "hunter2", "tmdb-key": "hunter3"}


def found(**values: str) -> dict[str, FoundSecret]:
    return {name.replace("_", "-"): FoundSecret(podman_secrets.digest(value), 1.0) for name, value in values.items()}


def test_nothing_changes_where_the_digests_fit() -> None:
    assert not podman_secrets.changes(WANTED, found(plextoken="hunter2", tmdb_key="hunter3"))


def test_a_missing_and_a_different_secret_are_written_and_one_too_many_is_removed() -> None:
    assert podman_secrets.changes(WANTED, found(plextoken="other", old="x")) == SecretChanges(
        ("plextoken", "tmdb-key"), ("old",)
    )


def test_what_somebody_else_made_is_never_removed() -> None:
    assert not podman_secrets.changes({}, {"theirs": FoundSecret("", 1.0)})


def test_what_somebody_else_made_under_one_of_our_names_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="podman secret rm kometa-plextoken") as refusal:
        podman_secrets.refuse_those_of_others(WANTED, {"plextoken": FoundSecret("", 1.0)})
    assert "hunter" not in str(refusal.value)


def test_ours_are_not_refused() -> None:
    podman_secrets.refuse_those_of_others(WANTED, found(plextoken="other"))


@pytest.mark.parametrize("label", ["", "zz:00", "00", ":", "0011:"])
def test_a_label_that_is_no_digest_fits_nothing(label: str) -> None:
    assert not podman_secrets.matches("hunter2", label)


def test_a_digest_is_salted_and_does_not_hold_the_value() -> None:
    label = podman_secrets.digest("hunter2")
    assert re.fullmatch(r"[0-9a-f]{32}:[0-9a-f]{32}", label)
    assert podman_secrets.matches("hunter2", label)
    assert not podman_secrets.matches("hunter3", label)
    assert label.split(":")[0] != podman_secrets.digest("hunter3").split(":")[0]


def test_the_stream_has_a_whole_line_for_each_change() -> None:
    lines = podman_secrets.stream(WANTED, SecretChanges(("plextoken",), ("old",))).decode().splitlines()
    assert re.fullmatch(r"put kometa-plextoken \S+ aHVudGVyMg==", lines[0])
    assert lines[1:] == ["remove kometa-old"]


@pytest.mark.parametrize(("name", "variable"), [("plextoken", "KOMETA_PLEXTOKEN"), ("tmdb-key", "KOMETA_TMDB_KEY")])
def test_the_container_gets_a_secret_as_a_variable_in_capitals(name: str, variable: str) -> None:
    assert variable_of(name) == variable
