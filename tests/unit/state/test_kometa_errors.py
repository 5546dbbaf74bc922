"""What Kometa's errors mean: each rule by the lines of meta.log as Kometa prints them."""

import pytest

from kometa_host.state.kometa_errors import RULES, explain, in_order
from kometa_host.state.kometa_log import Outcome, parse
from kometa_host.state.run_history import recorded

NO_LIBRARIES = "Config Error: No libraries were found in config"
TOKEN = "Plex Error: Plex token is invalid"  # noqa: S105  (a message)
# a message, row by row; a piece of the cause; a piece of the remedy
MESSAGES = [
    ("[Errno 28] No space left on device: '/config/logs/meta.log'", "full", "free room"),
    ("[Errno 30] Read-only file system: '/config/config.cache'", "mounted read-only", "remount"),
    ("[Errno 13] Permission denied: '/config/assets/Alien'", "/config/assets/Alien", "deploy"),
    ("[Errno 12] Cannot allocate memory", "memory", "kometa_memory"),
    ("RetryError[<Future at 0x7f12 state=finished raised ConnectionError>]", "GitHub", "githubusercontent"),
    (
        "HTTPSConnectionPool(redacted): Max retries exceeded with url: /users/settings (Caused by NameResolutionError("
        "\"<urllib3.connection.HTTPSConnection object at 0x7f>: Failed to resolve 'api.trakt.tv' ([Errno -3] "
        'Temporary failure in name resolution)"))',
        "api.trakt.tv",
        "getent hosts",
    ),
    (
        "YAML Error: Tabs are not allowed in YAML files; only spaces are allowed.\nfirst tab character found at:\n"
        "/config/config.yml; line 3 column 1",
        "tab",
        "replace tabs",
    ),
    ("YAML Error: File is empty", "empty", "config.yml"),
    (
        'YAML Error: while parsing a flow sequence\n        in "/config/config.yml", line 3, column 9\n'
        "      expected ',' or ']', but got ':'",
        "indentation",
        "kometa.validate",
    ),
    ("argument of type 'NoneType' is not iterable", "nothing below it", "take it out"),
    ("Config Error: config not found at /config/config.yml", "/config/config.yml", "deploy"),
    (TOKEN, "refused the token", "plextoken"),
    ("(401) unauthorized; http://plex:32400/library/sections <html>Unauthorized</html>", "refused", "plextoken"),
    ("Plex Error: Plex Token is read only. Please get a new token", "only look", "owner"),
    (
        "Plex Critical Error: Response 503 (service_unavailable) received. Plex may be running startup or maintenance "
        "tasks. Kometa cannot proceed until this is complete",
        "maintenance",
        "kometa_times",
    ),
    ("Plex Error: Plex did not respond within the 60-second timeout.", "60 seconds", "timeout"),
    ("Plex Error: Plex URL is probably invalid", "nothing answers as Plex", "start plex"),
    (
        "Plex Error: Invalid leading whitespace, reserved character(s), or return character(s) in header value: 'x'",
        "line break",
        "plextoken",
    ),
    (
        "Config Error: url attribute must be set under plex globally or under this specific Library",
        "no section plex",
        "url and token",
    ),
    (
        "Config Error: token attribute must be set under plex globally or under this specific Library",
        "no token under plex",
        "<<plextoken>>",
    ),
    ("Plex Error: Plex Library 'Films' not found. Options: ['Movies', 'TV']", "it has: 'Movies', 'TV'", "as Plex has"),
    ("Plex Error: Plex Library must be a Movies, TV Shows, or Music library", "photos", "take it out"),
    ("(500) internal_server_error; http://plex:32400/library/metadata/7", "database", "repair"),
    ("HTTPConnectionPool(redacted): Read timed out. (read timeout=60)", "took too long", "timeout"),
    ("Config Error: tmdb sub-attribute apikey not found", "no TMDb key", "tmdbapikey"),
    ("Config Error: tmdb sub-attribute apikey is blank", "no TMDb key", "tmdbapikey"),
    ("Config Error: tmdb attribute not found", "no TMDb key", "tmdbapikey"),
    ("TMDb Error: Invalid API key: You must be granted a valid key.", "TMDb refused", "32 characters"),
    (
        "TMDb Error: Failed to Connect to https://api.themoviedb.org/3/configuration: HTTPSConnectionPool(redacted): "
        "Max retries exceeded with url: /3/configuration?api_key=(redacted) (Caused by ConnectTimeoutError('a'))\n"
        "Params: {'api_key': '(redacted)'}",
        "not resolved",
        "curl",
    ),
    ("Trakt Error: Trakt pin required.", "Trakt authorization has expired", "under trakt"),
    ("Trakt Error: (401) Unauthorized", "Trakt authorization has expired", "under trakt"),
    ("(401) Unauthorized", "Trakt authorization has expired", "under trakt"),
    ("Trakt Error: Account is locked; please contact Trakt Support", "locked", "support"),
    ("(429) Too Many Requests", "limit", "later"),
    ("MyAnimeList Error: No input MyAnimeList code required.", "MyAnimeList authorization has expired", "under mal"),
    ("Input Timeout: URL required.", "MyAnimeList authorization has expired", "under mal"),
    ("AniDB Error: 403 Banned (Too many requests or invalid Client ID)", "too many requests", "wait a day"),
    ("MDBList Error: API Limit Reached!", "limit", "tomorrow"),
    ('MDBList Error: 403 - {"error":"Invalid API key!"}', "refused the key", "preferences"),
    ("OMDb Error: Request limit reached!", "limit", "tomorrow"),
    ("OMDb Error: Invalid API key!", "refused the key", "activate"),
    (
        "GitHub Error: The GitHub token specified could not be validated. Please verify that the token is correct. "
        "Response: 401 - Unauthorized ",
        "GitHub refused",
        "settings/tokens",
    ),
    ("Tautulli Error: Invalid apikey", "its apikey", "Tautulli"),
    ("(401 [Unauthorized]) Invalid API Key {'error': 'Unauthorized'}", "refused Kometa's token", "Settings, General"),
    ("Failed to Connect to http://sonarr:8989", "http://sonarr:8989", "network"),
    ("Notifiarr Error: Invalid apikey", "refused Kometa", "kometa_notify"),
    (
        "Config Error: mass_genre_update cannot use omdb without a successful OMDb Connection",
        "takes omdb",
        "OMDb first",
    ),
    (
        "The 'Movies' library config contains collections definitions. These belong in external YAML files, not in the "
        "config.yml.",
        "library Movies",
        "collection_files",
    ),
    ("File Error: File does not exist /config/nosuch.yml", "/config/nosuch.yml", "project's tree"),
    ("Text File Error: File not found at /config/ids.txt", "/config/ids.txt", "project's tree"),
    ("File Error: Default does not exist /app/kometa/defaults/both/nosuch.yml", "no default", "Defaults"),
    ("Config Error: Folder not found: /config/more", "/config/more", "project's tree"),
    ("Config Error: Asset Directory Does Not Exist: /config/posters", "/config/posters", "kometa_volumes"),
    ("Config Error: No Paths Found for overlay_files", "overlay_files", "project's tree"),
    (
        "Config Error: No valid collection file, metadata file, overlay file, image file, playlist file, or library "
        "operations found",
        "nothing to do",
        "above it",
    ),
    (
        "Playlist Error: Library 'Series' not defined. Libraries must be defined within `libraries` section of "
        "Configuration File to be usable with playlists",
        "library Series,",
        "template_variables",
    ),
    ("Playlist Error: User: grandma not found in plex\nOptions: {'ann', 'bob'}", "'ann', 'bob'", "sync_to_users"),
    ("Collection Error: template actor not found", "template", "mend the collection"),
    ("Collection Error: 'mdblist_list' attribute not allowed with collection level 'Season'", "mdblist_list", "wiki"),
    ("Collection Error: plex_search audio_codec attribute not supported", "audio_codec", "wiki"),
    ("Collection Error: 'trakt_list' requires Trakt to be configured", "from Trakt", "add Trakt to config.yml"),
    ("Overlay Error: Overlay image not found at '/config/overlays/4K.png'", "/config/overlays/4K.png", "overlays"),
    ("Overlay Error: Overlay Image not found at 'https://example.org/4K.png'", "https://example.org/4K.png", "tree"),
    ("Overlay Error: Overlay font '/config/fonts/Inter.ttf' not found. Available fonts: a", "Inter.ttf", "font file"),
    (
        "This item's poster already has an Overlay. There is no Kometa setting to change; manual attention required.",
        "put on before",
        "another poster",
    ),
    ("  Overlay Error: No poster found", "no poster", "refresh"),
    ("Overlay Error: No 'audience_rating' found for Alien", "audience_rating", "refresh"),
    ("Image too large: /config/assets/Alien/poster.png, bytes 12000000, MAX 10480000", "poster.png", "smaller"),
    ("Asset Error: Failed to open image: /config/assets/Alien/poster.jpg", "poster.jpg", "replace"),
    ("Plex Error: Failed to upload poster: timed out", "refused an image", "disk"),
    ("IMDb Error: List ls0123 is private and cannot be accessed", "ls0123 is private", "public"),
    ("IMDb Error: List ls0123 does not exist", "no list ls0123", "take out"),
    ("Trakt Error: List https://trakt.tv/users/ann/lists/best not found", "lists/best", "take out"),
    ("Trakt Error: User nobody1 not found", "nobody1", "take out"),
    ("Letterboxd Error: Failed to load list https://letterboxd.com/a/list/b/: 403", "Letterboxd did not", "later"),
    (
        "TMDb Error: Collection ID 8091 may have been removed from TMDb. If this is auto-built by the franchise",
        "id 8091",
        "take 8091 out",
    ),
    ("URL Error: Too many requests -  https://example.org/list", "limit", "later"),
    ("URL Error: No file found at https://example.org/movies.yml", "https://example.org/movies.yml", "browser"),
    (
        "HTTPConnectionPool(redacted): Max retries exceeded with url: / (Caused by NewConnectionError('<urllib3."
        "connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection "
        "refused'))",
        "nothing answers",
        "network",
    ),
    ("StevenLu Error: JSON not found at https://example.org/movies.json", "did not answer", "later"),
    ("Plex Error: No Items found in Plex", "finds nothing", "mend the search"),
    ("Schedule Error: failed to parse schedule: weekly(someday)", "schedule", "weekly(sunday)"),
    ("Plex Error: Plex Pass is Required to edit Edition", "Plex Pass", "take it out"),
    ("database is locked", "cache", "config.cache"),
    ("database disk image is malformed", "cache", "config.cache"),
    ("Webhooks Error: (404 [Not Found])", "webhooks", "kometa_notify"),
]  # fmt: skip


