import hashlib
import os
import socket
import sys
import time
from pathlib import Path

import pytest

from kometa_host.config_tree import tree as tree_module
from kometa_host.config_tree.cache import CacheFile
from kometa_host.config_tree.listing import FRESH
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.tree import Tree, TreeError, scan

CONTEXT = {"kometa_plex_url": "http://plex:32400", "kometa_times": ["06:00"], "kometa_secrets": {"plextoken": "hidden"}}
OLD = 1_700_000_000


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "kometa"
    (folder / "assets" / "Amélie & Co").mkdir(parents=True)
    (folder / CONFIG).write_text("plex:\n  url: x\n")
    (folder / "assets" / "Amélie & Co" / "poster.jpg").write_bytes(b"\xff\xd8{{ not rendered }}")
    return folder


def problems(source: Path, **context: object) -> list[str]:
    with pytest.raises(TreeError) as caught:
        scan(source).rendered(context)
    assert str(source.name) in str(caught.value)
    return caught.value.problems


def test_a_tree_lists_files_and_directories_with_parents_first(source: Path) -> None:
    tree = scan(source).rendered({})
    assert list(tree.files) == ["assets/Amélie & Co/poster.jpg", CONFIG]
    assert tuple(tree.directories) == ("assets", "assets/Amélie & Co")
    poster = tree.files["assets/Amélie & Co/poster.jpg"]
    assert poster.data is None
    assert poster.size == 20
    assert poster.sha256 == hashlib.sha256(poster.read()).hexdigest()
    assert tree.total_size == poster.size + tree.files[CONFIG].size
    assert tree.warnings == []


def test_only_config_yml_is_rendered_and_only_where_there_is_something_to_render(source: Path) -> None:
    (source / CONFIG).write_text("url: {{ kometa_plex_url }}\ntimes: {{ kometa_times }}\n")
    tree = scan(source).rendered(CONTEXT)
    assert tree.config_text == "url: http://plex:32400\ntimes: ['06:00']\n"
    assert tree.files[CONFIG].size == len(tree.config_text)
    assert tree.files[CONFIG].sha256 == hashlib.sha256(tree.config_text.encode()).hexdigest()
    assert scan(source).rendered(CONTEXT | {"kometa_plex_url": "other"}).config_text.startswith("url: other\n")


def test_text_without_expressions_stays_as_it_is_byte_for_byte(source: Path) -> None:
    content = b"a: <<plextoken>>\r\nb: { x }\r\n\r\n"
    (source / CONFIG).write_bytes(content)
    assert scan(source).rendered({}).files[CONFIG].read() == content


def test_rendering_needs_jinja_only_then(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert scan(source).rendered(CONTEXT).config_text == "plex:\n  url: x\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: {{ kometa_plex_urll }}\n", 2, "did you mean kometa_plex_url?"),
        ("a: {{ zzz }}\n", 1, "group_data"),
        ("a: 1\n\nb: {{ kometa_secrets.plextoken }}\n", 3, "write <<name>>"),
        ("a: 1\nb: {{ oops\n", 2, "raw"),
        ("a: {% include 'x' %}\n", 1, "raw"),
        ("a: {{ kometa_times.x }}\n", 1, "no attribute 'x'"),
        ("a: {{ ().__class__.__bases__ }}\n", 1, "unsafe"),
        ("a: {{ 1 / 0 }}\n", 1, "division by zero"),
    ],
)
def test_a_failed_rendering_names_the_line_and_the_way_out(source: Path, text: str, line: int, words: str) -> None:
    (source / CONFIG).write_text(text)
    (problem,) = problems(source, **CONTEXT)
    assert problem.startswith(f"config.yml, line {line}: ")
    assert words in problem
    assert "hidden" not in problem


def test_comments_are_not_rendered(source: Path) -> None:
    text = (
        "# {% x %} and {{ nosuch }}\na: {{ kometa_plex_url }}  # {% endfor %}, don't\n"
        "{# hidden #}b: '#{{ kometa_plex_url }}'\nc: \"x # {{ kometa_plex_url }}\"\nd: x#{{ kometa_plex_url }}\n"
    )
    (source / CONFIG).write_text(text)
    shown = text.replace("{{ kometa_plex_url }}", CONTEXT["kometa_plex_url"]).replace("{# hidden #}", "")  # type: ignore[arg-type]
    assert scan(source).rendered(CONTEXT).config_text == shown


def test_a_template_that_is_not_utf8_is_refused(source: Path) -> None:
    (source / CONFIG).write_bytes(b"a: {{ x }} \xff")
    assert "UTF-8" in problems(source)[0]


