"""When calendar expressions elapse, held against systemd's own reading where this machine has it."""

import re
import shutil
import subprocess
from datetime import datetime
from itertools import islice

import pytest

from kometa_host.settings.calendars import elapses

EXPRESSIONS = [
    "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly", "hourly", "minutely", "03:00",
    "*-*-* 03,15:00", "Mon..Fri 04:30", "Sat,Sun 10:00:30", "*-*-01 00:00", "*-*~01 02:00", "*-02~03", "*-*-1..7 05:10",
    "Mon *-05~07/1", "*:0/15", "3/6:00", "*-1/3-1 06:00", "Tue *-*-8..14", "2/2-*-* 01:00", "*-12-24..26", "12-31",
]  # fmt: skip


def first(expression: str, number: int = 1) -> list[str]:
    return [f"{moment:%m-%d %H:%M:%S}" for moment in islice(elapses(expression), number)]


def test_moments_come_in_order() -> None:
    assert first("Mon,Wed 03,15:00", 5) == [
        "01-01 03:00:00", "01-01 15:00:00", "01-03 03:00:00", "01-03 15:00:00", "01-08 03:00:00",
    ]  # fmt: skip


def test_days_are_counted_from_the_months_end_behind_a_tilde() -> None:
    assert first("*-*~01", 3) == ["01-31 00:00:00", "02-29 00:00:00", "03-31 00:00:00"]
    assert first("Mon *-05~07/1") == ["05-27 00:00:00"]


@pytest.mark.parametrize("expression", ["", "nonsense", "03", "25 o'clock", "@1700000000", "Mon..Foo 03:00"])
def test_what_cannot_be_read_has_none(expression: str) -> None:
    assert first(expression) == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd to compare with")
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_systemd_reads_it_in_the_same_way(expression: str) -> None:
    told = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=8", "--base-time=2024-01-01 00:00:00 UTC", f"{expression} UTC"],
        capture_output=True, text=True, check=True, env={"TZ": "UTC", "LC_ALL": "C"},
    ).stdout  # fmt: skip
    found = re.findall(r"(?:elapse|#\d+): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", told)
    ours = [f"{moment}" for moment in islice(elapses(expression), 9) if moment > datetime(2024, 1, 1)]
    number = min(len(found), len(ours))
    assert number > 1
    assert ours[:number] == found[:number]
