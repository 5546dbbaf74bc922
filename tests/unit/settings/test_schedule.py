"""The parser of calendar expressions agrees with systemd's own."""

import shutil
import subprocess
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kometa_host.settings.schedule import SHORTHANDS, CalendarError, elapses_from, parse_calendar

TODAY = date(2026, 11, 22)

GOOD = [
    *SHORTHANDS,
    *("Weekly", "mon", "Monday", "Mon..Fri", "Mon-Fri", "Mon,Tue 10:00", "Mon,", "Mon..Wed,Sat..Sun", "Mon..Mon"),
    *("monday..FRIDAY 3:00", "02:00", "3:0", "003:00", "08:05:40", "*:*", "*:0/15", "*:00/1", "*:2/3", "03,15:00"),
    *("0..5:00", "1..10/3:00", "1..5,7..9:00", "03:00/15", "03:00..30/15", "3:00:00/5", "3:00:0.5/1.25", "1..1:00"),
    *("*-*-* 03:00:00", "*-*-*  03:00", "*-*-* ", "*-*-*", "*-*", "1-1", "Mon 1-1", "Mon *-*", "*-1,3,5-1", "*-1/2-1"),
    *("1/2-*-1", "*-*-1..7", "*-*~1", "*-02~03", "*-*~1..7", "*-*~07/1", "*-*~5/4", "Sat,Sun 12-05 08:05"),
    *("2199-1-1", "2030-10-15", "*-02-29", "*-*-* 23:59:59.5", "*-*-* *:*:*", "*:*:1..5", "03:00:00.1234567"),
    *("*-2-30", "2012-10-15", "12-10-15", "70-1-1", "2..3-1-1", "2020..20-*-*", "1..2/5:00"),
]
BAD = [
    *("", "now", "nightly", "3", "5", "*", "03h", "hourly 03:00", "Mond", "mo", "Fri..Mon", "Mon, Tue", "Mon ..Fri"),
    *("Mon,,Tue", ",Mon", "Mon...Fri", "Mon*-*-*", "Mon..Tue..Wed", "mon,tue,wed 10", "Mon..", "*-*-* 24:00"),
    *(
        "*-*-* 23:60",
        "*-*-* 23:59:60",
        "25:00",
        "-1:00",
        "+3:00",
        "3: 00",
        "03:00:00:00",
        "3:00:00.",
        "03:00 ",
        " 03:00",
    ),
    *("*:0/0", "5..0:00", "1,:00", "03:00,", "*/2:00", "*,1:00", "1..2..3:00", "*:*:1..1.5", "*-*-* 0/6"),
    *("*-*-0", "*-0-1", "*-13-1", "*-*-32", "*-*~31", "*-*~40", "*-2~30", "*-*~7..1", "*-*~5/5", "*-*~27,1"),
    *("*-12-31..1", "*-*-1-1", "*-12-~1", "*-*-*/2", "*-*-*,3", "2000-*-*/1", "*-*-1/99", "1969-1-1", "2200-1-1"),
    *("100-1-1", "2012-10-15T03:00", "*-*-*T03:00", "03:00\n", "*~*-1", "٣:00"),
]


@pytest.mark.parametrize("text", GOOD)
def test_what_systemd_takes_is_parsed(text: str) -> None:
    parse_calendar(text)


@pytest.mark.parametrize("text", BAD)
def test_what_systemd_refuses_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(CalendarError, match=r"."):
        parse_calendar(text)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize(("texts", "works"), [(GOOD, True), (BAD, False)])
def test_systemd_analyze_says_the_same(texts: list[str], works: bool) -> None:
    command = ["systemd-analyze", "calendar", "--"]
    results = {text: subprocess.run([*command, text], capture_output=True).returncode == 0 for text in texts}
    assert {text for text, took in results.items() if took != works} == set()


@given(st.text(alphabet="*-~:./, 0123456789MonTuedaily", max_size=24))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        expression = parse_calendar(text)
    except CalendarError:
        return
    assert elapses_from(expression, TODAY) in (True, False)


@pytest.mark.parametrize(
    "text", ["daily", "*-02-29", "*-*~1", "Mon *-*~07/1", "2199-1-1", "Sun *-02-29", "2026-11-22", "1-1", "2030-*-*"]
)
def test_days_to_come_elapse(text: str) -> None:
    assert elapses_from(parse_calendar(text), TODAY)


@pytest.mark.parametrize("text", ["*-2-30", "2012-10-15", "2026-11-21", "2027-02-29", "Mon 2026-11-22", "*-4,6-31"])
def test_days_that_do_not_exist_or_are_over_never_elapse(text: str) -> None:
    assert not elapses_from(parse_calendar(text), TODAY)


def test_parts_are_those_that_the_text_names() -> None:
    expression = parse_calendar("Mon..Tue,Sun 2026-*~3 03,15:00/20:1.5")
    assert expression.weekdays == {0, 1, 6}
    assert expression.day_from_month_end
    assert [part.start for part in expression.hour or ()] == [3, 15]
    assert [(part.start, part.step) for part in expression.minute or ()] == [(0, 20)]
    assert [part.start for part in expression.second or ()] == [1_500_000]
