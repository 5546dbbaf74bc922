"""Attributes that check themselves."""

from dataclasses import dataclass

import pytest

from kometa_host.errors import Problem
from kometa_host.settings.checked import Known, checked, default_of, related, variable
from kometa_host.settings.refusals import Complaint, RefusalError, whole_number
from kometa_host.settings.secret import SecretStr


def _high(value: object, known: Known) -> int:
    return whole_number(value, known.get("low", 0), None, "write no less than low")


@dataclass(frozen=True)
class Range:
    """An example."""

    low: int = variable(lambda value: whole_number(value, 1, None, "write a number above 0"), 1)
    high: int = related(_high, 5)


def test_what_data_leaves_out_is_the_default_and_what_nobody_knows_is_left_alone() -> None:
    assert Range() == Range(1, 5)
    assert checked(Range, {"low": "3", "other": object()}) == ({"low": 3, "high": 5}, [])
    assert (default_of(Range, "high"), default_of(Range, "other")) == (5, None)


def test_a_default_can_be_wrong_beside_another_value() -> None:
    values, problems = checked(Range, {"low": 7})
    assert values == {"low": 7}
    assert problems == [Problem("high", "5 (a number)", "write no less than low")]


def test_every_problem_is_found_and_a_bad_value_is_seen_by_no_other_check() -> None:
    _, problems = checked(Range, {"low": 0, "high": -1})
    assert [problem.variable for problem in problems] == ["low", "high"]


def test_all_complaints_about_one_value_are_told() -> None:
    def refuse(value: object) -> int:
        raise RefusalError("one", "a", Complaint("two", "b"))

    @dataclass(frozen=True)
    class Refused:
        it: int = variable(refuse, 0)

    assert checked(Refused, {})[1] == [Problem("it", "one", "a"), Problem("it", "two", "b")]


@pytest.mark.parametrize("shown", [str, repr, "{}".format, lambda secret: repr({"a": [secret]})])
def test_a_secret_shows_nowhere(shown: object) -> None:
    assert callable(shown)
    assert "hunter2" not in shown(SecretStr("hunter2"))
    assert SecretStr("hunter2").get_secret_value() == "hunter2"


def test_secrets_are_compared_by_their_values() -> None:
    assert len({SecretStr("a"), SecretStr("a"), SecretStr("b")}) == 2
    assert SecretStr("a") != "a"
