"""What a look means: what is recorded, what is told, once, and once more when it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kometa_host.state.kometa_log import Outcome
from kometa_host.state.run_history import RecordedRun
from kometa_host.watcher.decide import RunEvent, Step, What, after_look, key, with_missed
from kometa_host.watcher.logs import Look, Progress
from kometa_host.watcher.memory import Memory, Open
from kometa_host.watcher.schedule import Due
from kometa_host.watcher.why_missed import Reason

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LIMIT = timedelta(hours=24)
FRESH = Memory(NOW - timedelta(days=10), NOW - timedelta(days=10))
GOOD = RecordedRun("06:00", NOW - timedelta(hours=2), NOW - timedelta(hours=1), Outcome.GOOD)
FAILED = replace(GOOD, outcome=Outcome.FAILED, errors=1)
REASON = Reason("it was off", "switch it on")


def step(look: Look, memory: Memory = FRESH, known: tuple[RecordedRun, ...] = (), now: datetime = NOW) -> Step:
    """What follows from a look."""
    return after_look(memory, look, {key(run) for run in known}, LIMIT, now)


def whats(found: Step) -> list[What]:
    """What kinds of events there are."""
    return [event.what for event in found.events]


def test_a_finished_run_is_recorded_and_told_once() -> None:
    found = step(Look((GOOD,), None, ("1:2:3",)))
    assert found.new_runs == (GOOD,)
    assert found.events == (RunEvent(What.ENDED, (GOOD,)),)
    assert found.memory.done == ("1:2:3",)
    again = step(Look((GOOD,), None), found.memory, (GOOD,))
    assert (again.new_runs, again.events) == ((), ())


def test_what_was_over_before_watching_began_is_recorded_and_not_told() -> None:
    found = step(Look((FAILED,)), Memory(NOW, NOW))
    assert (found.new_runs, found.events, found.memory.trouble) == ((FAILED,), (), None)


def test_one_that_ended_in_the_second_in_which_watching_began_is_told() -> None:
    began = NOW.replace(microsecond=700_000)
    assert step(Look((replace(GOOD, finished=NOW),)), Memory(began, began)).events


def test_one_that_was_in_progress_when_watching_began_is_told_when_it_was_killed() -> None:
    killed = replace(GOOD, finished=None, outcome=Outcome.INTERRUPTED)
    found = step(Look((killed,)), Memory(NOW, NOW, open=Open(killed.started)))
    assert found.events == (RunEvent(What.ENDED, (killed,)),)


def test_a_failed_run_is_trouble_until_a_good_one() -> None:
    failed = step(Look((FAILED,)))
    assert failed.events[0].is_failure
    assert failed.memory.trouble is Outcome.FAILED
    over = step(Look((replace(GOOD, started=NOW),)), failed.memory)
    assert over.events[0].is_over
    assert over.memory.trouble is None
    assert not step(Look((GOOD,)), over.memory).events[0].is_over


def test_a_run_that_begins_is_told_to_the_service_of_pings_once() -> None:
    progress = Look((), Progress("06:00", NOW - timedelta(minutes=1)))
    found = step(progress)
    assert whats(found) == [What.BEGUN]
    assert not found.events[0].is_failure
    assert step(progress, found.memory).events == ()


class TestHanging:
    LONG = Look((), Progress("06:00", NOW - timedelta(hours=25)))
    KILLED = RecordedRun("06:00", NOW - timedelta(hours=25), None, Outcome.INTERRUPTED)

    def test_a_run_longer_than_the_limit_hangs_and_is_told_once(self) -> None:
        found = step(self.LONG, replace(FRESH, open=Open(NOW - timedelta(hours=25))))
        assert whats(found) == [What.HANGS]
        assert found.memory.trouble is Outcome.HUNG
        assert step(self.LONG, found.memory).events == ()

    def test_at_the_limit_it_does_not(self) -> None:
        assert whats(step(Look((), Progress("06:00", NOW - LIMIT)))) == [What.BEGUN]

    def test_one_that_was_ended_is_recorded_as_hung(self) -> None:
        memory = step(self.LONG).memory
        found = step(Look((self.KILLED,)), memory)
        assert [run.outcome for run in found.new_runs] == [Outcome.HUNG]
        assert whats(found) == [What.ENDED]

    def test_one_that_ends_by_itself_after_all_is_over(self) -> None:
        memory = step(self.LONG).memory
        found = step(Look((replace(self.KILLED, finished=NOW, outcome=Outcome.GOOD),)), memory)
        assert found.events[0].is_over

    def test_another_run_that_was_killed_before_the_limit_was_interrupted(self) -> None:
        memory = step(self.LONG).memory
        found = step(Look((replace(self.KILLED, started=NOW),)), memory)
        assert [run.outcome for run in found.new_runs] == [Outcome.INTERRUPTED]


class TestMissing:
    DUE = Due("06:00", NOW - timedelta(hours=3))

    def test_all_that_was_missed_is_one_event_and_a_record_each(self) -> None:
        two = [self.DUE, replace(self.DUE, time=NOW - timedelta(hours=2))]
        found = with_missed(Step(FRESH), dict.fromkeys(two, REASON), NOW)
        assert [run.outcome for run in found.new_runs] == [Outcome.MISSED] * 2
        assert found.new_runs[0].first_errors == ("it was off",)
        assert whats(found) == [What.MISSED]
        assert (found.memory.trouble, found.memory.checked) == (Outcome.MISSED, NOW)

    def test_the_next_run_is_the_end_of_it(self) -> None:
        memory = with_missed(Step(FRESH), {self.DUE: REASON}, NOW).memory
        assert step(Look((replace(GOOD, finished=NOW),)), memory).events[0].is_over

    def test_a_clock_that_goes_back_asks_for_nothing_twice(self) -> None:
        assert with_missed(Step(replace(FRESH, checked=NOW)), {}, NOW - LIMIT).memory.checked == NOW
