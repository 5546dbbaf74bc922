"""config.yml loses its secrets and nothing else: every other byte stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from kometa_host.adoption.lifting import Lifted, lifted
from kometa_host.adoption.vault import Vault
from kometa_host.config_tree import yaml12

CONFIG = """\
# my Kometa, do not touch   \r
plex:                              # the server
    url: http://192.168.1.12:32400/   # not app.plex.tv
    token: "aB3dE6gH9jK2mN5pQ8sT"
    timeout: 60
tmdb: {apikey: 0123456789abcdef0123456789abcdef, language: en}
libraries:
  "Movies: 4K":
    radarr: {url: http://radarr:7878, token: 00000000000000000000000000000001}
  TV:
    radarr: {token: 00000000000000000000000000000002}
webhooks:
  error: [notifiarr, https://ptb.discord.com/api/webhooks/1/x]
omdb: {apikey: 12e45678}
"""


def lift(text: str, plex_url: str | None = None, **known: str) -> tuple[Lifted, dict[str, str]]:
    vault = Vault(known)
    return lifted(text, vault, plex_url), vault.secrets


def test_secrets_become_placeholders_and_every_other_byte_stays() -> None:
    result, secrets = lift(CONFIG)
    expected = (
        CONFIG.replace("http://192.168.1.12:32400/", '"{{ kometa_plex_url }}"')
        .replace('"aB3dE6gH9jK2mN5pQ8sT"', "<<plextoken>>")
        .replace("0123456789abcdef0123456789abcdef", "<<tmdbapikey>>")
        .replace("00000000000000000000000000000001", "<<radarrtoken>>")
        .replace("00000000000000000000000000000002", "<<tv-radarrtoken>>")
        .replace("https://ptb.discord.com/api/webhooks/1/x", "<<webhookserror>>")
        .replace("12e45678", "<<omdbapikey>>")
    )
    assert result.text == expected
    assert secrets["omdbapikey"] == "12e45678"  # a number to YAML, a key to OMDb
    assert secrets["plextoken"] == "aB3dE6gH9jK2mN5pQ8sT"
    assert result.plex_url == "http://192.168.1.12:32400"
    assert (result.missing, result.seeds, result.notes) == ([], {}, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plex: {token: &a aB3dE6gH9jK2mN5pQ8sT}\nx: *a\n", "plex: {token: &a <<plextoken>>}\nx: *a\n"),
        ("omdb:\n  apikey: &a 12345678\nx: *a\n", "omdb:\n  apikey: &a <<omdbapikey>>\nx: *a\n"),
        ("plex:\n  token: &a\nx: *a\n", "plex:\n  token: &a <<plextoken>>\nx: *a\n"),
    ],
)
def test_an_anchor_stays_for_what_repeats_it(text: str, expected: str) -> None:
    result, secrets = lift(text)
    assert result.text == expected
    assert not any("&" in value for value in secrets.values())


def test_what_is_lifted_can_be_adopted_again_without_a_change() -> None:
    once, _ = lift(CONFIG)
    again, secrets = lift(once.text)
    assert again.text == once.text
    assert secrets == {}


@given(st.text(alphabet="aB3 #:'\"{}[]<>&*!|-\n", max_size=40))
def test_a_comment_or_text_of_any_kind_around_a_secret_stays(noise: str) -> None:
    quoted = yaml12.dump({"note": noise})
    text = f"{quoted}plex: {{token: aB3dE6gH9jK2mN5pQ8sT}}\n"
    result, secrets = lift(text)
    assert secrets == {"plextoken": "aB3dE6gH9jK2mN5pQ8sT"}
    assert result.text.endswith("plex: {token: <<plextoken>>}\n")


def test_one_value_has_one_name() -> None:
    text = "libraries: {A: {sonarr: {token: aaaaaaaaaaaaaaaa1}}, B: {sonarr: {token: aaaaaaaaaaaaaaaa1}}}\n"
    result, secrets = lift(text)
    assert secrets == {"sonarrtoken": "aaaaaaaaaaaaaaaa1"}
    assert result.text.count("<<sonarrtoken>>") == 2


def test_an_alias_repeats_a_placeholder() -> None:
    result, secrets = lift("radarr: &r {token: aaaaaaaaaaaaaaaa1}\nlibraries: {A: {radarr: *r}}\n")
    assert result.text == "radarr: &r {token: <<radarrtoken>>}\nlibraries: {A: {radarr: *r}}\n"
    assert list(secrets) == ["radarrtoken"]


def test_the_tokens_of_trakt_and_mal_are_seeds_and_what_they_used_up_is_blank() -> None:
    text = (
        "trakt:\n  client_id: c1\n  pin: 12345678\n  authorization:\n    access_token: t1\n    created_at: 1650000000\n"
        "    refresh_token: t2\n    scope: public\nmal:\n  localhost_url: http://localhost/?code=x\n"
        "  authorization:\n    access_token: m1\n"
    )
    result, secrets = lift(text)
    assert result.seeds == {"trakt": {"access_token": "t1", "refresh_token": "t2"}, "mal": {"access_token": "m1"}}
    assert secrets == {"traktclientid": "c1"}
    value = yaml12.load(result.text, "config.yml").value
    assert value["trakt"]["authorization"] == {
        "access_token": None, "created_at": 1650000000, "refresh_token": None, "scope": "public"
    }  # fmt: skip
    assert (value["trakt"]["pin"], value["mal"]["localhost_url"]) == (None, None)
    assert len(result.notes) == 2


def test_a_pin_that_is_still_to_be_used_is_a_secret() -> None:
    result, secrets = lift("trakt: {client_id: c1, pin: 1234ABCD, authorization: {access_token: }}\n")
    assert secrets["traktpin"] == "1234ABCD"
    assert result.seeds == {}


@pytest.mark.parametrize("blank", ["", " ", " ENV", " # none yet"])
def test_what_every_run_needs_gets_a_placeholder(blank: str) -> None:
    result, _ = lift(f"plex:\n  url: http://plex:32400\n  token:{blank}\ntmdb:\n  apikey:{blank}\n")
    value = yaml12.load(result.text, "config.yml").value
    assert (value["plex"]["token"], value["tmdb"]["apikey"]) == ("<<plextoken>>", "<<tmdbapikey>>")
    assert result.missing == ["plextoken", "tmdbapikey"]


def test_what_the_container_was_given_is_not_missing() -> None:
    result, _ = lift("plex: {url: ENV, token: ENV}\n", "http://10.0.0.2:32400", plextoken="aB3dE6gH9jK2mN5pQ8sT")
    assert result.missing == []
    assert result.plex_url == "http://10.0.0.2:32400"
    assert result.text == 'plex: {url: "{{ kometa_plex_url }}", token: <<plextoken>>}\n'


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "host.docker.internal"])
def test_a_plex_of_the_same_machine_is_reached_by_podmans_name(name: str) -> None:
    result, _ = lift(f"plex: {{url: 'http://{name}:32400'}}\n")
    assert result.plex_url == "http://host.containers.internal:32400"


def test_a_second_server_keeps_its_address_and_the_checks_let_it_pass() -> None:
    result, _ = lift(
        "plex: {url: http://a:32400}\nlibraries:\n  B:\n    plex:\n      url: http://b:32400 # other\n"
        "  C: {plex: {url: http://a:32400/}}\n"
    )
    assert "      url: http://b:32400 # other  # kometa-host: allow\n" in result.text
    assert 'C: {plex: {url: "{{ kometa_plex_url }}"}}' in result.text


def test_an_address_may_be_written_in_capitals() -> None:
    result, _ = lift("plex: {url: HTTP://Tower:32400}\n")
    assert (result.plex_url, result.notes) == ("http://Tower:32400", [])


def test_an_address_that_is_none_is_said() -> None:
    result, _ = lift("plex:\n  url: <my server>\n")
    assert result.text == 'plex:\n  url: "{{ kometa_plex_url }}"\n'
    assert "set kometa_plex_url" in result.notes[0]


def test_what_looks_like_a_template_is_text_and_stays_text() -> None:
    from kometa_host.config_tree.tree import _rendered  # what a deploy makes of the file

    text = "# {% x %} {{ y }} {# z #}\nplex: {url: http://plex:32400}\n"
    result, _ = lift(text)
    shown = _rendered(result.text.encode(), {"kometa_plex_url": "http://plex:32400"}, __import__("pathlib").Path("."))
    assert shown == text.replace("http://plex:32400", '"http://plex:32400"')


def test_template_variables_are_not_touched() -> None:
    text = "libraries: {A: {collection_files: [{default: x, template_variables: {token: abcdefgh12345}}]}}\n"
    assert lift(text)[0].text == text


@pytest.mark.parametrize("word", ["notifiarr", "gotify", "ntfy", "apprise", ""])
def test_services_of_webhooks_are_no_secrets(word: str) -> None:
    assert lift(f"webhooks:\n  run_end: {word}\n")[1] == {}


@pytest.mark.parametrize("section", ["ntfy: {topic: my-topic-8}", "apprise: {config: 'http://apprise:8000/get/k3y'}"])
def test_topics_and_addresses_that_let_everybody_in_are_secrets(section: str) -> None:
    result, secrets = lift(f"{section}\n")
    assert len(secrets) == 1
    assert f"<<{next(iter(secrets))}>>" in result.text


def test_a_name_that_is_an_option_of_kometa_is_not_given() -> None:
    vault = Vault({})
    assert vault.name_for(("run",), "secret-1") != "run"
    assert vault.name_for(("libraries", "Фильмы", "x"), "secret-2") == "x"


def test_a_placeholder_that_kometa_takes_for_an_option_gets_another_name() -> None:
    result, _ = lift("plex: {url: http://plex:32400, token: <<PLEX_TOKEN>>}\n")
    assert "token: <<plextoken>>" in result.text
    assert result.missing == ["plextoken"]


def test_an_address_that_the_containers_environment_has_is_the_hosts() -> None:
    result = lifted("plex: {url: <<plexurl>>}\n", Vault({}), None, {"plexurl": "http://127.0.0.1:32400"})
    assert result.plex_url == "http://host.containers.internal:32400"
    assert result.text == 'plex: {url: "{{ kometa_plex_url }}"}\n'
    assert lift("plex: {url: <<plexurl>>}\n")[0].text == "plex: {url: <<plexurl>>}\n"


def test_a_variable_of_a_shell_becomes_the_secret_that_it_stands_for() -> None:
    text = (
        "plex: {url: '${PLEX_URL}', token: '${PLEX_TOKEN}'}\ntmdb: {apikey: '${MY_KEY:-}'}\nradarr: {tag: '${TAG}'}\n"
        "omdb: {apikey: $OMDB_KEY}\n"
    )
    vault = Vault({})
    known = {"PLEX_URL": "http://192.168.1.5:32400", "PLEX_TOKEN": "aB3dE6gH9jK2mN5pQ8sT", "TAG": "x"}
    result = lifted(text, vault, variables=known)
    assert vault.secrets == {"plextoken": "aB3dE6gH9jK2mN5pQ8sT"}
    assert result.plex_url == "http://192.168.1.5:32400"
    assert "token: <<plextoken>>" in result.text
    assert "apikey: <<my-key>>" in result.text
    assert "omdb: {apikey: <<omdb-key>>}" in result.text
    assert "tag: '${TAG}'" in result.text  # no secret: Kometa reads it as it stands


def test_a_template_of_another_tool_is_filled_by_us() -> None:
    text = (
        'plex: {url: "{{ .PLEX_URL }}", token: "{{ .Values.plexToken }}"}\n'
        "tmdb: {apikey: '{{ vault_tmdb | quote }}'}\nsettings: {title: \"{{ x }}\", other: 'a {# b'}\n"
    )
    result, secrets = lift(text)
    assert secrets == {}
    assert 'url: "{{ kometa_plex_url }}", token: <<values-plextoken>>}' in result.text
    assert "apikey: <<vault-tmdb>>" in result.text
    rendered = SandboxedEnvironment(keep_trailing_newline=True).from_string(result.text).render(kometa_plex_url="u")
    assert yaml12.load(rendered, "config.yml").value["settings"] == {"title": "{{ x }}", "other": "a {# b"}
    assert lift(result.text)[0].text == result.text


@pytest.mark.parametrize(
    ("written", "name"),
    [("PLEX-API-KEY", "plex-api-key"), ("tmdb_key", "tmdb-key"), ("env.KOMETA_KEY", "env-kometa-key"),
     ("plex_token", "plextoken")],
)  # fmt: skip
def test_a_placeholder_that_kometa_blanks_is_spelt_as_it_knows_it(written: str, name: str) -> None:
    result, _ = lift(f"plex: {{token: <<{written}>>}}\n")
    assert result.text == f"plex: {{token: <<{name}>>}}\n"
    assert result.missing == [name]


def test_a_text_that_is_no_address_is_left_in_its_place() -> None:
    result, _ = lift("plex: {url: 'http://[hidden]', token: aB3dE6gH9jK2mN5pQ8sT}\n")
    assert "http://[hidden]" in result.text
    assert "impossible host" in result.notes[0]
