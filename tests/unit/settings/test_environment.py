import pytest

from kometa_host.settings.environment import (
    RESERVED,
    checked_authorization,
    checked_environment,
    checked_secrets,
    variable_of,
)
from kometa_host.settings.refusals import RefusalError
from kometa_host.settings.secret import SecretStr


def test_texts_numbers_and_truth_values_become_text() -> None:
    value = {
        "KOMETA_READ_ONLY_CONFIG": True,
        "KOMETA_DEBUG": False,
        "UMASK": "022",
        "KOMETA_TIMEOUT": 180,
        "X": 1.5,
        "EMPTY": "",
    }
    assert checked_environment(value) == {
        "KOMETA_READ_ONLY_CONFIG": "true",
        "KOMETA_DEBUG": "false",
        "UMASK": "022",
        "KOMETA_TIMEOUT": "180",
        "X": "1.5",
        "EMPTY": "",
    }


@pytest.mark.parametrize("name", [*RESERVED, "tz", "kometa_run"])
def test_variables_that_are_set_elsewhere_or_break_the_service_are_refused(name: str) -> None:
    with pytest.raises(RefusalError, match=rf"{name}: (set|leave)"):
        checked_environment({name: "x"})


@pytest.mark.parametrize("name", ["KOMETA_PLEXTOKEN", "TMDB_APIKEY", "KOMETA_TMDB_KEY", "DB_PASSWORD", "some_secret"])
def test_what_looks_like_a_secret_is_refused_without_showing_it(name: str) -> None:
    with pytest.raises(RefusalError, match="kometa_secrets") as refused:
        checked_environment({name: "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_the_path_of_a_file_with_a_secret_is_no_secret() -> None:
    value = {"FILE__KOMETA_PLEXTOKEN": "/run/secrets/plextoken"}
    assert checked_environment(value) == value


@pytest.mark.parametrize("name", ["", "A B", "A-B", "1A", "A=B", "É", "A\n", 3, None])
def test_names_that_no_environment_can_have_are_refused(name: object) -> None:
    with pytest.raises(RefusalError, match="the name"):
        checked_environment({name: "x"})


@pytest.mark.parametrize(
    "text", ["a\nExecStartPost=x", "a\r", "a\x00", "a\u2028b", "a\ufffe", "a\U0001ffff", "a\ufdd0", "a\ud800"]
)
def test_line_breaks_in_values_are_refused(text: str) -> None:
    with pytest.raises(RefusalError, match="A with a line break"):
        checked_environment({"A": text})


@pytest.mark.parametrize("value", [None, [], {}, ["x"]])
def test_values_that_are_no_text_are_refused(value: object) -> None:
    with pytest.raises(RefusalError, match="give each variable"):
        checked_environment({"A": value})


@pytest.mark.parametrize("value", [None, [], "A=b", 3])
def test_an_environment_is_a_mapping(value: object) -> None:
    with pytest.raises(RefusalError, match="write a mapping"):
        checked_environment(value)


def test_secrets_are_hidden_and_keep_their_values() -> None:
    secrets = checked_secrets({"plextoken": "hunter2", "tmdb-key": SecretStr("hunter3"), "trakt_pin": 1234})
    assert {name: secret.get_secret_value() for name, secret in secrets.items()} == {
        "plextoken": "hunter2",
        "tmdb-key": "hunter3",
        "trakt_pin": "1234",
    }
    assert "hunter" not in repr(secrets)


@pytest.mark.parametrize("name", ["plextoken", "tv-radarrtoken", "tmdbapikey", "omdb-api-key"])
def test_a_token_with_a_space_is_refused_without_showing_it(name: str) -> None:
    with pytest.raises(RefusalError, match=f"{name} with white space in its middle") as refused:
        checked_secrets({name: "hunter2 hunter3"})
    assert "hunter" not in str(refused.value)
    assert checked_secrets({"anidb-password": "hunter2 hunter3"})


@pytest.mark.parametrize(
    "value", ["hunter2\n", " hunter2", "hunter2 ", "hun\nter2", "hunter2\r\n", "hunter2\x00", SecretStr("hunter2\n")]
)
def test_a_value_that_kometa_would_print_is_refused_without_showing_it(value: object) -> None:
    with pytest.raises(RefusalError, match="plextoken with a line break") as refused:
        checked_secrets({"plextoken": value})
    assert "ter2" not in str(refused.value)


@pytest.mark.parametrize("value", ["", None, True, 1.5, ["hunter2"], {"x": "hunter2"}])
def test_a_value_that_is_no_text_or_empty_is_refused_without_showing_it(value: object) -> None:
    with pytest.raises(RefusalError, match="plextoken with") as refused:
        checked_secrets({"plextoken": value})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", ["PlexToken", "", "a__b", "-a", "a b", "a\n", "a.b", "h" * 30 + "UNTER2" * 3, 3])
def test_other_names_of_secrets_are_refused(name: object) -> None:
    with pytest.raises(RefusalError, match="the name"):
        checked_secrets({name: "x"})


def test_names_that_are_options_of_kometa_are_refused() -> None:
    with pytest.raises(RefusalError, match="KOMETA_READ_ONLY_CONFIG"):
        checked_secrets({"read-only-config": "x"})


def test_two_names_for_one_variable_are_refused() -> None:
    with pytest.raises(RefusalError, match="KOMETA_TMDB_KEY"):
        checked_secrets({"tmdb-key": "x", "tmdb_key": "y"})


@pytest.mark.parametrize("value", ["hunter2", ["hunter2"], None])
def test_secrets_are_a_mapping(value: object) -> None:
    with pytest.raises(RefusalError, match="write a mapping") as refused:
        checked_secrets(value)
    assert "hunter2" not in str(refused.value)


def test_the_variable_of_a_secret_is_in_capitals() -> None:
    assert variable_of("tmdb-key") == "KOMETA_TMDB_KEY"


@pytest.mark.parametrize("name", ["library", "operations", "plex_url", "plex-url", "run_libraries", "times"])
def test_a_secret_that_would_be_an_option_of_kometa_is_refused(name: str) -> None:
    with pytest.raises(RefusalError, match="is an option of Kometa"):
        checked_secrets({name: "value"})


@pytest.mark.parametrize(
    "value", ["t", {"simkl": {}}, {"trakt": "t"}, {"trakt": {"scope": "public"}}, {"mal": {"access_token": ""}}]
)
def test_first_tokens_are_those_of_trakt_and_mal(value: object) -> None:
    with pytest.raises(RefusalError) as refused:
        checked_authorization(value)
    assert "public" not in str(refused.value)


def test_first_tokens_are_hidden() -> None:
    checked = checked_authorization({"trakt": {"access_token": "hunter2"}})
    assert "hunter2" not in str(checked)
    assert checked["trakt"]["access_token"].get_secret_value() == "hunter2"
