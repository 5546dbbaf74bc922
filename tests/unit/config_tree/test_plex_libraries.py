"""Libraries of config.yml are held against Plex's, letter by letter as Kometa does it."""

import pytest

from kometa_host.config_tree import plex_libraries

IN_PLEX = ["Movies", "TV Shows", "Anime"]


@pytest.mark.parametrize(
    ("libraries", "said"),
    [
        ({"Movies": {}, "TV Shows": {}}, []),
        ({"Films": {"library_name": "Movies"}}, []),
        ({"movies": {}}, [("movies", "did you mean Movies?")]),
        ({"TV Show": {}}, [("TV Show", "did you mean TV Shows?")]),
        ({"Music": {}}, [("Music", "Plex has Anime, Movies, TV Shows")]),
        ({"Music": {"plex": {"url": "http://other:32400"}}}, []),
        ({"Music": {"plex": {"timeout": 60}}}, [("Music", "Plex has Anime, Movies, TV Shows")]),
        ({1: None}, [("1", "Plex has Anime, Movies, TV Shows")]),
        (None, []),
    ],
)
def test_a_library_that_plex_lacks_is_told_with_what_it_has(libraries: object, said: list[tuple[str, str]]) -> None:
    assert list(plex_libraries.missing({"libraries": libraries}, IN_PLEX)) == said


def test_a_plex_without_libraries_says_so() -> None:
    assert list(plex_libraries.missing({"libraries": {"A": {}}}, [])) == [("A", "Plex has none")]


@pytest.mark.parametrize(
    ("entry", "holds"),
    [
        ({"default": "oscars"}, "shows"),
        ({"pmm": "movie/oscars.yml"}, "shows"),
        ({"default": "genre"}, None),
        ({"default": "network"}, None),
        ({"file": "config/oscars.yml"}, None),
    ],
)
def test_a_default_is_held_against_the_kind_that_plex_tells(entry: dict[str, str], holds: str | None) -> None:
    config = {"libraries": {"Films": {"library_name": "Movies", "collection_files": [entry]}}}
    found = list(plex_libraries.misplaced(config, {"Movies": "show"}))
    assert found == ([(next(iter(entry.values())), "Films", holds)] if holds else [])
    assert list(plex_libraries.misplaced(config, {"Films": "show"})) == []


@pytest.mark.parametrize(
    ("answered", "found"),
    [
        ({"libraries": {"A": "movie"}}, {"A": "movie"}), ({"libraries": {}}, {}), ({"libraries": ["A"]}, None),
        ({"libraries": None}, None), ({}, None),
    ],
)  # fmt: skip
def test_only_an_answer_of_plex_counts(answered: dict[str, object], found: dict[str, str] | None) -> None:
    assert plex_libraries.libraries(answered) == found
