"""Paths of another machine are found in the tree; what the source lacks is allowed as it was."""

import pytest

from kometa_host.adoption.paths import inside_config, with_missing_allowed

KNOWN = {"Movies.yml", "metadata/TV.yml", "metadata", "assets", "x.yaml"}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("/opt/kometa/config/Movies.yml", "Movies.yml"),
        (r"'C:\Kometa\config\metadata\TV.yml'", "metadata/TV.yml"),
        ("./metadata/TV.yml", "metadata/TV.yml"),
        ("Movies", "Movies"),
    ],
)
def test_a_path_of_another_machine_leads_into_the_tree(value: str, place: str) -> None:
    text = f"libraries:\n  A:\n    collection_files:\n    - file: {value}  # mine\n"
    assert inside_config(text, KNOWN)[0] == text.replace(value, f"config/{place}")


@pytest.mark.parametrize("value", ["config/Movies.yml", "/config/none.yml", "/data/none.yml", "<<x>>/Movies.yml"])
def test_other_paths_stay(value: str) -> None:
    text = f"libraries:\n  A:\n    collection_files:\n    - file: {value}\nother: {{file: /opt/Movies.yml}}\n"
    assert inside_config(text, KNOWN) == (text, [])


def test_folders_and_asset_directories_too() -> None:
    text = "settings:\n  asset_directory: [/opt/config/assets]\nlibraries: {A: {metadata_path: /opt/metadata/TV.yml}}\n"
    changed, said = inside_config(text, KNOWN)
    assert "asset_directory: [config/assets]" in changed
    assert "metadata_path: config/metadata/TV.yml" in changed
    assert len(said) == 2


def test_a_file_that_was_never_there_is_allowed_once() -> None:
    text = "libraries:\n  A:\n    collection_files:\n    - file: config/none.yml\n    - file: config/x\n"
    changed, missing = with_missing_allowed(text, KNOWN)
    assert changed == text.replace("none.yml\n", "none.yml  # kometa-host: allow\n")
    assert missing == ["config/none.yml"]
    assert with_missing_allowed(changed, KNOWN)[0] == changed


def test_a_folder_without_definitions_is_allowed_too() -> None:
    text = "libraries:\n  A:\n    collection_files:\n    - folder: config/Movies/\n    - folder: config/metadata\n"
    changed, missing = with_missing_allowed(text, {*KNOWN, "Movies.yml"})
    assert changed == text.replace("Movies/\n", "Movies/  # kometa-host: allow\n")
    assert missing == ["config/Movies/"]
