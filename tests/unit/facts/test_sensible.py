"""A fact whose answer makes no sense fails as pyinfra wants it: for its own host, without a traceback."""

from collections.abc import Iterable

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.backup import Archives
from facts.sensible import sensible
from kometa_host.errors import UserError
from kometa_host.state import programs


class Broken:
    @sensible
    def process(self, output: Iterable[str]) -> int:
        return int("".join(output))


class Refused:
    @sensible
    def process(self, output: Iterable[str]) -> int:
        raise UserError("no: move it away.")


def test_nonsense_is_the_host_s_failure() -> None:
    assert Broken().process(["12"]) == 12
    with pytest.raises(FactProcessError, match="about Broken makes no sense"):
        Broken().process(["x"])


def test_a_refusal_keeps_its_words() -> None:
    with pytest.raises(FactProcessError, match="move it away"):
        Refused().process([])


def test_a_list_of_archives_that_is_none_is_nonsense() -> None:
    with pytest.raises(FactProcessError, match="about backups makes no sense"):
        Archives().process([programs.ANSWER, "1 \x1b]0;x\x07"])