@pytest.mark.parametrize("make", [lambda folder: None, lambda folder: folder.write_text("x")])
def test_a_missing_folder_is_told(tmp_path: Path, make: object) -> None:
    folder = tmp_path / "nosuch"
    make(folder)  # type: ignore[operator]
    assert "kometa_config_source" in problems(folder)[0]


def test_a_missing_config_yml_is_told(source: Path) -> None:
    (source / CONFIG).unlink()
    assert problems(source)[0].startswith("config.yml is missing")


def test_all_that_cannot_be_deployed_is_told_at_once(source: Path) -> None:
    (source / "link.yml").symlink_to(source / CONFIG)
    (source / "assets" / "away").symlink_to("/etc")
    os.mkfifo(source / "fifo")
    (source / "new\nline").touch()
    Path(os.fsdecode(os.fsencode(source) + b"/\xff.jpg")).touch()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(source / "socket"))
    found = problems(source)
    listener.close()
    assert len(found) == 6
    for name in (
        "link.yml is a symbolic link",
        "assets/away is a symbolic link",
        "fifo is neither",
        "socket is neither",
    ):
        assert any(problem.startswith(name) for problem in found)
    assert any("'new\\nline' has a line break" in problem for problem in found)
    assert any("not UTF-8" in problem for problem in found)
    assert all(problem.isprintable() for problem in found)


@pytest.mark.parametrize("name", [".kometa-host-manifest", "assets/.kometa-host"])
def test_names_of_the_deploy_s_own_files_are_refused(source: Path, name: str) -> None:
    (source / name).touch()
    assert problems(source)[0].startswith(f"{name} ")


def test_what_kometa_writes_itself_stays_behind_and_is_told_once(source: Path) -> None:
    before = set(scan(source).rendered({}).files)
    names = ["UUID", "config.cache", "config.cache-journal", "config.yml.template", "Movies_report.yml", "meta-1.log"]
    for folder in ("logs/old", "overlays/temp", "overlays/Movies Original Posters"):
        (source / folder).mkdir(parents=True)
        (source / folder / "a.yml").touch()
    for name in names:
        (source / name).touch()
    (source / "overlays" / "own.yml").touch()
    tree = scan(source).rendered({})
    assert set(tree.files) == before | {"overlays/own.yml"}
    (warning,) = tree.warnings
    assert all(name in warning for name in ("UUID", "logs", "overlays/temp", "not sent"))


def test_kometa_s_names_are_free_deeper_in_the_tree(source: Path) -> None:
    for name in ("UUID.yml", "movies.yml", "Movies.yml"):
        (source / "assets" / name).touch()
    assert {"assets/UUID.yml", "assets/Movies.yml", "assets/movies.yml"} <= set(scan(source).rendered({}).files)


def test_only_what_kometa_reads_is_sent_and_the_rest_is_told_once(source: Path) -> None:
    before = set(scan(source).rendered({}).files)
    for name in (".env", "config.yml.bak", "notes.txt", "apprise.conf", "Font.OTF", "assets/poster.WEBP", "README"):
        (source / name).touch()
    (source / CONFIG).write_text("apprise:\n  config: /config/apprise.conf\n")
    tree = scan(source).rendered({})
    assert set(tree.files) - before == {"apprise.conf", "Font.OTF", "assets/poster.WEBP"}
    (warning,) = tree.warnings
    assert ".env, README, config.yml.bak, notes.txt" in warning
    assert "name it as config/..." in warning


def test_what_others_write_on_the_host_is_not_sent(source: Path) -> None:
    (source / "UMTK").mkdir()
    (source / "UMTK" / "new.yml").touch()
    tree = scan(source)
    assert "UMTK/new.yml" in tree.files
    assert "UMTK/new.yml" not in tree.without(["UMTK/*.yml"]).files
    assert CONFIG in tree.without(["*"]).files


def test_a_folder_can_have_the_name_of_an_editor_s_file(source: Path) -> None:
    (source / "assets" / "#Collections#").mkdir()
    (source / "assets" / "#Collections#" / "poster.jpg").touch()
    (source / "assets" / "#x#").touch()
    files = set(scan(source).rendered({}).files)
    assert "assets/#Collections#/poster.jpg" in files
    assert "assets/#x#" not in files


@pytest.mark.parametrize(
    "name", ["config.yml~", ".config.yml.swp", ".DS_Store", "Thumbs.db", "._x", "#x#", ".gitkeep", ".gitignore"]
)
def test_what_editors_and_git_leave_is_not_sent(source: Path, name: str) -> None:
    before = set(scan(source).rendered({}).files)
    (source / "assets" / name).touch()
    (source / ".git").mkdir()
    (source / ".#config.yml").symlink_to("somebody@somewhere.123")
    assert set(scan(source).rendered({}).files) == before


