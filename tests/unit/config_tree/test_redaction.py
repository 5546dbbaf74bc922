import pytest

from kometa_host.config_tree.redaction import is_secret_path, redacted, redacted_value
from kometa_host.config_tree.secret_patterns import MASK
from kometa_host.config_tree.yaml12 import load

SECRETS = ["hidden1", "hidden2", "0123456789abcdef0123456789abcdef", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc"]


@pytest.mark.parametrize(
    "text",
    [
        "plex:\n  token: hidden1\n",
        "plex:\n  token: 'hidden1'  # a comment\n",
        "plex: {token: hidden1, url: http://plex}\n",
        'x: [{"token" : "hid, den1", "apikey": hidden2}]\n',
        "trakt:\n  authorization:\n    access_token: hidden1\n    scope: hidden2\n",
        "trakt:\n  client_secret: >-\n    hidden1\n    hidden2\n",
        'a:\n  password: "hidden1\n    hidden2"\n',
        "token:\n- hidden1\n- hidden2\n",
        "? token\n: hidden1\n",
        "webhooks:\n  error: https://discord.com/api/webhooks/hidden1\n",
        "url: http://hidden1:hidden2@plex:32400\n",
        "url: http://plex/?a=b&X-Plex-Token=hidden1\n",
        "# token: hidden1\n",
        "note: 0123456789abcdef0123456789abcdef\n",
        "note: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc\n",
        "é: ü\nfirst: &t hidden0\npin: 1234\ntoken: é hidden1\n",
    ],
)
@pytest.mark.parametrize("damage", ["", "broken: [\n", "broken:\tx\n"])
def test_no_secret_is_shown_even_if_the_text_cannot_be_parsed(text: str, damage: str) -> None:
    shown = redacted(text + damage)
    assert not [secret for secret in [*SECRETS, "1234", "den1"] if secret in shown]
    assert MASK in shown


def test_nested_braces_are_told_apart_in_text_that_can_be_parsed() -> None:
    assert redacted("trakt: {authorization: {a: b, c: d}, e: f}\n") == (
        f"trakt: {{authorization: {{a: {MASK}, c: {MASK}}}, e: f}}\n"
    )


def test_everything_else_stays_as_it_is() -> None:
    text = (
        "# a comment\nplex:\n  url: http://plex:32400\n  token: <<plextoken>>  # kept\n  timeout: 60\n"
        "tmdb: {apikey: <<tmdbapikey>>, language: en}\nsimkl:\n  user_token: ENV\ntrakt:\n  pin:\n  x: y\n"
    )
    assert redacted(text) == text
    assert redacted(text.replace("\n", "\r\n")) == text.replace("\n", "\r\n")


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    assert redacted("title: my-value here\n", ["my-value", ""]) == f"title: {MASK} here\n"


def test_values_are_shown_as_yaml() -> None:
    assert (
        redacted({"plex": {"token": "abc", "url": "http://a@b"}}) == f"plex:\n  token: {MASK}\n  url: http://{MASK}@b\n"
    )


def test_numbers_under_a_secret_key_are_hidden_and_switches_are_not() -> None:
    assert redacted_value({"pin": 1234, "use_token": True}) == {"pin": MASK, "use_token": True}


@pytest.mark.parametrize(
    ("path", "secret"),
    [(("plex", "token"), True), (("mal", "authorization", "x"), True), (("plex", "url"), False), (("spinner",), False)],
)
def test_the_names_of_keys_tell_secrets(path: tuple[str, ...], secret: bool) -> None:
    assert is_secret_path(path) is secret


@pytest.mark.parametrize(
    "text",
    [
        "apprise:\n  config: https://me.example.org/get/canary\n",
        "ntfy:\n  url: https://ntfy.sh\n  topic: canary\n",
        "urls:\n- tgram://canary/chat\n- mailto://me:canary@x.org\n",
        "urls:\n- tgram://canary/chat:\n  - tag: x\n",
        "collections:\n  A:\n    changes_webhooks: https://x.org/canary\n",
        "webhooks:\n  error:\n  - https://ptb.discord.com/api/webhooks/1/canary\n",
    ],
)
def test_what_lets_others_send_messages_is_hidden(text: str) -> None:
    assert "canary" not in redacted(text)
    assert "canary" not in redacted(load(text, "x.yml").value)


@pytest.mark.parametrize(
    "line",
    [" ", "token ", "token-", "- ", "secret: ", "a+", "eyJ-", "# token", "token: [", "://a", '"', "a.b-"],
)
def test_a_line_without_end_is_redacted_in_one_go(line: str) -> None:
    long = line * (100_000 // len(line))  # for many minutes, if a character were looked at for each of those before it
    for text in (long, f"{long}token: value", f"token:{long}x", f"[{long}"):
        assert redacted(text)


def test_many_secrets_are_hidden_in_one_go() -> None:
    text = "".join(f"key{number}: {{token: hunter{number}}}\n" for number in range(5000))
    assert "hunter" not in redacted(text)