def told(message: str) -> str:
    """What the history of runs tells of a run with this error, in the form in which Kometa writes it to meta.log."""
    first, *others = (f"| {row:<98} |" for row in message.split("\n"))
    stamp = "[2026-11-22 06:00:00,248] [config.py:1885]            "
    start = f"{stamp} [INFO]     |{'Starting 06:00 Run':^100}|"
    lines = [start, f"{stamp} [ERROR]    {first}", *(" " * 65 + row for row in others)]
    (run,) = parse(lines, "UTC")
    record = recorded(run, Outcome.WITH_ERRORS)
    assert record is not None
    (error,) = record.first_errors
    return error


@pytest.mark.parametrize(("message", "cause", "remedy"), MESSAGES, ids=[message[0][:60] for message in MESSAGES])
def test_a_message_is_explained(message: str, cause: str, remedy: str) -> None:
    found = explain(told(message))
    assert found is not None
    assert cause in found.cause
    assert remedy in found.remedy
    assert "{" not in found.remedy


def test_every_rule_has_a_message_that_it_is_the_first_to_explain() -> None:
    texts = [told(message) for message, _, _ in MESSAGES]
    met = {next(number for number, rule in enumerate(RULES) if rule.explain(text)) for text in texts}
    assert [rule.pattern for number, rule in enumerate(RULES) if number not in met] == []


