from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.config_tree import yaml12
from kometa_host.config_tree.merge import MISSING, deviations, merged, same, wanted
from kometa_host.config_tree.yaml12 import Value

TEXT = """\
# ours
plex:
  url: http://plex:32400
  token: <<plextoken>>   # a secret
tmdb:
  apikey: <<tmdbapikey>>
libraries:
  Movies:
    collection_files:
      - file: config/movies.yml
settings:
  cache: true
"""


def read(text: str) -> Any:
    return yaml12.load(text, "config.yml").value


def changed(path: tuple[Any, ...], new: Value = MISSING) -> Any:
    """Return the document of TEXT with another value at the path, or without it."""
    document = inner = read(TEXT)
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    if new is MISSING:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return document


def test_the_project_s_own_text_holds() -> None:
    assert not deviations(read(TEXT), read(TEXT))


def test_kometa_s_rewriting_is_no_deviation() -> None:
    rewritten = """\
plex:
  url: http://plex:32400
  token: <<plextoken>>
  timeout: 60
tmdb: {apikey: <<tmdbapikey>>, language: en, region: }
libraries:
  Movies:
    collection_files:
    - file: config/movies.yml
settings:
  cache: true
  playlist_report: true
"""
    assert not deviations(read(TEXT), read(rewritten))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("plex", "url"), "http://elsewhere:32400"),
        (("plex", "token"), MISSING),
        (("tmdb",), None),
        (("settings", "cache"), "true"),
        (("settings", "cache"), 1),
        (("libraries", "Movies", "collection_files"), []),
        (("libraries", "Movies", "collection_files"), [{"file": "config/movies.yml", "schedule": "daily"}]),
    ],
)
def test_a_changed_value_deviates_and_the_merged_text_mends_it(path: tuple[str, ...], found: Value) -> None:
    on_host = changed(path, found)
    assert [item.path for item in deviations(read(TEXT), on_host)] == [path]
    assert merged(TEXT, read(TEXT), on_host) == TEXT


@pytest.mark.parametrize("found", [None, [], "broken", {}])
def test_a_host_without_a_usable_document_gets_the_project_s_text(found: Value) -> None:
    assert deviations(read(TEXT), found)
    assert merged(TEXT, read(TEXT), found) == TEXT


@pytest.mark.parametrize(("one", "other"), [(6, "6"), (True, 1), (1, 1.0), (None, ""), ([1], [True]), ({}, None)])
def test_values_of_different_types_are_different(one: Value, other: Value) -> None:
    assert deviations({"x": one}, {"x": other})


def test_not_a_number_equals_itself() -> None:
    assert same({"x": [float("nan")]}, {"x": [float("nan")]})


def test_what_kometa_added_survives_after_the_declared_keys() -> None:
    on_host = read(TEXT)
    on_host["plex"] = {"timeout": 60, "url": "http://changed:32400", "token": "<<plextoken>>"}
    text = merged(TEXT, read(TEXT), on_host)
    assert list(read(text)["plex"].items()) == [
        ("url", "http://plex:32400"), ("token", "<<plextoken>>"), ("timeout", 60)
    ]  # fmt: skip
    assert text.startswith("# Written by the deploy")
    assert "kometa/config.yml" in text.splitlines()[1]


@pytest.mark.parametrize("blank", ["", "{}"])
def test_a_section_left_blank_is_kometa_s_to_fill(blank: str) -> None:
    assert not deviations(read(f"settings: {blank}"), {"settings": {"cache": True}})


@pytest.mark.parametrize("key", ["libraries", "own"])
def test_another_blank_key_is_to_stay_blank(key: str) -> None:
    assert deviations({key: None}, {key: {"a": 1}})
    assert deviations({key: None}, {})
    assert deviations({"tmdb": {"region": None}}, {"tmdb": {"region": "US"}})


@pytest.mark.parametrize("section", ["trakt", "mal"])
def test_a_refreshed_authorization_is_kometa_s(section: str) -> None:
    declared = {section: {"client_id": "<<id>>", "authorization": {"access_token": "start"}}}
    fresh = {section: {"client_id": "<<id>>", "authorization": {"access_token": "fresh", "expires_in": 1}}}
    assert not deviations(declared, fresh)
    fresh[section]["client_id"] = "changed"
    assert wanted(declared, fresh)[section] == {"client_id": "<<id>>", "authorization": fresh[section]["authorization"]}


