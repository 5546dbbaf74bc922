"""What Kometa's validator says is shown with the file and line of the project."""

import pytest

from kometa_host.config_tree import validator
from kometa_host.config_tree.findings import Finding
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


def findings(*errors: str, on_host: str = CONFIG, secrets: frozenset[str] = frozenset()) -> list[Finding]:
    return validator.findings(Verdict(errors), FILES, "kometa", on_host, secrets)


def shown(*errors: str, on_host: str = CONFIG, secrets: frozenset[str] = frozenset()) -> list[tuple[str, int, str]]:
    return [(one.file, one.line, one.message) for one in findings(*errors, on_host=on_host, secrets=secrets)]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        (
            "config.yml [config-schema.json] at plex -> timeout: 'soon' is not of type 'integer'",
            ("kometa/config.yml", 3, "plex.timeout: 'soon' is not of type 'integer'"),
        ),
        (
            "config.yml [config-schema.json] at libraries -> Odd: name -> x -> operations: wrong",
            ("kometa/config.yml", 10, "libraries.Odd: name -> x.operations: wrong"),
        ),
        (
            "config.yml [config-schema.json] at (root): 'tmdb' is a required property",
            ("kometa/config.yml", 0, "'tmdb' is a required property"),
        ),
        (
            "library 'Movies' collection_files: path not found: /config/nosuch.yml",
            ("kometa/config.yml", 8, "/config/nosuch.yml is not among the project's files"),
        ),
        (
            "library 'Movies' collection_files: movies.yml [collection-schema.json] at collections -> Best: bad",
            ("kometa/collections/movies.yml", 2, "collections.Best: bad"),
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


@pytest.mark.parametrize(
    ("message", "severity"),
    [
        ("config.yml [config-schema.json] at plex -> timeout: 'soon' is not of type 'integer'", "warning"),
        ("library 'Movies' collection_files: path not found: /config/nosuch.yml", "warning"),
        ("something new", "warning"),
        ("playlist_files: lists.yml: YAML Error: while parsing a flow sequence", "error"),
        ("config.yml: Error loading file: day is out of range for month", "error"),
    ],
)
def test_only_what_kometa_cannot_read_is_an_error(message: str, severity: str) -> None:
    assert [finding.severity for finding in findings(message)] == [severity]


def test_what_kometa_added_on_the_host_is_told_as_such_and_refuses_nothing() -> None:
    on_host = CONFIG + "settings:\n  auto_sort_hubs:\nsonarr:\n  language_profile:\n"
    hubs = "config.yml [config-schema.json] at settings -> auto_sort_hubs: None is not one of ['alpha']"
    profile = "config.yml [config-schema.json] at sonarr -> language_profile: None is not of type 'string'"
    one, other = findings(hubs, profile, on_host=on_host)
    assert (one.severity, one.line) == (other.severity, other.line) == ("warning", 0)
    assert one.message == "settings.auto_sort_hubs: None is not one of ['alpha']; Kometa has added it on the host"


def test_complaints_of_one_kind_are_told_once_with_their_number() -> None:
    text = "library 'Movies' collection_files: movies.yml [collection-schema.json] at collections -> {}: {}"
    kinds = [
        ("Best -> plex_search", "1 is not of type 'object'"),
        ("Best", "{'plex_search': 1} is not of type 'string'"),
    ]
    alike = [text.format("Best", f"{value} is not of type 'array'") for value in ("True", "'a is b'", "3")]
    found = findings(*(text.format(*kind) for kind in kinds), *alike)
    assert len(found) == 3
    assert found[2].message == "collections.Best: True is not of type 'array' (and in 2 more places)"


def test_a_line_can_allow_what_the_validator_says() -> None:
    files = {"config.yml": "plex:\n  timeout: soon  # kometa-host: allow\n"}
    text = "config.yml [config-schema.json] at plex -> timeout: 'soon' is not of type 'integer'"
    assert validator.findings(Verdict((text,)), files, "kometa", files["config.yml"], frozenset()) == []


def test_secrets_of_the_host_are_not_shown() -> None:
    config = "trakt:\n  client_id: <<id>>\n  authorization:\n    access_token: canary\n"
    secrets = validator.secrets_in(config)
    ((_, _, message),) = shown("config.yml: {'access_token': 'canary'} is not valid", secrets=secrets)
    assert "canary" not in message
    assert secrets == {"canary"}


def test_long_messages_are_cut() -> None:
    assert len(shown("x " * 1000)[0][2]) == validator.MAX_LENGTH


def test_warnings_stop_nothing() -> None:
    (finding,) = validator.findings(Verdict(warnings=("library 'Movies': odd",)), FILES, "kometa", "", frozenset())
    assert finding.severity == "warning"


def test_an_answer_is_read() -> None:
    assert validator.parse(b'{"errors": ["a"], "warnings": []}\n') == Verdict(("a",))
    assert validator.parse(b'{"unable": "why"}\n') == Verdict(unable="why")


@pytest.mark.parametrize("output", [b"", b"Traceback", b"[1]", b'{"errors": 1}'])
def test_what_is_no_answer_is_refused(output: bytes) -> None:
    with pytest.raises(UserError, match="nothing was changed"):
        validator.parse(output)


@pytest.mark.parametrize(("pattern", "count"), [("nosuch.yml", 0), ("*.yml", 0), ("other.yml", 1)])
def test_a_file_that_is_the_hosts_alone_is_not_missed(pattern: str, count: int) -> None:
    verdict = Verdict(("library 'Movies' collection_files: path not found: /config/nosuch.yml",))
    assert len(validator.findings(verdict, FILES, "kometa", "", frozenset(), [pattern])) == count
