"""Secrets in comments leave the file and are kept; other comments stay byte for byte."""

import pytest

from kometa_host.adoption.comments import without_secrets
from kometa_host.adoption.vault import Vault
from kometa_host.config_tree import yaml12


def masked(text: str, file: str = "config.yml") -> tuple[str, dict[str, str]]:
    vault = Vault({})
    return without_secrets(text, yaml12.load(text, file), file, vault), vault.secrets


@pytest.mark.parametrize(
    ("comment", "expected", "secrets"),
    [
        ("#   token: 1f0c1a52-7f6d-4a51-8c0e-0a1b2c3d4e5f  # old", "#   token: <<radarrtokencommented>>  # old", 1),
        ("# apikey: 1a2b3c4d", "# apikey: <<radarrapikeycommented>>", 1),
        ("# 0123456789abcdef0123456789abcdef", "# <<radarrtokencommented>>", 1),
        ("# token: Enter yours here", "# token: Enter yours here", 0),
        ("# token: <<radarrtoken>>", "# token: <<radarrtoken>>", 0),
        (
            "# see https://kometa.wiki/en/latest/ for the api key",
            "# see https://kometa.wiki/en/latest/ for the api key",
            0,
        ),
    ],
)
def test_a_commented_secret_is_named(comment: str, expected: str, secrets: int) -> None:
    text, kept = masked(f"radarr:\n{comment}\n  url: http://radarr:7878 # mine\n")
    assert text == f"radarr:\n{expected}\n  url: http://radarr:7878 # mine\n"
    assert len(kept) == secrets


def test_a_commented_webhook_is_a_secret_below_webhooks_only() -> None:
    text, kept = masked("webhooks:\n#  error: https://hooks.example.org/abc\nsettings:\n# https://example.org/abc\n")
    assert text == "webhooks:\n#  error: <<webhookstokencommented>>\nsettings:\n# https://example.org/abc\n"
    assert kept == {"webhookstokencommented": "https://hooks.example.org/abc"}


def test_a_number_sign_in_a_value_begins_no_comment() -> None:
    text = "a: 'x # token: 12345678'\nb: |\n  # token: 12345678\nc: d#token\n"
    assert masked(text) == (text, {})
