"""What is told, in words: host, what, since when, why and what to do."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kometa_host.state.kometa_log import Collections, Outcome
from kometa_host.state.run_history import RecordedRun
from kometa_host.watcher import words
from kometa_host.watcher.decide import RunEvent, What
from kometa_host.watcher.jobs import Job, JobEvent, UpdateEvent
from kometa_host.watcher.why_missed import Reason

BEGIN = datetime(2026, 11, 22, 6, 0, 14, tzinfo=ZoneInfo("America/New_York"))
GOOD = RecordedRun("06:00", BEGIN, BEGIN + timedelta(seconds=3125), Outcome.GOOD)
TOKEN = "Plex Error: Plex token is invalid"  # noqa: S105  (a message)
FAILED = replace(GOOD, outcome=Outcome.FAILED, errors=2, warnings=7, first_errors=(TOKEN, "Config Error: No libraries"))


def told(what: What, *runs: RecordedRun, **more: object) -> words.Message:
    """The message for a run."""
    return words.of_run("nas", RunEvent(what, runs, **more), 24)  # type: ignore[arg-type]


def test_a_failed_run() -> None:
    message = told(What.ENDED, FAILED)
    assert message.title == "nas: the run of 06:00 failed"
    assert message.body.splitlines() == [
        "From 2026-11-22 06:00 to 06:52 (0:52:05); 2 errors, 7 warnings.",
        "Why: Plex Error: Plex token is invalid",
        "That is: Plex refused the token: it is wrong, or was withdrawn by a change of password or a sign-out of all "
        "devices.",
        "To do: put a new token in place (support.plex.tv/articles/204059436); set plextoken with make secrets-edit, "
        "then deploy.",
        "Also: Config Error: No libraries",
        "Log: pyinfra inventory.py operations.kometa.logs runs=1",
    ]
    assert (message.kind, message.topics, message.ping) == ("failure", ("failure",), "/fail")


def test_a_run_that_failed_for_a_library_names_it() -> None:
    assert told(What.ENDED, replace(FAILED, failed_libraries=("Films",))).title.endswith("failed for Films")


def test_an_interrupted_run_and_one_that_hung() -> None:
    killed = RecordedRun("", BEGIN, None, Outcome.INTERRUPTED)
    message = told(What.ENDED, killed)
    assert message.title == "nas: a run was interrupted"
    assert "run_once" in message.body
    assert told(What.ENDED, replace(killed, outcome=Outcome.HUNG)).title == "nas: a run hung, and was ended"
    message = told(What.HANGS, replace(killed, kind="06:00"))
    assert message.title == "nas: the run of 06:00 hangs"
    assert "more than 24 h" in message.body
    assert "systemctl --user restart kometa" in message.body


def test_missed_runs_are_one_message() -> None:
    runs = [
        replace(GOOD, started=BEGIN + timedelta(days=day), finished=None, outcome=Outcome.MISSED) for day in range(9)
    ]
    message = told(What.MISSED, *runs, reason=Reason("the host was off", "nothing"))
    assert message.title == "nas: 9 runs were missed"
    assert "2026-11-30 06:00" in message.body
    assert "Why: the host was off." in message.body
    assert told(What.MISSED, runs[0]).title == "nas: the run of 06:00 was missed"


def test_a_good_run_is_told_to_those_who_ask_and_the_first_after_trouble_to_those_who_heard_of_it() -> None:
    message = told(What.ENDED, replace(GOOD, collections=Collections(12, 3, 0, 14, 2)))
    assert (message.topics, message.kind, message.ping) == (("success",), "success", "")
    assert "3 of 12 collections changed; 14 items came, 2 went." in message.body
    over = told(What.ENDED, GOOD, trouble=Outcome.MISSED)
    assert over.title == "nas: Kometa runs again: the run of 06:00 was good"
    assert over.topics == ("failure", "success")
    assert over.body.startswith("Over: the one before was missed.")


def test_a_run_that_begins_is_a_ping_and_nothing_in_words() -> None:
    message = told(What.BEGUN, GOOD)
    assert (message.topics, message.ping) == ((), "/start")


def test_a_failed_backup_and_the_next_good_one() -> None:
    job = Job("kometa-backup.service", "Sun 2026-11-22 08:00:12 UTC", "exit-code")
    message = words.of_job("nas", JobEvent(job, False), "the backup", ["/data is not mounted"])
    assert message.title == "nas: the backup failed"
    assert "| /data is not mounted" in message.body
    assert "journalctl --user -u kometa-backup.service" in message.body
    assert message.ping is None
    good = replace(job, result="success")
    assert words.of_job("nas", JobEvent(good, True), "the backup", []).topics == ("failure", "success")
    assert words.of_job("nas", JobEvent(good, False), "the backup", []).topics == ("success",)


def test_updates_that_are_done_undone_or_fail_and_drift() -> None:
    def update(event: str, container: str = "kometa", why: str = "because") -> words.Message:
        return words.of_update("nas", UpdateEvent("2026-11-22T07:00:00Z", container, event, why))

    assert update("updated").topics == ("update",)
    assert update("rolled-back").title == "nas: an update of kometa was undone"
    assert update("rolled-back").topics == update("failed").topics == ("failure", "update")
    assert update("updated", "git", "put right what differed from abc").topics == ("drift",)
    assert update("updated", "git", "deployed abc").title == "nas: the host's repository was updated"


def test_a_message_is_short_and_what_looks_like_a_secret_is_hidden() -> None:
    long = replace(FAILED, first_errors=tuple("http://x/?X-Plex-Token=hunter2 " + "é" * 2000 for _ in range(5)))
    message = told(What.ENDED, long)
    assert len(message.body) <= words.MAX_BODY
    assert len(message.title) <= words.MAX_TITLE
    assert "hunter2" not in message.body
