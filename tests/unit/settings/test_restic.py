"""What a host is told about its restic repository, and what its backups leave out."""

import re

import pytest

from kometa_host.settings.refusals import RefusalError
from kometa_host.settings.restic import (
    checked_exclude,
    checked_repository,
    checked_secrets,
    exclude_expression,
    scheme_of,
)

SECRET = "s3cr3t-value"  # noqa: S105


@pytest.mark.parametrize(
    "place",
    [
        "/mnt/disk/kometa", "sftp:mms@friend.example:/srv/kometa", "s3:https://s3.example/bucket/kometa",
        "rest:https://rest.example/kometa/", "rclone:remote:kometa", "b2:bucket:kometa", "azure:container:/kometa",
        "gs:bucket:/kometa", "sftp://mms@friend.example:2222//srv/kometa",
    ],
)  # fmt: skip
def test_a_place_that_restic_can_reach(place: str) -> None:
    assert checked_repository(place) == place


@pytest.mark.parametrize("value", [None, ""])
def test_no_repository(value: object) -> None:
    assert checked_repository(value) is None


@pytest.mark.parametrize(
    "place",
    ["kometa", "./kometa", "ftp:host:/x", "s3:", "sftp:a b:/x", "rest:https://x/\ny", 3, "/", "/home/mms", "/etc/x"],
)
def test_other_places_are_refused(place: object) -> None:
    with pytest.raises(RefusalError):
        checked_repository(place)


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(RefusalError, match="RESTIC_REST_PASSWORD") as refused:
        checked_repository(f"rest:https://me:{SECRET}@rest.example/kometa/")
    assert SECRET not in str(refused.value)


def test_the_scheme() -> None:
    assert [scheme_of(place) for place in (None, "/srv/x", "s3:x")] == ["", "path", "s3"]


def test_variables_of_restic_are_taken_and_hidden() -> None:
    secrets = checked_secrets({"RESTIC_PASSWORD": SECRET, "AWS_ACCESS_KEY_ID": "key"})
    assert secrets["RESTIC_PASSWORD"].get_secret_value() == SECRET
    assert SECRET not in repr(secrets)


@pytest.mark.parametrize(
    "secrets",
    [
        {"PATH": SECRET}, {"LD_PRELOAD": SECRET}, {"restic_password": SECRET}, {"RESTIC_REPOSITORY": SECRET},
        {"RESTIC_PASSWORD_COMMAND": SECRET}, {"RESTIC_PASSWORD": ""}, {"RESTIC_PASSWORD": 7},
        {"RESTIC_PASSWORD": f"{SECRET}\nX=1"}, [SECRET], SECRET,
    ],
)  # fmt: skip
def test_other_variables_and_values_are_refused_and_no_value_is_shown(secrets: object) -> None:
    with pytest.raises(RefusalError) as refused:
        checked_secrets(secrets)
    assert SECRET not in str(refused.value)


def test_patterns_are_taken_once_without_a_slash_at_the_end() -> None:
    assert checked_exclude(["assets/", "assets", "overlays/temp", "logs/*.log"]) == (
        "assets", "overlays/temp", "logs/*.log",
    )  # fmt: skip


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "/assets",
        "a/../b",
        ".",
        "a//b",
        "**",
        "a/**",
        "config.yml",
        "*",
        "*.yml",
        "con?ig.yml",
        "[ab]",
        "a,b",
        "a\nb",
        "!a",
        3,
    ],
)
def test_patterns_that_are_not_anchored_or_take_the_config_are_refused(pattern: object) -> None:
    with pytest.raises(RefusalError):
        checked_exclude([pattern])


def test_an_archive_has_to_tell_them_in_its_first_bytes() -> None:
    with pytest.raises(RefusalError, match="bytes together"):
        checked_exclude([f"{number}{'x' * 90}" for number in range(5)])


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("assets", ["./assets"], ["./assets2", "./x/assets", "./assets/x"]),
        ("logs/*.log", ["./logs/a.log"], ["./logs/a/b.log", "./logs/a_log"]),
        ("a+(b)", ["./a+(b)"], ["./aab", "./ab"]),
        ("?.db", ["./a.db"], ["./ab.db", "./.db"]),
    ],
)
def test_a_pattern_is_anchored_and_stays_within_a_name(pattern: str, inside: list[str], outside: list[str]) -> None:
    expression = re.compile(exclude_expression(pattern))
    assert all(expression.fullmatch(name) for name in inside)
    assert not any(expression.fullmatch(name) for name in outside)
