"""What a deploy tells the watcher."""

import json

import pytest

from kometa_host.settings.variables import Settings
from kometa_host.state import watch_files
from kometa_host.state.watch_config import addresses_text, digest, parse

ADDRESS = "discord://1234567/SeCrEt-ToKeN"


def test_what_is_written_is_read_back() -> None:
    config = watch_files.config_of(Settings(kometa_times=("06:00", "18:00")))
    assert parse(config.to_json()) == config


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"times": []}', '{"times": [], "services": [], "notify_on": []}']
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (of any text)
        parse(text)


def test_each_address_has_a_tag_of_its_own() -> None:
    known = json.loads(addresses_text([ADDRESS, "json://x"]))
    assert known == {"version": 1, "urls": [{ADDRESS: [{"tag": "service1"}]}, {"json://x": [{"tag": "service2"}]}]}


def test_what_tells_addresses_apart() -> None:
    assert digest("", "") == ""
    assert len({digest("a", ""), digest("", "a"), digest("a", "b")}) == 3
