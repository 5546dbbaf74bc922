"""A config.yml that is published without its keys gets blank ones, and every other byte stays."""

import pytest

from kometa_host.adoption.required import with_required


@pytest.mark.parametrize(
    ("text", "completed", "added"),
    [
        ("libraries:\n  A: {}", "libraries:\n  A: {}\nplex:\n  url:\n  token:\ntmdb:\n  apikey:\n",
         ["plex.url", "plex.token", "tmdb.apikey"]),
        ("tmdb:   # x\nlibraries: {A: {}}\nplex:\n    timeout: 60\n",
         "tmdb:   # x\n  apikey:\nlibraries: {A: {}}\nplex:\n    url:\n    token:\n    timeout: 60\n",
         ["plex.url", "plex.token", "tmdb.apikey"]),
        ("libraries: {A: {}}\nplex:\n  # mine\n  token: x\n  url: y\ntmdb:\n\n  language: en\n",
         "libraries: {A: {}}\nplex:\n  # mine\n  token: x\n  url: y\ntmdb:\n  apikey:\n\n  language: en\n",
         ["tmdb.apikey"]),
        ("tmdb: {apikey: x}\nlibraries:\n  A: {plex: {url: u, token: t}}\n  B: {}\n",
         "tmdb: {apikey: x}\nlibraries:\n  A: {plex: {url: u, token: t}}\n  B: {}\nplex:\n  url:\n  token:\n",
         ["plex.url", "plex.token"]),
    ],
)  # fmt: skip
def test_what_kometa_needs_is_there_afterwards(text: str, completed: str, added: list[str]) -> None:
    assert with_required(text) == (completed, added)
    assert with_required(completed) == (completed, [])


def test_a_value_that_was_hidden_in_brackets_is_blank() -> None:
    text = "plex:\n  url: [hidden]\n  token: [HIDDEN]   # mine\ntmdb: {apikey: x}\nlibraries: {A: {}}\n"
    assert with_required(text) == (text.replace(" [hidden]", "").replace(" [HIDDEN]", ""), [])


@pytest.mark.parametrize(
    "text",
    [
        "libraries: {A: {plex: {url: u, token: t}}}\ntmdb: {apikey: x}\n",  # each library has its own
        "plex: {url: u, token: t}\ntmdb: {apikey: }\n",
        "libraries: {A: {}}\nplex: {url: u, token: t}\ntmdb: {language: en}\n",  # between the braces of one line
        "{libraries: {A: {}}}\n",
        "",
    ],
)
def test_what_is_complete_or_written_in_one_line_stays(text: str) -> None:
    assert with_required(text) == (text, [])