@pytest.mark.parametrize("blank", [None, {}, {"access_token": None, "expires_in": None}, MISSING])
def test_a_declared_authorization_counts_where_the_host_has_none(blank: Value) -> None:
    declared = {"trakt": {"authorization": {"access_token": "start"}}}
    found: Value = {"trakt": {} if blank is MISSING else {"authorization": blank}}
    assert deviations(declared, found)
    assert wanted(declared, found)["trakt"]["authorization"]["access_token"] == "start"  # noqa: S105


def test_a_pin_that_trakt_has_used_up_stays_blank() -> None:
    declared = {"trakt": {"pin": "<<traktpin>>"}}
    assert not deviations(declared, {"trakt": {"pin": None, "authorization": {"access_token": "a"}}})
    assert deviations(declared, {"trakt": {"pin": None}})
    assert deviations(declared, {"trakt": {"pin": "other", "authorization": {"access_token": "a"}}})


def test_a_run_order_that_kometa_completed_holds() -> None:
    declared = {"settings": {"run_order": ["overlays", "collections"]}}
    completed = ["operations", "metadata", "overlays", "collections"]
    assert not deviations(declared, {"settings": {"run_order": completed}})
    assert deviations(declared, {"settings": {"run_order": completed[::-1]}})
    assert deviations(declared, {"settings": {"run_order": ["collections", "overlays"]}})
    assert deviations(declared, {"settings": {"run_order": 1}})


def test_what_the_project_dropped_has_to_go() -> None:
    previously = changed(("settings", "sync_mode"), "sync")
    on_host = changed(("settings", "sync_mode"), "sync") | {"kometas": 1}
    assert not deviations(read(TEXT), on_host)
    (gone,) = deviations(read(TEXT), on_host, previously)
    assert (gone.path, gone.declared, gone.found) == (("settings", "sync_mode"), MISSING, "sync")
    assert wanted(read(TEXT), on_host, previously) == read(TEXT) | {"kometas": 1}


def test_a_dropped_authorization_stays_with_its_section_and_goes_with_it() -> None:
    authorization = {"access_token": "fresh"}
    previously = {"trakt": {"client_id": "a", "authorization": {"access_token": "start"}}}
    on_host = {"trakt": {"client_id": "a", "authorization": authorization}}
    assert wanted({"trakt": {"client_id": "a"}}, on_host, previously) == on_host
    assert wanted({}, on_host, previously) == {}


@pytest.mark.parametrize("blank", [None, "", {}])
def test_a_pin_that_is_blank_beside_an_authorization_stays_as_it_is(blank: Value) -> None:
    authorization = {"access_token": "fresh"}
    on_host = {"trakt": {"pin": blank, "authorization": authorization}}
    assert wanted({"trakt": {"pin": "123", "authorization": None}}, on_host) == on_host
    assert not deviations(on_host, on_host)


def test_a_deviation_says_what_and_where_without_secrets() -> None:
    declared = {"plex": {"token": "abc", "url": "http://a:b@plex", "more": {"x": 1}}}
    lines = [str(item) for item in deviations(declared, {"plex": {"token": "def", "url": 1}})]
    assert lines == [
        "plex.token: (hidden) on the host, (hidden) in the project",
        "plex.url: 1 on the host, http://(hidden)@plex in the project",
        "plex.more: nothing on the host, a mapping in the project",
    ]


SCALARS = st.sampled_from([None, True, 1, "1", "x", ""])
KEYS = st.sampled_from(["settings", "trakt", "mal", "authorization", "pin", "run_order", "a", "b"])
VALUES = st.recursive(
    SCALARS | st.permutations(["operations", "metadata", "collections", "overlays"]).map(lambda steps: steps[:3]),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=10,
)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=4)


@given(MAPPINGS, MAPPINGS | VALUES, st.none() | MAPPINGS)
def test_a_merged_document_holds_and_merging_again_changes_nothing(
    declared: Value, found: Value, previously: Value
) -> None:
    text = merged(yaml12.dump(declared), declared, found, previously)
    after = read(text)
    assert not deviations(declared, after, previously)
    assert merged(yaml12.dump(declared), declared, after, previously) == text


def rewritten(declared: Value, defaults: Value) -> Value:
    """Return what Kometa leaves of a document: everything that is there, and what was missing."""
    return declared | {
        key: {**value, **(declared.get(key) or {})} if isinstance(declared.get(key), dict) else declared.get(key, value)
        for key, value in defaults.items()
    }


@given(MAPPINGS, st.dictionaries(KEYS, st.dictionaries(KEYS, SCALARS, max_size=3), max_size=3))
def test_a_document_that_kometa_rewrote_still_holds(declared: Value, defaults: Value) -> None:
    on_host = rewritten(declared, defaults)
    assert not deviations(declared, read(yaml12.dump(on_host)))
    assert wanted(declared, on_host) == on_host
