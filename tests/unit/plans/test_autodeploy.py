"""What a host gets for its image updates, and how their history is read."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime

from kometa_host.plans.autodeploy import parse_history
from kometa_host.settings.variables import Settings
from kometa_host.state import autodeploy_files, desired

LINE = {
    "time": "2026-11-22T07:00:00Z",
    "group": "interactive",
    "container": "kometa",
    "image": "lscr.io/linuxserver/kometa:latest",
    "event": "updated",
    "previous": "aa",
    "new": "bb",
    "why": 'runs "2.4.5" now',
}


def test_history_is_newest_first_and_passes_over_what_is_cut_off() -> None:
    older = json.dumps(LINE | {"time": "2026-11-21T07:00:00Z", "event": "failed"})
    lines = [older, json.dumps(LINE), json.dumps(LINE)[:50], "", "[]", '{"time": 7}']
    events = parse_history(lines)
    assert [event.event for event in events] == ["updated", "failed"]
    assert events[0].time == datetime(2026, 11, 22, 7, tzinfo=UTC)
    assert events[0].why == 'runs "2.4.5" now'


def test_an_event_can_be_printed_as_json() -> None:
    assert parse_history([json.dumps(LINE)])[0].to_json()["container"] == "kometa"


def test_units_are_named_after_the_group_and_run_at_its_time_in_the_hosts_zone() -> None:
    settings = Settings(kometa_autodeploy_group="nightly", kometa_autodeploy_schedule="*-*-* 04:30:00")
    units = desired.units(settings).files
    assert {"mms-autodeploy-nightly.service", "mms-autodeploy-nightly.timer"} <= set(units)
    timer = units["mms-autodeploy-nightly.timer"].text()
    assert "OnCalendar=*-*-* 04:30:00 America/New_York\nPersistent=true\n".replace("\n", "") in "".join(
        line for line in timer.splitlines() if not line.startswith("#")
    )
    assert "/home/mms/.local/lib/kometa-host/mms-autodeploy\n" in units["mms-autodeploy-nightly.service"].text()


def test_the_script_is_private_valid_bash_without_root_and_without_the_url() -> None:
    settings = Settings(kometa_notify_url="https://hc.example/secret-path")
    file = autodeploy_files.library_files(settings)[autodeploy_files.SCRIPT]
    text = file.text()
    assert file.mode == 0o700
    assert "secret-path" not in text
    assert "sudo" not in text
    assert subprocess.run(["bash", "-n"], input=text.encode(), check=False).returncode == 0
