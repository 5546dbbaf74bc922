"""What Kometa's logs tell of its runs."""

from hypothesis import given
from hypothesis import strategies as st

from kometa_host.state.kometa_log import Collections, Outcome, Run, latest, parse, shown, split, summary

ZONE = "America/New_York"


def row(time: str, text: str, level: str = "INFO", caller: str = "kometa.py:523") -> str:
    """A line of meta.log."""
    return f"[2026-11-22 {time},248] [{caller}]             {f'[{level}]':<10} | {text:^98} |"


START, END = row("09:10:14", "Starting 09:10 Run"), row("09:12:15", "Finished 09:10 Run")


def further(text: str) -> str:
    """A further row of a message."""
    return f"{'':65}| {text:<98} |"


def only(*lines: str) -> Run:
    """The one run of a log."""
    (run,) = parse(lines, ZONE)
    return run


def test_a_run_with_both_markers_and_no_message_is_good() -> None:
    run = only(START, row("09:11:00", "Finished Movies Library Operations"), END)
    assert (run.kind, run.outcome()) == ("09:10", Outcome.GOOD)
    assert run.duration is not None
    assert run.duration.total_seconds() == 121
    assert run.started is not None
    assert run.started.isoformat() == "2026-11-22T09:10:14-05:00"


def test_finished_run_alone_is_no_success() -> None:
    run = only(START, row("09:11:00", "YAML Error: Tabs are not allowed", "CRITICAL"), END)
    assert run.outcome() is Outcome.FAILED
    assert run.criticals == ("YAML Error: Tabs are not allowed",)


def test_errors_without_a_critical_one_are_a_run_with_errors() -> None:
    run = only(START, row("09:11:00", "File Error: File does not exist /config/nosuch.yml", "ERROR"), END)
    assert run.outcome() is Outcome.WITH_ERRORS
    assert summary(run).endswith("with errors: 1 error, no warnings")


def test_a_run_without_its_end_is_unfinished_or_in_progress() -> None:
    run = only(START)
    assert run.outcome() is Outcome.INTERRUPTED
    assert run.outcome(in_progress=True) is Outcome.IN_PROGRESS
    assert run.duration is None


def test_a_run_given_up_for_lack_of_internet_has_no_markers_and_has_failed() -> None:
    run = only(row("09:10:14", "RetryError[<Future at 0x7f state=finished raised ConnectionError>]", "CRITICAL"))
    assert run.outcome() is Outcome.FAILED
    assert "given up" in summary(run)


def test_a_validation_is_no_run() -> None:
    assert parse([row("09:00:00", "Validation Report (structure)"), row("09:00:00", "bad", "CRITICAL")], ZONE) == []


def test_a_log_of_nothing_has_no_run() -> None:
    assert parse([], ZONE) == []
    assert parse(["rubbish", row("09:00:00", "Current Time")], ZONE) == []


def test_the_rows_of_one_message_count_once() -> None:
    rows = [row("09:11:00", "YAML Error: while parsing", "CRITICAL"), further(""), further('in "config.yml", line 3')]
    assert only(START, *rows, END).criticals == ('YAML Error: while parsing in "config.yml", line 3',)


def test_the_rows_of_a_message_that_is_left_out_belong_to_none() -> None:
    rows = [row("09:11:00", "oh", "ERROR"), row("09:11:00", "Traceback", "DEBUG"), further("KeyError: 'x'")]
    assert only(START, *rows, END).errors == ("oh",)


def test_of_a_traceback_the_last_row_tells_why() -> None:
    rows = [
        row("09:11:00", "Uncaught Exception", "CRITICAL"),
        "Traceback (most recent call last):",
        '  File "/app/kometa/kometa.py", line 1, in <module>',
        "sqlite3.OperationalError: database is locked",
    ]
    assert only(START, *rows).criticals == ("Uncaught Exception sqlite3.OperationalError: database is locked",)


def test_a_time_that_no_clock_shows_is_no_line_of_kometa() -> None:
    assert parse([START.replace("2026-11-22", "2026-99-22")], ZONE) == []


def test_several_messages_of_one_moment_count_each() -> None:
    rows = [row("09:11:00", f"Plex Error: Library '{name}' not found", "ERROR") for name in ("Films", "Series")]
    assert len(only(START, *rows, END).errors) == 2