def test_what_is_not_known_is_not_explained() -> None:
    assert explain("Something that nobody has seen before") is None


@pytest.mark.parametrize(
    "piece", ["Error: ", "' not found. Options: [", "URL Error: 4 on - ", "host='a' ", "Playlist Error: User: a", "x "]
)
def test_a_line_made_to_be_slow_to_match_is_cut(piece: str) -> None:
    # a pattern that goes back and forth would need hours for it
    assert explain(piece * 1_000_000) == explain(piece * 1000)


def test_braces_in_a_message_stay_text() -> None:
    found = explain("File Error: File does not exist /config/{0}{path}.yml")
    assert found is not None
    assert "/config/{0}{path}.yml" in found.cause


class TestOrder:
    def test_the_token_stands_before_what_follows_from_it(self) -> None:
        assert in_order([NO_LIBRARIES], [TOKEN]) == [TOKEN, NO_LIBRARIES]

    def test_the_library_stands_before_what_follows_from_it(self) -> None:
        library = "Plex Error: Plex Library 'Films' not found. Options: ['Movies']"
        assert in_order([NO_LIBRARIES], [library])[0] == library

    def test_what_ended_the_run_stands_before_errors_that_did_not(self) -> None:
        assert in_order(["new"], ["Plex Error: No Items found in Plex"]) == [
            "new",
            "Plex Error: No Items found in Plex",
        ]

    def test_what_is_explained_stands_before_what_is_not(self) -> None:
        assert in_order([], ["new", TOKEN]) == [TOKEN, "new"]

    def test_each_message_stands_once(self) -> None:
        assert in_order([], [TOKEN, TOKEN]) == [TOKEN]
