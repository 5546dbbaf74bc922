"""Previous names are renamed where they stand; metadata_path becomes what its files are."""

import pytest

from kometa_host.adoption.old_names import converted
from kometa_host.config_tree import yaml12

COLLECTIONS, METADATA = "collection_files", "metadata_files"
BOTH = frozenset({COLLECTIONS, METADATA})


def kind_of(entry: object) -> frozenset[str]:
    """Files that begin with c have collections, those with m metadata, and defaults collections."""
    if isinstance(entry, dict) and "pmm" in entry:
        return frozenset({COLLECTIONS})
    name = str(entry.get("file") if isinstance(entry, dict) else entry).removeprefix("config/")
    return frozenset({COLLECTIONS}) if name.startswith("c") else frozenset({METADATA}) if name[0] == "m" else BOTH


def test_a_list_of_one_kind_is_renamed_in_its_place() -> None:
    text = (
        "libraries:\n  A:\n    metadata_path:  # mine\n    - file: config/c.yml\n    overlay_path:\n    - pmm: ribbon\n"
    )
    assert converted(text, kind_of)[0] == (
        "libraries:\n  A:\n    collection_files:  # mine\n    - file: config/c.yml\n"
        "    overlay_files:\n    - default: ribbon\n"
    )


def test_a_list_of_both_kinds_becomes_two_with_the_comments_of_each() -> None:
    text = (
        "libraries:\n  A:\n    metadata_path:\n      # first\n      - file: config/c.yml\n      # second\n"
        "      - file: config/m.yml\n        template_variables:\n          x: 1\n\n  # next\n  B:\n    operations: {}"
    )
    assert converted(text, kind_of)[0] == (
        "libraries:\n  A:\n    collection_files:\n      # first\n      - file: config/c.yml\n"
        "    metadata_files:\n      # second\n      - file: config/m.yml\n        template_variables:\n          x: 1\n"
        "\n  # next\n  B:\n    operations: {}"
    )


@pytest.mark.parametrize("value", ["\n    - file: config/x.yml", " [{file: config/x.yml}]", " config/x.yml"])
def test_what_is_both_or_unknown_stands_below_both(value: str) -> None:
    text, said = converted(f"libraries:\n  A:\n    metadata_path:{value}", kind_of)
    library = yaml12.load(text, "config.yml").value["libraries"]["A"]
    assert library[COLLECTIONS] == library[METADATA]
    assert said == ["libraries.A.metadata_path is collection_files and metadata_files now"]


def test_settings_that_were_called_otherwise() -> None:
    text = (
        "settings: {collection_minimum: 2, save_missing: true, playlist_sync_to_user: all}\nradarr: {add: true}\n"
        "libraries:\n  A:\n    settings: {collection_minimum: 3}\n    sonarr: {add: false}\n"
        "    operations: {radarr_add_all: true}\nplaylist_files:\n- pmm: playlist\n"
    )
    value = yaml12.load(converted(text, kind_of)[0], "config.yml").value
    assert value["settings"] == {"minimum_items": 2, "save_report": True, "playlist_sync_to_users": "all"}
    assert value["radarr"] == {"add_missing": True}
    assert value["libraries"]["A"] == {
        "settings": {"minimum_items": 3}, "sonarr": {"add_missing": False},
        "operations": {"radarr_add_all_existing": True},
    }  # fmt: skip
    assert value["playlist_files"] == [{"default": "playlist"}]


def test_a_name_that_stands_beside_its_successor_stays() -> None:
    text = "libraries:\n  A:\n    overlay_path: [{pmm: a}]\n    overlay_files: [{default: b}]\n"
    assert "overlay_path" in converted(text, kind_of)[0]


@pytest.mark.parametrize("text", ["", "libraries:\n", "libraries: {A: }\n", "- a\n", "plex: {url: x}\n", "x\n"])
def test_a_config_without_them_stays_as_it_is(text: str) -> None:
    assert converted(text, kind_of) == (text, [])
