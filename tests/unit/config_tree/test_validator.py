"""What Kometa's validator says is shown with the file and line of the project."""

import pytest

from kometa_host.config_tree import validator
from kometa_host.config_tree.validator import Verdict
from kometa_host.errors import UserError

CONFIG = """\
plex:
  url: http://plex:32400
  timeout: soon
libraries:
  Movies:
    collection_files:
      - file: config/collections/movies.yml
      - file: config/nosuch.yml
  "Odd: name -> x":
    operations: nothing
playlist_files:
  - config/lists.yml
"""
MOVIES = "collections:\n  Best:\n    plex_search: 1\n"
FILES = {"config.yml": CONFIG, "collections/movies.yml": MOVIES, "lists.yml": "a: [\n"}


def shown(*errors: str, secrets: frozenset[str] = frozenset()) -> list[tuple[str, int, str]]:
    found = validator.findings(Verdict(errors), FILES, "kometa", secrets)
    return [(one.file, one.line, one.message) for one in found]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        (
            "config.yml [config-schema.json] at plex -> timeout: 'soon' is not of type 'integer'",
            ("kometa/config.yml", 3, "'soon' is not of type 'integer'"),
        ),
        (
            "config.yml [config-schema.json] at libraries -> Odd: name -> x -> operations: wrong",
            ("kometa/config.yml", 10, "wrong"),
        ),
        (
            "config.yml [config-schema.json] at (root): 'tmdb' is a required property",
            ("kometa/config.yml", 0, "'tmdb' is a required property"),
        ),
        (
            "library 'Movies' collection_files: path not found: /config/nosuch.yml",
            ("kometa/config.yml", 8, "there is no file /config/nosuch.yml"),
        ),
        (
            "library 'Movies' collection_files: movies.yml [collection-schema.json] at collections -> Best: bad",
            ("kometa/collections/movies.yml", 2, "bad"),
        ),
        (
            "playlist_files: lists.yml: YAML Error: while parsing a flow sequence",
            ("kometa/lists.yml", 2, "YAML Error: while parsing a flow sequence"),
        ),
        ("library 'Movies': 'metadata_path' is deprecated", ("kometa/config.yml", 5, "'metadata_path' is deprecated")),
        ("something new", ("kometa/config.yml", 0, "something new")),
    ],
)
def test_each_kind_of_message_is_shown_with_its_place(message: str, place: tuple[str, int, str]) -> None:
    assert shown(message) == [place]


def test_a_key_that_only_the_host_has_is_shown_at_the_nearest_place() -> None:
    ((file, line, message),) = shown("config.yml [config-schema.json] at plex -> odd -> key: wrong")
    assert (file, line) == ("kometa/config.yml", 1)
    assert message == "odd -> key: wrong"


def test_secrets_of_the_host_are_not_shown() -> None:
    config = "trakt:\n  client_id: <<id>>\n  authorization:\n    access_token: canary\n"
    secrets = validator.secrets_in(config)
    ((_, _, message),) = shown("config.yml: {'access_token': 'canary'} is not valid", secrets=secrets)
    assert "canary" not in message
    assert secrets == {"canary"}


def test_long_messages_are_cut() -> None:
    assert len(shown("x " * 1000)[0][2]) == validator.LONGEST


def test_warnings_stop_nothing() -> None:
    (finding,) = validator.findings(Verdict(warnings=("library 'Movies': odd",)), FILES, "kometa", frozenset())
    assert finding.severity == "warning"


def test_an_answer_is_read() -> None:
    assert validator.parse(b'{"errors": ["a"], "warnings": []}\n') == Verdict(("a",))
    assert validator.parse(b'{"unable": "why"}\n') == Verdict(unable="why")


@pytest.mark.parametrize("output", [b"", b"Traceback", b"[1]", b'{"errors": 1}'])
def test_what_is_no_answer_is_refused(output: bytes) -> None:
    with pytest.raises(UserError, match="nothing was changed"):
        validator.parse(output)
