"""What Kometa does not know, or will not load, is told with the nearest right spelling, and refuses nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kometa_host.config_tree import checks, schedules
from kometa_host.config_tree.cache import code_version
from kometa_host.config_tree.checks import check_tree
from kometa_host.config_tree.config_words import kind_of
from kometa_host.config_tree.findings import Finding, summarised
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.tree import scan

GOOD = """\
plex: {url: http://plex:32400, token: <<plextoken>>}
tmdb: {apikey: <<tmdbapikey>>}
libraries:
  Movies:
    collection_files: [config/films.yml]
  TV Shows: {}
"""
FILMS = "collections:\n  A:\n    imdb_chart: top_movies\n"


@dataclass(frozen=True)
class Settings:
    kometa_plex_url: str = "http://plex:32400"
    kometa_environment: Mapping[str, str] = field(default_factory=dict)
    kometa_host_files: Collection[str] = ()
    kometa_volumes: tuple[str, ...] = ()
    secrets_of_messages: Collection[str] = ()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def found(folder: Path, config: str = GOOD, **files: str) -> list[Finding]:
    source = folder / "kometa"
    source.mkdir(exist_ok=True)
    (source / CONFIG).write_text(config)
    for name, text in {"films": FILMS, **files}.items():
        (source / f"{name}.yml").write_text(text)
    return check_tree(scan(source).rendered({}), Settings(), ["plextoken", "tmdbapikey"])


def only(folder: Path, config: str = GOOD, **files: str) -> Finding:
    findings = found(folder, config, **files)
    assert len(findings) == 1, [str(finding) for finding in findings]
    assert findings[0].severity == "warning"
    return findings[0]


def in_library(text: str) -> str:
    return GOOD.replace("  TV Shows: {}\n", f"    {text}\n  TV Shows: {{}}\n")


@pytest.mark.parametrize(
    ("config", "remedy"),
    [
        (in_library("run_order: [overlays]"), "write it below settings: of the library"),
        (in_library("assets_for_all: true"), "write it below operations: of the library"),
        (in_library("settings: {remove_overlays: true}"), "write it below Movies: itself"),
        (f"{GOOD}minimum_items: 2\n", "write it below settings:"),
        (f"{GOOD}schedule_overlays: daily\n", "write it below a library"),
    ],
)
def test_a_key_that_belongs_elsewhere_is_told_where(tmp_path: Path, config: str, remedy: str) -> None:
    assert only(tmp_path, config).remedy == remedy


def test_a_default_that_belongs_elsewhere_is_told_where(tmp_path: Path) -> None:
    finding = only(tmp_path, in_library("metadata_files: [{default: imdb}]"))
    assert finding.remedy == "it has one of that name for collection_files; name it there"


def test_of_what_has_one_remedy_the_first_few_are_told_with_the_number_of_the_others() -> None:
    told = [Finding("warning", "a.yml", line, f"<{line}>", "quote it") for line in (1, 2, 3, 4, 4)]
    other = Finding("error", "b.yml", 1, "gone", "remove it")
    found = [*summarised(((one.remedy, one) for one in [*told, other]), most=2)]
    assert [one.message for one in found] == ["<1>", "<2> (and in 2 more places)", "gone"]


@pytest.mark.parametrize(
    ("config", "found", "wanted"),
    [
        (f"{GOOD}settings: {{cache: yes}}\n", "settings.cache is 'yes'", "true or false"),
        (f"{GOOD}settings: {{cache_expiration: '60'}}\n", "settings.cache_expiration is '60'", "without quotes"),
        (in_library("settings: {save_report: 1}"), "libraries.Movies.settings.save_report is 1", "true or false"),
        (f"{GOOD}omdb: {{cache_expiration: soon}}\n", "omdb.cache_expiration is 'soon'", "a whole number"),
    ],
)
def test_a_value_that_kometa_takes_its_default_for_is_told(
    tmp_path: Path, config: str, found: str, wanted: str
) -> None:
    finding = only(tmp_path, config)
    assert finding.message == f"{found}, and Kometa takes its default instead"
    assert wanted in finding.remedy


# Samples that are right, and that a schema of Kometa complains of


def test_what_runs_well_has_no_findings(tmp_path: Path) -> None:
    config = """\
plex:
  {url: http://plex:32400, token: <<plextoken>>, clean_bundles: weekly(sunday), empty_trash: true, optimize: monthly(1)}
tmdb: {apikey: <<tmdbapikey>>}
github: {token: }
gotify: {token: }
ntfy: {token: , topic: }
webhooks: {changes: [notifiarr, gotify]}
sonarr: {language_profile: }
settings: {auto_sort_hubs: }
x-common: {a: 1}
libraries:
  Movies: &movies
    remove_overlays: false
    operations: {mass_content_rating_update: mdb_commonsense}
    collection_files: config/films.yml
    overlay_files: [{file: config/overlays.yml, template_variables: {4K: true, mine: "x"}}]
    metadata_path: [{file: config/titles.yml}]
  Kids: *movies
  TV Shows:
    collection_files: {file: config/shows.yml, schedule: "all[weekly(sunday), hourly(17)]"}
"""
    films = (
        "external_templates: [{url: https://x.org/t.yml}]\ncollections:\n"
        "  A: {imdb_search: {release.after: 1990-01-01}, radarr_monitor: true, sort_title: 100,"
        " schedule: [weekly(sunday), weekly(monday)], visible_home: range(12/01-12/31), item_label.sync: x}\n"
        "  B: {template: {name: elsewhere, x: 1}, add_to_arr: true, year.gte: 1990}\n"
        "dynamic_collections:\n  C: {type: genre, Title_Format: Best of <<key_name>>}\n"
    )
    overlays = "overlays:\n  4K:\n    overlay: {name: 4K}\n    plex_search: {all: {resolution: 4K}}\nqueues: {}\n"
    titles = "metadata:\n  Alien:\n    originally_available: 1979-05-25\n"
    shows = "templates:\n  t: {default: {x: 1}, optional: [y], <<z>>: 1, trakt_list: <<x>>}\n" + (
        "collections:\n  D: {template: [{name: t}], tmdb_airing_today: 5}\n"
    )
    assert found(tmp_path, config, films=films, overlays=overlays, titles=titles, shows=shows) == []


# Files that Kometa would not load


@pytest.mark.parametrize(
    ("text", "line", "words", "remedy"),
    [
        ("", 1, "the file is empty", "collections: or dynamic_collections:"),
        ("# nothing\n", 1, "the file is empty", "collections:"),
        ("- a\n", 1, "the file is a list", "collections:"),
        ("just text\n", 1, "the file has no keys", "collections:"),
        ("colections:\n  A: {imdb_chart: top_movies}\n", 1, "nothing in this file is read", "collections:"),
        ("x: 1\noverlays:\n  A: {overlay: {name: x}, plex_all: true}\n", 2, "overlays is not read", "overlay_files"),
        ("metadata:\n  A: {title: x}\n", 1, "metadata is not read", "metadata_files"),
        ("collections:\n", 1, "collections is blank", "write below it"),
        ("collections:\n  A: text\n", 2, "collections.A is not a mapping", "keys below its name"),
    ],
)
def test_a_file_that_kometa_would_not_load_is_told(
    tmp_path: Path, text: str, line: int, words: str, remedy: str
) -> None:
    findings = [finding for finding in found(tmp_path, films=text) if "did you mean" not in finding.remedy]
    (finding,) = findings
    assert (finding.severity, finding.file, finding.line) == ("warning", "kometa/films.yml", line)
    assert words in finding.message
    assert remedy in finding.remedy


def test_a_file_for_both_kinds_needs_one_of_them(tmp_path: Path) -> None:
    config = GOOD.replace("collection_files", "metadata_path")
    assert found(tmp_path, config) == []
    assert found(tmp_path, config, films="metadata:\n  A: {title: x}\n") == []


# Words in those files


@pytest.mark.parametrize(
    ("text", "line", "word", "near"),
    [
        ("collections:\n  A:\n    imdb_chrat: top\n", 3, "imdb_chrat", "imdb_chart"),
        ("collections:\n  A:\n    plex_serach: {all: {year: 1}}\n", 3, "plex_serach", "plex_search"),
        ("templates:\n  t:\n    sumary: x\n" + FILMS, 3, "sumary", "summary"),
        ("dynamic_collections:\n  A:\n    type: genre\n    exlude: x\n", 4, "exlude", "exclude"),
        ("dynamic_collections:\n  A:\n    type: genra\n", 3, "genra", "genre"),
        ("template:\n  t: {}\n" + FILMS, 1, "template", "templates"),
    ],
)
def test_an_unknown_word_is_told_with_the_nearest_one(
    tmp_path: Path, text: str, line: int, word: str, near: str
) -> None:
    finding = only(tmp_path, films=text)
    assert (finding.line, finding.message) == (line, f"Kometa does not know {word} here")
    assert finding.remedy == f"did you mean {near}?"


def test_a_word_that_is_wrong_in_many_lines_is_told_once_and_can_be_allowed(tmp_path: Path) -> None:
    text = "collections:\n" + "".join(f"  {name}:\n    imdb_lst: x\n" for name in "ABC")
    finding = only(tmp_path, films=text)
    assert (finding.line, finding.message) == (3, "Kometa does not know imdb_lst here (in 3 lines)")
    assert found(tmp_path, films=text.replace("imdb_lst: x", "imdb_lst: x  # kometa-host: allow")) == []


def test_a_template_that_is_nowhere_is_told(tmp_path: Path) -> None:
    text = "templates:\n  best: {imdb_chart: <<x>>}\ncollections:\n  A:\n    template: {name: bset}\n"
    finding = only(tmp_path, films=text)
    assert (finding.line, finding.message, finding.remedy) == (5, "there is no template bset", "did you mean best?")


@pytest.mark.parametrize("name", ["config/more.yml", "/config/more"])
def test_templates_of_other_files_count(tmp_path: Path, name: str) -> None:
    text = f"external_templates: {{file: {name}}}\ncollections:\n  A:\n    template: {{name: best}}\n"
    assert found(tmp_path, films=text, more="templates:\n  best: {imdb_chart: x}\n") == []
    assert "no template best" in only(tmp_path, films=text, more="templates:\n  other: {}\n").message


def test_a_missing_file_of_templates_is_told_once(tmp_path: Path) -> None:
    text = "external_templates:\n- file: config/mroe.yml\ncollections:\n  A:\n    template: {name: best}\n"
    finding = only(tmp_path, films=text, more="templates: {}\n")
    assert (finding.file, finding.line) == ("kometa/films.yml", 2)
    assert finding.message == "external_templates names config/mroe.yml, which is not in the project"
    assert finding.remedy == "did you mean config/more.yml?"


def test_templates_from_elsewhere_are_not_judged(tmp_path: Path) -> None:
    text = "external_templates: [{default: templates}]\ncollections:\n  A:\n    template: {name: shared}\n"
    assert found(tmp_path, films=text) == []


def test_a_playlist_with_an_unknown_library_is_told(tmp_path: Path) -> None:
    config = GOOD + "playlist_files: [config/lists.yml]\n"
    text = "playlists:\n  P:\n    libraries: Movies, TV Show\n    trakt_list: x\n"
    finding = only(tmp_path, config, lists=text)
    assert (finding.file, finding.line) == ("kometa/lists.yml", 3)
    assert (finding.message.split(",")[0], finding.remedy) == (
        "a playlist names the library TV Show",
        "did you mean TV Shows?",
    )
    config = GOOD + "playlist_files:\n  - default: playlist\n    template_variables: {libraries: 'movies'}\n"
    assert only(tmp_path, config).remedy == "did you mean Movies?"


# Words of config.yml


@pytest.mark.parametrize(
    ("config", "line", "words", "near"),
    [
        (GOOD + "setings: {}\n", 7, "setings at the top", "settings"),
        (GOOD + "settings:\n  asset_folder: true\n", 8, "asset_folder below settings", "asset_folders"),
        (GOOD + "radarr:\n  quality_profil: x\n", 8, "quality_profil below radarr", "quality_profile"),
        (in_library("overlays_files: []"), 6, "overlays_files below libraries.Movies", "overlay_files"),
        (in_library("operations: {mass_gener_update: tmdb}"), 6, "mass_gener_update", "mass_genre_update"),
        (in_library("operations: [{splitt_duplicates: true}]"), 6, "splitt_duplicates", "split_duplicates"),
        (in_library("settings: {sync_modus: x}"), 6, "sync_modus", "sync_mode"),
        (GOOD.replace("config/films.yml", "{default: oscar}"), 5, "no default oscar", "oscars"),
        (in_library("overlay_files: [{pmm: ribbons}]"), 6, "no default ribbons", "ribbon"),
        (in_library("overlay_files: [{default: ratings, template_variables: {rating1: critics}}]"), 6,
         "rating1 has no value critics", "critic"),
        (in_library("metadata_path: [{default: genre, template_variables: {use_all: flase}}]"), 6,
         "use_all has no value flase", "false"),
        (in_library("template_variables: {sep_style: plumm}"), 6, "sep_style has no value plumm", "plum"),
    ],
)  # fmt: skip
def test_an_unknown_word_of_config_yml_is_told(tmp_path: Path, config: str, line: int, words: str, near: str) -> None:
    finding = only(tmp_path, config)
    assert (finding.file, finding.line) == ("kometa/config.yml", line)
    assert words in finding.message
    assert finding.remedy == f"did you mean {near}?"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (in_library("overlay_files: [{repo: x}]"), "settings.custom_repo"),
        (in_library("template_variables: [a]"), "libraries.Movies.template_variables is not a mapping"),
        (in_library("overlay_files: [{default: ratings, template_variables: {overlay_limit: few}}]"), "whole number"),
    ],
)
def test_what_else_kometa_passes_over_is_told(tmp_path: Path, config: str, words: str) -> None:
    assert words in only(tmp_path, config).message


def test_a_repository_of_one_s_own_is_known(tmp_path: Path) -> None:
    config = (
        in_library("overlay_files: [{repo: x}]") + "settings: {custom_repo: 'https://github.com/me/x/tree/main/'}\n"
    )
    assert found(tmp_path, config) == []


def test_a_top_level_value_that_others_repeat_is_no_section(tmp_path: Path) -> None:
    config = "common: &common {sync_mode: sync}\n" + GOOD + "settings: *common\n"
    assert found(tmp_path, config) == []


@pytest.mark.parametrize(
    ("library", "default", "other"),
    [("TV Shows", "director", "films"), ("Movies", "network", "shows"), ("Serien", "oscars", "films")],
)
def test_a_default_of_the_other_kind_of_library_is_told(tmp_path: Path, library: str, default: str, other: str) -> None:
    other_library = f"  Other:\n    library_name: {library}\n    collection_files: {{default: {default}}}\n"
    config = GOOD.replace("  TV Shows: {}\n", other_library)
    finding = only(tmp_path, config)
    assert f"is for libraries of {other}" in finding.message


def test_a_builder_of_the_other_kind_of_library_is_told(tmp_path: Path) -> None:
    text = "collections:\n  A:\n    tmdb_airing_today: 5\n"
    finding = only(tmp_path, films=text)
    assert (finding.line, "libraries of shows" in finding.message) == (3, True)
    assert found(tmp_path, GOOD.replace("  Movies:", "  Everything:"), films=text) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Movies", "films"), ("4K Films", "films"), ("TV Shows", "shows"), ("Serien", "shows"), ("Anime", None),
     ("TV Movies", None), ("Showbiz", None)],
)  # fmt: skip
def test_a_name_tells_the_kind_of_a_library_or_does_not(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


# Schedules


@pytest.mark.parametrize(
    "value",
    ["daily", "day", "never", "non_existing", "weekly(sunday)", "weekly(mon|thurs)", "week(m)", "monthly(1)",
     "month(last)", "hourly(17)", "hour(22-5)", "yearly(01/30)", "range(12/01-12/31)",
     "range(8/01-8/15|9/01-9/15)", "date(12/25/2026)",
     "all[weekly(sunday), hourly(17)]", "weekly(sunday), monthly(1)", ["weekly(sunday)", "weekly(monday)"], "<<when>>",
     None, "Weekly(Sunday)"],
)  # fmt: skip
def test_schedules_of_kometa_are_right(value: object) -> None:
    assert list(schedules.problems(value)) == []


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ("dayly", "did you mean daily?"),
        ("weekly", "write it like weekly(sunday)"),
        ("weekly(sonday)", "write it like weekly(sunday)"),
        ("wekly(sunday)", "did you mean weekly(sunday)?"),
        ("monthly(32)", "write it like monthly(1)"),
        ("yearly(13/40)", "write it like yearly(01/30)"),
        ("range(12/01)", "write it like range(12/01-12/31)"),
        ("hourly(25)", "write it like hourly(17)"),
        ("all[wekly(sunday)]", "did you mean weekly(sunday)?"),
        (["daily", "sometimes"], "write one such as weekly(sunday)"),
        (5, "write one such as weekly(sunday)"),
    ],
)
def test_a_wrong_schedule_is_told_with_the_nearest_right_one(value: object, remedy: str) -> None:
    ((_, said),) = schedules.problems(value)
    assert said == remedy


@pytest.mark.parametrize(
    ("config", "films"),
    [
        (GOOD, FILMS + "    schedule: dayly\n"),
        (GOOD, FILMS + "    visible_home: dayly\n"),
        (in_library("schedule: dayly"), FILMS),
        (in_library("schedule_overlays: dayly"), FILMS),
        (in_library("operations: {schedule: dayly}"), FILMS),
        (in_library("plex: {optimize: dayly}"), FILMS),
        (GOOD.replace("token: <<plextoken>>", "token: <<plextoken>>, empty_trash: dayly"), FILMS),
        (GOOD.replace("config/films.yml", "{file: config/films.yml, schedule: dayly}"), FILMS),
        (GOOD.replace("config/films.yml", "{default: genre, template_variables: {schedule: dayly}}"), FILMS),
    ],
)
def test_a_wrong_schedule_is_found_wherever_it_stands(tmp_path: Path, config: str, films: str) -> None:
    assert "'dayly' is no schedule of Kometa" in only(tmp_path, config, films=films).message


# What was checked before


def test_a_file_that_was_checked_before_is_not_examined_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "collections:\n  A:\n    template: {name: x}\n    imdb_lst: 1\n    tmdb_airing_today: 1\n"
    first = found(tmp_path, films=text)
    assert len(first) == 3
    monkeypatch.setattr(checks, "examine", lambda *_: pytest.fail("examined again"))
    assert found(tmp_path, films=text) == first


@pytest.mark.parametrize("damage", ["1", "[]", "{}", '{"findings": 1}', '{"findings": [1]}', '{"odd": 1}'])
def test_a_damaged_memory_is_ignored(tmp_path: Path, damage: str) -> None:
    found(tmp_path)
    memory = tmp_path / "cache" / "kometa-host" / "checks.json"
    key = f"collection_files definitions {scan(tmp_path / 'kometa').rendered({}).files['films.yml'].sha256}"
    memory.write_text(f'{{"{code_version()}": {{"{key}": {damage}}}}}')
    assert found(tmp_path) == []