def test_a_log_with_two_runs_is_split_at_the_second_start() -> None:
    first, second = split([row("09:10:13", "Version"), START, END, START])
    assert first.lines[1:] == (START, END)
    assert second.lines == (START,)


def test_each_kind_of_marker_is_known() -> None:
    for kind in ("", "Test ", "Collections ", "Libraries ", "23:59 "):
        run = only(row("10:00:00", f"Starting {kind}Run"), row("10:00:01", f"Finished {kind}Run"))
        assert (run.kind, run.outcome()) == (kind.strip(), Outcome.GOOD)


def test_a_line_is_shown_with_its_time_and_the_level_that_matters() -> None:
    assert shown(row("09:10:14", "hello")) == "09:10:14 hello"
    assert shown(row("09:10:14", "oh", "ERROR")) == "09:10:14 ERROR oh"
    assert shown("a line of another program  ") == "a line of another program"
    assert shown(further("Options: a, b")) == "         Options: a, b"


@given(st.lists(st.sampled_from([START, END, row("09:11:00", "x", "ERROR"), "", "rubbish"]) | st.text()))
def test_any_log_can_be_parsed_and_no_line_is_lost(lines: list[str]) -> None:
    parse(lines, ZONE)
    assert [line for log in split(lines) for line in log.lines] == lines


class TestWhatTheLogTellsBeside:
    def test_a_library_that_failed_is_a_failed_run_though_the_other_was_worked_on(self) -> None:
        lines = [
            row("09:11:00", "Plex Error: Plex Library 'Films' not found. Options: ['TV']", "ERROR"),
            row("09:11:00", "Films Library Connection Failed"),
            row("09:11:01", "TV Library Connection Successful"),
        ]
        run = only(START, *lines, END)
        assert run.failed_libraries == ("Films",)
        assert run.outcome() is Outcome.FAILED
        assert "no work on Films" in summary(run)

    def test_of_several_messages_the_one_that_explains_comes_first(self) -> None:
        refused = "Plex Error: Plex token is invalid"
        none = "Config Error: No libraries were found in config"
        run = only(START, row("09:11:00", refused, "ERROR"), row("09:11:01", none, "CRITICAL"), END)
        assert run.messages == [refused, none]

    def test_the_version_stands_before_the_start(self) -> None:
        assert only(row("09:10:13", "    Version: 2.4.4 (Linuxserver: master)"), START, END).version == "2.4.4"
        assert only(START, END).version == ""

    def test_the_table_of_collections(self) -> None:
        head = "       Title         |   +   |   =   |   -   | Run Time | Status"
        lines = [
            "Alien Movies         |     2 |     0 |     1 |  0:00:01 | Created and Updated Metadata",
            "Predator | 2         |     0 |     4 |     0 |  0:00:01 | Unchanged",
            "Dune                 |    12 |     0 |     0 |  0:00:01 | Modified",
            "Rocky                |     0 |     0 |     0 |  0:00:01 | Kometa Failure",
        ]
        table = only(START, *(row("09:12:00", text) for text in [head, *lines]), END).collections
        assert table == Collections(listed=4, changed=2, failed=1, added=14, removed=1)
        assert only(START, END).collections is None

    def test_a_run_given_up_tells_when_its_log_began(self) -> None:
        run = only(row("09:10:14", "RetryError[<Future at 0x7f state=finished raised ConnectionError>]", "CRITICAL"))
        assert run.first_line is not None
        assert run.first_line.isoformat() == "2026-11-22T09:10:14-05:00"

    def test_a_run_takes_as_long_as_it_takes_when_clocks_are_changed(self) -> None:
        begin, end = row("01:30:00", "Starting 01:30 Run"), row("03:30:00", "Finished 01:30 Run")
        (run,) = parse([line.replace("2026-11-22", "2026-11-01") for line in (begin, end)], ZONE)
        assert run.duration is not None
        assert run.duration.total_seconds() == 3 * 3600


def test_the_latest_runs_come_with_their_own_lines() -> None:
    first, second = [START, END], [line.replace("09:1", "18:1") for line in (START, END)]
    told = latest([*first, *second], ZONE, 1)
    assert [(run.kind, list(log.lines)) for run, log in told] == [("18:10", second)]
    assert [run for run, _ in latest([*first, *second], ZONE, 9)] == parse([*first, *second], ZONE)
