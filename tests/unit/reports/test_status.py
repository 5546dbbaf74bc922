"""The status of a Kometa host, from what was read of it."""

import gzip
import json
from datetime import UTC, datetime, timedelta

from kometa_host.reports.status import Status, age, next_run, parse_look, parse_time, status, table
from kometa_host.settings.variables import Settings
from tests.unit.told import composite

SETTINGS = Settings.from_data({}, "a host")
NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
LOG = """\
[2026-11-22 06:00:00,000] [kometa.py:1] [INFO]     |     Starting 06:00 Run     |
[2026-11-22 06:30:00,000] [kometa.py:1] [ERROR]    | File Error: File does not exist |
[2026-11-22 07:10:00,000] [kometa.py:1] [INFO]     |     Finished 06:00 Run     |
"""
UNIT = "Id=kometa.service\nLoadState=loaded\nActiveState=active\nActiveEnterTimestamp=Sun 2026-11-22 11:00:00 UTC\n"
BACKUPS = "kometa-2026-11-21T080000Z.tar.zst.age\t5\nkometa-2026-11-22T080000Z.tar.zst.age\t7\nother\t1\n"


LOOK = parse_look(
    composite(
        kometa_alive="77", status_units=UNIT, last_run=gzip.compress(LOG.encode()), backups=BACKUPS, tree_kib="4096"
    )
)


def test_a_running_host_is_told_whole() -> None:
    found = status(SETTINGS, LOOK, NOW)
    assert found.service == "active"
    assert found.last_run is not None
    assert (found.last_run.outcome, found.last_run.seconds, found.last_run.errors) == ("with errors", 4200, 1)
    assert found.last_backup is not None
    assert (found.last_backup.name, found.last_backup.count) == ("kometa-2026-11-22T080000Z.tar.zst.age", 2)
    assert found.tree_size == 4 * 1024**2
    assert str(found.next_run) == "2026-11-23 06:00:00-05:00"


def test_a_run_that_was_given_up_before_it_began_is_the_last_run() -> None:
    log = "[2026-11-22 06:00:14,000] [kometa.py:1] [CRITICAL] | RetryError[<Future at 0x7f raised ConnectionError>] |\n"
    run = status(SETTINGS, parse_look(composite(last_run=gzip.compress(log.encode()))), NOW).last_run
    assert run is not None
    assert (run.outcome, str(run.started)) == ("failed", "2026-11-22 06:00:14-05:00")


def test_it_survives_json_whole() -> None:
    found = status(SETTINGS, LOOK, NOW)
    assert Status.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_host_of_which_nothing_is_known_is_absent() -> None:
    found = status(SETTINGS, parse_look([]), NOW)
    assert (found.service, found.last_run, found.next_run) == ("absent", None, None)
    assert Status.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_an_active_unit_without_kometa_is_not_alive() -> None:
    look = parse_look(composite(status_units=UNIT))
    assert status(SETTINGS, look, NOW).service == "not alive"


def test_the_next_run_is_the_first_after_now_in_the_hosts_time_zone() -> None:
    found = next_run(["06:00", "18:30"], "America/New_York", NOW)
    assert found.isoformat() == "2026-11-22T18:30:00-05:00"


def test_times_of_systemd_are_read() -> None:
    assert parse_time("Sun 2026-11-22 11:00:00 UTC") == datetime(2026, 11, 22, 11, tzinfo=UTC)
    assert parse_time("") is None
    assert parse_time("n/a") is None


def test_the_fleet_is_a_table_of_one_line_a_host() -> None:
    text = table({"tower": status(SETTINGS, LOOK, NOW), "attic": Status("absent")}, NOW)
    head, first, second = text.splitlines()
    assert head.startswith("HOST")
    assert "tomorrow 06:00" in first
    assert "1 error " in first
    assert second.split()[:2] == ["attic", "absent"]


def test_an_age_is_in_its_largest_unit() -> None:
    assert age(NOW - timedelta(days=3, hours=2), NOW) == "3 d"
    assert age(NOW, NOW) == "0 s"
    assert age(None, NOW) == "-"
