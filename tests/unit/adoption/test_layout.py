"""Which configuration a source has, and what of the rest is taken."""

from pathlib import Path

import pytest

from kometa_host.adoption import layout
from kometa_host.adoption.sources import Folder, SourceError, opened

KOMETA = "plex: {}\nlibraries:\n  A: {}\n"


def source(tmp_path: Path, **texts: str) -> Folder:
    """Make a folder; __ is a slash in a path, and _ an ending."""
    for name, text in texts.items():
        path = tmp_path / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Folder(tmp_path)


def found(folder: Folder, wanted: str | None = None) -> str:
    return layout.config_path(folder, folder.files(), wanted)


def test_the_nearest_configuration_counts(tmp_path: Path) -> None:
    assert found(source(tmp_path, config_yml=KOMETA, old__config_yml=KOMETA)) == "config.yml"


def test_a_config_of_another_program_does_not(tmp_path: Path) -> None:
    assert found(source(tmp_path, frigate__config_yml="mqtt: {}\n", a__b__config_yml=KOMETA)) == "a/b/config.yml"


def test_another_name_counts_where_there_is_no_config_yml(tmp_path: Path) -> None:
    folder = source(tmp_path, sub__configclean_yml=KOMETA, configother_yml="a: 1\n")
    assert found(folder) == "sub/configclean.yml"
    assert found(source(tmp_path, config_yml_template="x: 1\n")) == "config.yml.template"


def test_files_that_only_sound_like_one_do_not(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"has no config\.yml"):
        found(source(tmp_path, configother_yml="a: 1\n", a__config_yml="a: 1\n", b__config_yml="a: 1\n"))


def test_what_the_container_was_told_to_read_counts(tmp_path: Path) -> None:
    assert found(source(tmp_path, config_yml=KOMETA, my_yml=KOMETA), "/config/my.yml") == "my.yml"


def test_a_config_yml_beside_it_does_not_take_its_place() -> None:
    assert layout.sort_files({"my.yml": 1, "config.yml": 1}, "", "my.yml", ()).rest == ["config.yml"]


def test_of_several_one_has_to_be_named(tmp_path: Path) -> None:
    folder = source(tmp_path, a__config_yml=KOMETA, b__config_yml=KOMETA)
    with pytest.raises(SourceError, match=r"a/config\.yml, b/config\.yml"):
        found(folder)
    named = opened(str(tmp_path / "b" / "config.yml"))
    assert layout.config_path(named, named.files(), named.config) == "config.yml"


def test_what_kometa_reads_is_taken_and_what_it_writes_is_not() -> None:
    files = {
        "k/config.yml": 1, "k/a/b.yml": 1, "k/p.png": 1, "k/f.TTF": 1, "k/notes.txt": 1, "k/list.txt": 1, "k/.env": 1,
        "k/logs/meta.log": 1, "k/overlays/temp/x.png": 1, "k/overlays/mine.png": 1, "k/.git/x.yml": 1, "other.yml": 1,
    }  # fmt: skip
    result = layout.sort_files(files, "k", "k/config.yml", {"list.txt"})
    assert result.yaml == ["a/b.yml"]
    assert result.others == ["f.TTF", "list.txt", "overlays/mine.png", "p.png"]
    assert result.of_kometa == ["logs/meta.log", "overlays/temp/x.png"]
    assert result.rest == [".env", ".git/x.yml", "notes.txt"]
