import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kometa_host.config_tree import checks
from kometa_host.config_tree.cache import code_version
from kometa_host.config_tree.checks import check_tree
from kometa_host.config_tree.findings import Finding, errors
from kometa_host.config_tree.named_files import CONFIG
from kometa_host.config_tree.tree import scan

PROJECT = Path(__file__).parents[3]
GOOD = """\
plex:
  url: http://plex:32400
  token: <<plextoken>>
tmdb:
  apikey: <<tmdbapikey>>
libraries:
  Movies:
    collection_files:
      - file: config/movies.yml
      - default: oscars
"""
# built here, so that no scanner takes this file for a leak
PLEX_TOKEN = "aB3dE5" + "gH7jK9mN1pQ3sT"
TMDB_KEY = "0123456789abcdef" * 2
TRAKT_SECRET = "0123456789abcdef" * 4
JSON_WEB_TOKEN = "eyJhbGciOiJIUzI1NiJ9" + ".eyJhdWQiOiIxMjM0NTY3ODkwIn0" + ".c2lnbmF0dXJl"


@dataclass(frozen=True)
class Settings:
    kometa_plex_url: str = "http://plex:32400"
    kometa_environment: Mapping[str, str] = field(default_factory=dict)
    kometa_host_files: Collection[str] = ()
    kometa_volumes: Collection[str] = ()
    secrets_of_messages: Collection[str] = ()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Kometa does not know is told elsewhere: most words here are made up."""
    monkeypatch.setattr(checks, "_definition_findings", lambda *_: iter(()))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "kometa"
    folder.mkdir()
    (folder / "movies.yml").write_text("collections:\n  A:\n    imdb_list: <<list>>\n")
    return folder


def found(
    source: Path,
    config: str,
    secrets: Collection[str] | None = ("plextoken", "tmdbapikey"),
    settings: Settings = Settings(),
) -> list[Finding]:
    (source / CONFIG).write_text(config)
    return check_tree(scan(source).rendered({"kometa_plex_url": "http://plex:32400"}), settings, secrets)


def only(
    source: Path,
    config: str,
    secrets: Collection[str] | None = ("plextoken", "tmdbapikey"),
    settings: Settings = Settings(),
) -> Finding:
    findings = found(source, config, secrets, settings)
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


def test_a_good_tree_has_no_findings(source: Path) -> None:
    assert found(source, GOOD) == []
    assert found(source, GOOD, None) == []


def test_the_sample_of_this_project_has_no_findings() -> None:
    tree = scan(PROJECT / "kometa").rendered({"kometa_plex_url": "http://plex:32400"})
    assert check_tree(tree, Settings(), ["plextoken", "tmdbapikey"]) == []
    assert "assets" in tree.directories


def test_a_finding_says_file_line_problem_and_remedy(source: Path) -> None:
    finding = only(source, GOOD.replace("apikey: <<tmdbapikey>>", "apikey:"), ["plextoken"])
    assert str(finding).startswith("error: kometa/config.yml, line 5: tmdb has no apikey")
    assert "write `apikey: <<tmdbapikey>>`" in finding.remedy
    assert errors([finding]) == [finding]


# YAML


@pytest.mark.parametrize(
    ("name", "severity"),
    [(CONFIG, "error"), ("movies.yml", "error"), ("deep/own.yaml", "warning"), ("assets/x.yml", "warning")],
)
def test_bad_yaml_is_found_in_every_file_and_refused_where_kometa_reads_it(
    source: Path, name: str, severity: str
) -> None:
    (source / CONFIG).write_text(GOOD)
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_text("a: 1\nb: 2\na: 3\n")
    (finding,) = check_tree(scan(source).rendered({}), Settings(), None)
    assert (finding.severity, finding.file, finding.line) == (severity, f"kometa/{name}", 3)
    assert "second time" in finding.message


def test_a_file_of_a_named_folder_is_one_that_kometa_reads(source: Path) -> None:
    (source / "own").mkdir()
    (source / "own" / "a.yml").write_text("a: [\n")
    config = GOOD.replace("file: config/movies.yml", "folder: config/own")
    assert [finding.severity for finding in found(source, config)] == ["error"]


@pytest.mark.parametrize("text", ["a: {b: c", "a: 'b"])
def test_what_is_never_closed_can_be_allowed_in_the_last_line(source: Path, text: str) -> None:
    (source / "movies.yml").write_text(f"{text}\n")
    assert [finding.severity for finding in found(source, GOOD)] == ["error"]
    (source / "movies.yml").write_text(f"{text} # kometa-host: allow\n")
    assert found(source, GOOD) == []


def test_a_tag_is_told_with_the_quotes_that_it_needs(source: Path) -> None:
    (source / "movies.yml").write_text("collections:\n  Best:\n    sort_title: !020_Best\n")
    finding = only(source, GOOD)
    assert (finding.severity, finding.line) == ("warning", 3)
    assert "`!020_Best` is a tag" in finding.message
    assert finding.remedy == "put quotes around the whole text"


def test_other_files_are_not_read_as_yaml(source: Path) -> None:
    (source / "notes.txt").write_text("a: [\n")
    assert found(source, GOOD) == []


def test_a_huge_file_is_passed_over_with_a_warning(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MAX_YAML_SIZE", 10)
    assert {finding.severity for finding in found(source, GOOD)} == {"warning"}


def test_a_content_that_was_checked_before_is_not_parsed_again(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = GOOD.replace("<<plextoken>>", PLEX_TOKEN)
    first = found(source, config, ["tmdbapikey"])
    monkeypatch.setattr(checks, "_content_findings_of", lambda file: pytest.fail(f"{file.path} was read again"))
    assert found(source, config, ["tmdbapikey"]) == first


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"VERSION": 1}', '{"VERSION": {"KEY": [[1]]}}', '{"VERSION": {"KEY": 1}}']
)
def test_a_damaged_memory_of_the_checks_is_ignored(source: Path, tmp_path: Path, damage: str) -> None:
    found(source, GOOD)
    memory = tmp_path / "cache" / "kometa-host" / "checks.json"
    key = f"config {scan(source).rendered({}).files[CONFIG].sha256}"
    memory.write_text(damage.replace("VERSION", code_version()).replace("KEY", key))
    assert found(source, GOOD) == []


# Plex, TMDb and the libraries


@pytest.mark.parametrize("config", ["", "# nothing\n", "just text\n", "- a\n"])
def test_a_config_yml_without_settings_is_an_error(source: Path, config: str) -> None:
    assert "overwrite" in only(source, config).message


@pytest.mark.parametrize("missing", ["url: http://plex:32400", "token: <<plextoken>>"])
def test_plex_without_address_or_token_is_an_error(source: Path, missing: str) -> None:
    key = missing.partition(":")[0]
    finding = only(source, GOOD.replace(missing, f"{key}:"), None)
    assert finding.message == f"plex has no {key}"


def test_a_library_s_own_plex_section_is_enough(source: Path) -> None:
    own = "    plex: {url: 'http://plex:32400/', token: <<plextoken>>}\n"
    without = GOOD.partition("tmdb:")[1] + GOOD.partition("tmdb:")[2]
    assert found(source, without + own) == []
    (url, token) = found(source, without + own + "  TV Shows: {}\n")
    assert url.message == "plex has no url for the libraries TV Shows"
    assert token.message == "plex has no token for the libraries TV Shows"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://plex.example.org", "reverse proxy such as Traefik"),
        ("http://plex.example.org", "reverse proxy such as Traefik"),
        ("http://192.168.1.12:32400", "is another address"),
        ("http://plex:32401", "is another address"),
    ],
)
@pytest.mark.parametrize("in_library", [False, True])
def test_another_address_than_kometa_plex_url_is_told_and_can_be_the_right_one(
    source: Path, url: str, words: str, in_library: bool
) -> None:
    own = f"    plex:\n      url: {url}\n"
    config = GOOD + own if in_library else GOOD.replace("http://plex:32400", url)
    finding = only(source, config)
    assert words in finding.message
    assert (finding.severity, finding.line) == ("warning", 12 if in_library else 2)
    assert f"set kometa_plex_url to {url}" in finding.remedy
    assert "{{ kometa_plex_url }}" in finding.remedy


def test_credentials_of_an_address_are_not_repeated(source: Path) -> None:
    findings = found(source, GOOD.replace("http://plex:32400", "https://me:canary@plex.example.org/?token=finch"))
    assert "https://plex.example.org" in " ".join(map(str, findings))
    assert not re.search("canary|finch", " ".join(map(str, findings)))


def test_the_address_of_plex_can_come_from_the_environment(source: Path) -> None:
    assert found(source, GOOD.replace("http://plex:32400", "ENV")) == []


def test_an_address_that_is_not_text_is_refused(source: Path) -> None:
    finding = only(source, GOOD.replace("http://plex:32400", "32400"))
    assert (finding.severity, "not text" in finding.message) == ("error", True)


def test_a_second_server_can_be_allowed(source: Path) -> None:
    own = "    plex:\n      url: http://other:32400  # kometa-host: allow\n      token: <<plextoken>>\n"
    assert found(source, GOOD + own) == []


@pytest.mark.parametrize("libraries", ["libraries:\n", "libraries: [Movies]\n", ""])
def test_a_config_without_libraries_is_an_error(source: Path, libraries: str) -> None:
    assert "no libraries" in only(source, GOOD.partition("libraries:")[0] + libraries).message


def test_definitions_in_config_yml_are_refused_as_kometa_does(source: Path) -> None:
    finding = only(source, GOOD + "    overlays:\n      x: {}\n")
    assert (finding.line, "overlay_files" in finding.remedy) == (11, True)


def test_a_library_that_is_not_a_mapping_is_an_error(source: Path) -> None:
    assert "not a mapping" in only(source, GOOD + "  TV Shows: config/shows.yml\n").message


def test_a_library_without_a_body_ends_kometa_s_run(source: Path) -> None:
    finding = only(source, GOOD + "  TV Shows:\n")
    assert (finding.severity, finding.line) == ("error", 11)
    assert finding.message == "libraries.TV Shows has nothing below it, which ends Kometa's run"
    assert found(source, GOOD + "  TV Shows: {}\n") == []


@pytest.mark.parametrize("name", ["settings", "webhooks", "radarr"])
def test_a_blank_section_that_ends_kometa_s_run_is_refused_and_no_other(source: Path, name: str) -> None:
    finding = only(source, f"{GOOD}{name}:\n")
    assert (finding.severity, finding.line, "is blank" in finding.message) == ("error", 11, True)
    assert found(source, f"{GOOD}sonarr:\ntautulli:\n") == []


# Placeholders and secrets


@pytest.mark.parametrize("name", ["tmdb-key", "TMDB_KEY", "tmdbkey"])
def test_placeholders_that_kometa_resolves_are_right(source: Path, name: str) -> None:
    config = GOOD.replace("tmdbapikey", name)
    assert found(source, config, ["plextoken", "tmdbkey" if name == "tmdbkey" else "tmdb_key"]) == []


@pytest.mark.parametrize("name", ["tmdb_key", "Tmdb-Key", "TMDB-KEY", "tmdb_KEY"])
def test_a_spelling_that_kometa_leaves_blank_is_refused_with_the_right_one(source: Path, name: str) -> None:
    for secrets in (["plextoken", "tmdb_key"], None):
        finding = only(source, GOOD.replace("tmdbapikey", name), secrets)
        assert finding.severity == "error"
        assert finding.remedy == "write <<tmdb-key>>"


def test_a_placeholder_without_a_secret_is_an_error_and_the_near_one_is_named(source: Path) -> None:
    error, warning = sorted(found(source, GOOD, ["plextoken", "tmdbapikeys"]), key=lambda finding: finding.severity)
    assert "there is no secret" in error.message
    assert "did you mean <<tmdbapikeys>>?" in error.remedy
    assert (warning.severity, "tmdbapikeys is used nowhere" in warning.message) == ("warning", True)


def test_a_secret_of_an_address_for_messages_needs_no_place_in_config_yml(source: Path) -> None:
    secrets = ("plextoken", "tmdbapikey", "ntfytopic")
    assert found(source, GOOD, secrets, Settings(secrets_of_messages={"ntfytopic"})) == []


@pytest.mark.parametrize(("name", "remedy"), [("plex-token", "token: ENV"), ("run-library", "<<runlibrary>>")])
def test_a_secret_named_like_an_option_of_kometa_is_never_put_in(source: Path, name: str, remedy: str) -> None:
    finding = only(source, GOOD.replace("plextoken", name), ["tmdbapikey", name])
    assert "is an option of Kometa" in finding.message
    assert remedy in finding.remedy


@pytest.mark.parametrize("word", ["ENV", "env"])
def test_a_token_from_the_environment_needs_its_secret(source: Path, word: str) -> None:
    config = GOOD.replace("<<plextoken>>", word)
    assert found(source, config, ["plex_token", "tmdbapikey"]) == []
    assert "plex_token" in only(source, config, ["tmdbapikey"]).message
    assert found(source, config, None) == []


def test_only_one_placeholder_a_value_is_put_in(source: Path) -> None:
    finding = only(source, GOOD + "settings: {tvdb_language: <<plextoken>>-<<tmdbapikey>>}\n")
    assert "two placeholders" in finding.message
    assert finding.severity == "warning"  # the run goes on
    vital = GOOD + "tautulli: {url: <<plextoken>>-<<tmdbapikey>>}\n"
    assert only(source, vital).severity == "error"


@pytest.mark.parametrize("name", ["plextoken", "tmdbapikey"])
def test_a_list_in_a_secrets_place_ends_the_run(source: Path, name: str) -> None:
    finding = next(item for item in found(source, GOOD.replace(f"<<{name}>>", "[x]")) if item.severity == "error")
    assert finding.message.endswith("is not text, which ends Kometa's run")


def test_an_address_that_can_be_none_is_told_like_any_other(source: Path) -> None:
    finding = only(source, GOOD.replace("http://plex:32400", "http://[hidden]"))
    assert "another address than kometa_plex_url" in finding.message


def test_a_plain_variable_of_the_container_is_put_in_as_well(source: Path) -> None:
    config = GOOD + "radarr:\n  root_folder_path: <<radarrroot>>\n"
    assert found(source, config, settings=Settings(kometa_environment={"KOMETA_RADARRROOT": "/films"})) == []
    finding = only(source, config)
    assert (finding.severity, "there is no secret" in finding.message) == ("warning", True)


@pytest.mark.parametrize("text", ["Top <<limit>> of <<key>>", "<<limit>>: <<key>>", "the <<Best_of>>", "<<a>> b"])
def test_placeholders_inside_a_text_stay_as_they_are(source: Path, text: str) -> None:
    assert found(source, f"{GOOD}settings:\n  x: '{text}'\n") == []


def test_an_address_with_a_placeholder_that_is_nowhere_is_refused(source: Path) -> None:
    finding = only(source, GOOD + "radarr:\n  url: <<serverurl>>:7878\n")
    assert (finding.severity, finding.line) == ("error", 12)


def test_what_blanks_no_secret_and_no_address_is_a_warning(source: Path) -> None:
    assert only(source, GOOD + "    remove_overlays: <<flag>>\n").severity == "warning"
    assert found(source, GOOD + "    remove_overlays: <<flag>>\n", ["plextoken", "tmdbapikey", "flag"]) == []


def test_template_variables_are_not_placeholders(source: Path) -> None:
    assert found(source, GOOD + "    template_variables: {x: <<any_thing>>}\n") == []


# Files


@pytest.mark.parametrize(
    "entry",
    ["file: /config/movies.yml", "file: config/movies", "file: config/./movies.yaml", "folder: config/",
     "folder: config/own", "default: x", "url: https://x/y.yml", "git: x/y", "repo: x", "pmm: basic",
     "file: config/<<x>>.yml"],
)  # fmt: skip
def test_files_of_the_tree_and_of_others_are_found(source: Path, entry: str) -> None:
    (source / "own").mkdir()
    (source / "own" / "a.yaml").touch()
    extra = ["plextoken", "tmdbapikey", *(["x"] if "<<x>>" in entry else [])]
    assert found(source, GOOD.replace("file: config/movies.yml", entry), extra) == []


@pytest.mark.parametrize(
    "key", ["collection_files", "metadata_files", "overlay_files", "image_files", "metadata_path", "overlay_path"]
)
def test_a_file_that_is_not_in_the_tree_is_an_error(source: Path, key: str) -> None:
    finding = only(source, GOOD.replace("collection_files", key).replace("config/movies", "config/movie"))
    assert finding.line == 9
    assert finding.message == "the file config/movie.yml is not in the project"
    assert finding.remedy == "create kometa/movie.yml, or did you mean config/movies.yml?"


def test_an_ending_alone_makes_no_name_alike(source: Path) -> None:
    finding = only(source, GOOD.replace("config/movies.yml", "config/no.yml"))
    assert "did you mean" not in finding.remedy


def test_a_missing_file_can_be_allowed(source: Path) -> None:
    assert found(source, GOOD.replace("movies.yml", "later.yml  # kometa-host: allow")) == []


@pytest.mark.parametrize("pattern", ["UMTK/new.yml", "UMTK/*.yml", "UMTK"])
@pytest.mark.parametrize("entry", ["file: config/UMTK/new.yml", "folder: config/UMTK"])
def test_a_file_that_another_program_writes_on_the_host_is_not_missed(source: Path, pattern: str, entry: str) -> None:
    config = GOOD.replace("file: config/movies.yml", entry)
    assert "kometa_host_files" in only(source, config).remedy
    if entry.startswith("file") or pattern == "UMTK":
        assert found(source, config, settings=Settings(kometa_host_files=[pattern])) == []


def test_what_an_alias_repeats_is_told_once_where_it_is_written(source: Path) -> None:
    config = GOOD.replace("Movies:", "Movies: &movies").replace("movies.yml", "nosuch.yml")
    (source / "movies.yml").unlink()
    for repeated in ("  Kids: *movies\n", "  Kids:\n    <<: *movies\n    operations: {}\n"):
        finding = only(source, config + repeated)
        assert (finding.line, "nosuch" in finding.message) == (9, True)


def test_what_only_a_repeated_value_has_is_told_at_its_origin(source: Path) -> None:
    config = "common: &common\n  overlays: {}\n" + GOOD + "    <<: *common\n"
    finding = only(source, config)
    assert finding.line == 2
    assert finding.message.startswith("libraries.Movies contains overlays")


@pytest.mark.parametrize("entry", ["{folder: config/gone}", "{folder: config/empty}", "{}"])
def test_playlists_of_which_nothing_is_there_end_the_run(source: Path, entry: str) -> None:
    (source / "empty").mkdir()
    text = f"{GOOD}playlist_files:\n- {entry}  # kometa-host: allow\n"
    finding = only(source, text)
    assert (finding.severity, finding.line) == ("error", text.count("\n") - 1)
    assert "which ends Kometa's run" in finding.message
    for more in ("{default: playlist}", "{file: config/movies.yml}", "config/movies.yml", "{folder: config}"):
        assert all("ends" not in one.message for one in found(source, f"{text}- {more}\n"))


def test_playlist_files_and_single_entries_are_checked_too(source: Path) -> None:
    assert only(source, GOOD + "playlist_files:\n  file: /config/p.yml\n").line == 12
    assert only(source, GOOD + "playlist_files: [config/p.yml, {default: playlist}]\n").message.startswith(
        "the file config/p.yml"
    )


def test_a_path_that_forgets_config_is_an_error_and_one_elsewhere_a_warning(source: Path) -> None:
    assert only(source, GOOD.replace("config/movies.yml", "movies.yml")).remedy == "write config/movies.yml"
    outside = only(source, GOOD.replace("config/movies.yml", "config/../data/movies.yml"))
    assert (outside.severity, "outside /config" in outside.message) == ("warning", True)


@pytest.mark.parametrize(("folder", "words"), [("nosuch", "is not in the project"), ("empty", "has no YAML files")])
def test_a_folder_without_files_is_an_error(source: Path, folder: str, words: str) -> None:
    (source / "empty" / "deeper").mkdir(parents=True)
    (source / "empty" / "deeper" / "a.yml").touch()
    assert words in only(source, GOOD.replace("file: config/movies.yml", f"folder: config/{folder}")).message


@pytest.mark.parametrize("name", ["config/assets", "/config/assets/films", "/config", "config/", "<<assets>>/x"])
def test_an_asset_directory_can_be_on_the_host_alone(source: Path, name: str) -> None:
    assert found(source, f"{GOOD}settings:\n  asset_directory: [{name}]\n") == []
    assert found(source, f"{GOOD}    settings: {{asset_directory: {name}}}\n") == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config/asets", "did you mean config/assets?"),
        ("assets", "write config/assets"),
        ("/assets", "kometa_volumes"),
        ("assets/films", "kometa_volumes"),
    ],
)
def test_an_asset_directory_that_kometa_will_not_find_is_a_warning(source: Path, name: str, words: str) -> None:
    (source / "assets").mkdir()
    finding = only(source, f"{GOOD}settings:\n  asset_directory: {name}\n")
    assert (finding.severity, finding.line, words in finding.remedy) == ("warning", 12, True)


def test_what_a_volume_brings_is_not_missed(source: Path) -> None:
    config = GOOD.replace("config/movies.yml", "/lists/a.yml") + "settings:\n  asset_directory: /assets/films\n"
    assert len(found(source, config)) == 2
    assert found(source, config, settings=Settings(kometa_volumes=["/srv/a:/assets:ro", "/srv/b:/lists"])) == []


# Secrets in plain text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"  token: {PLEX_TOKEN}", "Plex token"),
        (f"  other: '{PLEX_TOKEN}'", "Plex token"),
        (f"  apikey: {TMDB_KEY}", "API key"),
        (f"  note: {JSON_WEB_TOKEN}", "TMDb read access token"),
        (f"  client_secret: {TRAKT_SECRET}", "Trakt"),
        (f"  # the old one was {TRAKT_SECRET}", "Trakt"),
        ("  password: short", "the value of x.password"),
        ("  pin: 1234", "the value of x.pin"),
        ("  authorization: {access_token: abc}", "access_token"),
        ("  a: http://user:word@host/", "user name or a password"),
        (f"  a: http://host/?X-Plex-Token={PLEX_TOKEN}", "contains a token"),
        ("  a: https://discord.com/api/webhooks/1/abc", "webhook"),
    ],
)
def test_a_secret_in_clear_is_refused_and_not_repeated(source: Path, line: str, words: str) -> None:
    finding = only(source, f"{GOOD}x:\n{line}\n")
    assert (finding.severity, finding.line) == ("error", 12)
    assert words in finding.message
    assert "<<" in finding.remedy
    for secret in (PLEX_TOKEN, TMDB_KEY, TRAKT_SECRET, JSON_WEB_TOKEN, "short", "1234", "word@"):
        assert secret not in str(finding)
    assert found(source, f"{GOOD}x:\n{line}  # kometa-host: allow\n") == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        *((f"webhooks: {{error: '{url}'}}", "webhook address") for url in (
            "https://ptb.discord.com/api/webhooks/1/abc", "https://notifiarr.com/api/v1/notification/passthrough/abc",
            "http://hass:8123/api/webhook/abc", "https://x.webhook.office.com/webhookb2/abc",
            "https://api.telegram.org/botabc/sendMessage", "https://maker.ifttt.com/trigger/x/with/key/abc",
        )),
        ("webhooks: {changes: [notifiarr, 'https://x.org/abc']}", "webhook address"),
        ("apprise: {config: 'https://me.example.org/get/abc'}", "apprise.config"),
        ("ntfy: {url: 'https://ntfy.sh', token: <<a>>, topic: my-abc}", "ntfy.topic"),
        ("# omdb: {}\n#  apikey: 1a2b3c4d", "a commented-out apikey"),
        ("#  - token: 0a1b2c3d-1111-2222-3333-0a1b2c3d4e5f  # the old one", "a commented-out token"),
        ("trakt: {client_id: <<a>>, authorization: {access_token: abcdefabcdef}}", "access_token"),
    ],
)  # fmt: skip
def test_secrets_are_found_by_what_they_are_for(source: Path, line: str, words: str) -> None:
    finding = [finding for finding in found(source, f"{GOOD}{line}\n", None) if finding.severity == "error"][-1]
    assert words in finding.message
    assert "abc" not in str(finding).replace("<<", "")
    assert "a1b2c3d" not in str(finding)


@pytest.mark.parametrize(
    "line",
    [
        "webhooks: {changes: [notifiarr, gotify], error: ntfy, delete: <<hook>>}",
        "apprise: {config: /config/apprise.conf}",
        "#  token: <<x>>",
        "#  token: your_token_here",
        "# apikey: (redacted)",
        "#  apikey:     # Enter the key",
        "# the token: it is in the other file",
        "#  password: xxxxxxxx",
        "# url: 12345678",
    ],
)
def test_names_of_services_samples_and_prose_are_no_secrets(source: Path, line: str) -> None:
    assert found(source, f"{GOOD}{line}\n", None) == []


def test_live_tokens_of_trakt_belong_to_the_host(source: Path) -> None:
    config = GOOD + "trakt:\n  authorization:\n    access_token: abcdefabcdef\n"
    finding = only(source, config)
    assert "refreshes these tokens on the host" in finding.remedy
    assert "`authorization: trakt:` in the secrets file" in finding.remedy


@pytest.mark.parametrize(
    "text",
    [
        "collections:\n  A: {url_poster: 'https://x.org/a.jpg?token=eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiIxMjM0NTYifQ.c2ln'}\n",
        "templates:\n  720P-DV-HDR10-Plus-x:\n    name: x\n",
        "a:\n  - 'aB3-dE5-gH7-jK9-mN1x': x\n",
    ],
)
def test_links_to_public_images_and_keys_are_no_tokens(source: Path, text: str) -> None:
    (source / "movies.yml").write_text(text)
    assert found(source, GOOD) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("urls:\n  - tgram://canary/Chat\n", "kometa_host_files"),
        ("urls:\n  - tgram://canary/Chat:\n      - tag: x\n", "kometa_host_files"),
        ("x:\n  token: canary\n", "take it out"),
        ("collections:\n  A: {changes_webhooks: 'https://x.org/canary'}\n", "take it out"),
        ("collections:\n  A: {url_poster: 'http://plex:32400/a.jpg?X-Plex-Token=canary'}\n", "take it out"),
    ],
)
def test_secrets_in_other_files_are_found_however_short(source: Path, text: str, words: str) -> None:
    (source / "apprise.yml").write_text(text)
    finding = only(source, GOOD)
    assert (finding.severity, words in finding.remedy) == ("error", True)
    assert "canary" not in str(finding)


def test_the_remedy_names_the_secret_of_the_sample(source: Path) -> None:
    findings = found(source, GOOD.replace("<<plextoken>>", PLEX_TOKEN), None)
    assert "write `token: <<plextoken>>`" in findings[0].remedy
    assert "<<tmdbapikey>>" in found(source, GOOD.replace("<<tmdbapikey>>", TMDB_KEY), None)[0].remedy


def test_a_secret_in_a_file_that_cannot_be_parsed_is_found_too(source: Path) -> None:
    assert [finding.line for finding in found(source, f"a: [\nb: {TMDB_KEY}\n")] == [2, 3]


def test_collection_files_are_searched_as_well(source: Path) -> None:
    (source / "movies.yml").write_text(f"collections:\n  A:\n    password: {'x1' * 8}\n    url: {TMDB_KEY}\n")
    first, second = found(source, GOOD)
    assert (first.file, first.line, second.line) == ("kometa/movies.yml", 3, 4)
    assert "take it out" in first.remedy


@pytest.mark.parametrize(
    "text",
    [
        "collections:\n  The Secret Agent: {plex_search: {any: {title: The Secret}}}\n",
        "collections:\n  GuardiansOfTheGalaxy: {name: Movies2024Collection}\n",
        "metadata:\n  Token:\n    title: A token of love\n",
        "a: https://gist.githubusercontent.com/x/0123456789abcdef0123456789abcdef/raw\n",
        "template_variables:\n  token: <<x>>\n",
        "a: tt0123456, ls012345678\nb: 5d776825880197001ec90e31\n",
    ],
)
def test_titles_and_addresses_are_no_secrets(source: Path, text: str) -> None:
    (source / "movies.yml").write_text(text)
    assert found(source, GOOD) == []


def test_lines_that_rendering_moved_are_marked(source: Path) -> None:
    config = "{% for name in ['a', 'b'] %}\n# {{ name }}\n{% endfor %}\n" + GOOD.replace("<<tmdbapikey>>", "")
    assert only(source, config, None).file == "kometa/config.yml as rendered"
    same_lines = GOOD.replace("http://plex:32400", "{{ kometa_plex_url }}").replace("<<tmdbapikey>>", "")
    assert only(source, same_lines, None).file == "kometa/config.yml"