def test_an_empty_directory_is_kept(source: Path) -> None:
    (source / "empty").mkdir()
    (source / "empty" / ".gitkeep").touch()
    assert "empty" in scan(source).rendered({}).directories


def test_config_yml_must_be_a_file(source: Path) -> None:
    (source / CONFIG).unlink()
    (source / CONFIG).mkdir()
    assert problems(source) == ["config.yml is a directory; it has to be a file"]


def test_an_unreadable_file_is_told(unprivileged: Path) -> None:
    (unprivileged / CONFIG).touch(mode=0)
    assert "make it readable" in problems(unprivileged)[0]


def test_many_problems_do_not_flood_the_screen(source: Path) -> None:
    for number in range(200):
        (source / f"{number}").symlink_to("x")
    with pytest.raises(TreeError) as caught:
        scan(source)
    assert len(caught.value.problems) == 200
    assert "and 150 more" in str(caught.value)


def test_a_large_tree_is_warned_about(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "LARGE", 10)
    assert "every backup" in scan(source).rendered({}).warnings[0]


def test_a_file_that_changes_while_it_is_sent_is_noticed(source: Path) -> None:
    tree = scan(source).rendered({})
    (source / CONFIG).write_text("longer than it was before\n")
    with pytest.raises(TreeError, match="was changed while"):
        tree.files[CONFIG].open()
    (source / CONFIG).unlink()
    with pytest.raises(TreeError, match="cannot be read"):
        tree.files[CONFIG].open()


# Remembered digests


@pytest.fixture
def settled(source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree whose files were written long ago, as far as the cache can tell."""
    monkeypatch.setattr(tree_module, "FRESH", -10_000_000_000)
    return source


def next_tick(folder: Path) -> None:
    """Wait until what is written has another time than what was written before: some kernels count in 10 ms."""
    began = time.time_ns()
    while (folder.parent / "tick").write_text("x") and (folder.parent / "tick").stat().st_ctime_ns <= began:
        pass


def digests(source: Path) -> tuple[dict[str, str], int]:
    """Return all digests and how many files had to be read for them."""
    tree: Tree = scan(source).rendered({})
    found = {path: file.sha256 for path, file in tree.files.items()}
    return found, tree.files[CONFIG].digests.computed


def test_digests_are_computed_once(settled: Path) -> None:
    first, read = digests(settled)
    assert read == 2
    assert digests(settled) == (first, 0)


def test_a_changed_file_is_read_again_and_no_other(settled: Path) -> None:
    before, _ = digests(settled)
    stat = (settled / CONFIG).stat()
    next_tick(settled)
    (settled / CONFIG).write_text("plex:\n  url: y\n")  # of the same size
    os.utime(settled / CONFIG, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # and of the same time
    after, read = digests(settled)
    assert read == 1
    assert before[CONFIG] != after[CONFIG]


def test_a_file_that_was_just_written_is_not_trusted(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "FRESH", 30 * FRESH)  # as long as this test takes at the most
    digests(source)
    assert digests(source)[1] == 2


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"config.yml": 1}', '{"config.yml": [1]}', "\x00" * 10, "[" * 9999])
def test_a_damaged_cache_is_only_slow(settled: Path, tmp_path: Path, damage: str) -> None:
    right, _ = digests(settled)
    for cache in (tmp_path / "cache" / "kometa-host").iterdir():
        cache.write_text(damage)
    assert digests(settled) == (right, 2)
    assert digests(settled) == (right, 0)


def test_a_forged_digest_of_the_wrong_form_is_not_believed(settled: Path) -> None:
    right, _ = digests(settled)
    cache = scan(settled).rendered({}).files[CONFIG].digests._store
    cache.write({path: [*entry[:-1], "x"] for path, entry in cache.read().items()})
    assert digests(settled) == (right, 2)


def test_an_unwritable_home_is_only_slow(settled: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no directory")
    assert digests(settled)[1] == 2
    assert digests(settled)[1] == 2


def test_the_cache_is_private_and_leaves_no_temporary_files(settled: Path, tmp_path: Path) -> None:
    digests(settled)
    directory = tmp_path / "cache" / "kometa-host"
    assert directory.stat().st_mode & 0o077 == 0
    assert sorted(path.name.split("-")[0] for path in directory.iterdir()) == ["digests", "tree"]


def test_a_cache_file_that_cannot_be_json_is_not_left_half_written(tmp_path: Path) -> None:
    store = CacheFile("x")
    store.write({"a": 1})
    with pytest.raises(TypeError):
        store.write({"a": object()})
    assert store.read() == {"a": 1}
    assert [path.name for path in (tmp_path / "cache" / "kometa-host").iterdir()] == ["x.json"]
