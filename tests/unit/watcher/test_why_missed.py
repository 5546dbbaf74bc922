"""Why a run was missed, as the host's own words show it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kometa_host.watcher.why_missed import HostFacts, reasons

DUE = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
WELL = HostFacts(DUE - timedelta(days=9), "active", DUE - timedelta(days=8), False, True)


@pytest.mark.parametrize(
    ("found", "cause", "remedy"),
    [
        (replace(WELL, booted=DUE + timedelta(hours=1)), "the host was off; it came up at 2026-11-22 12:00", "nothing"),
        (replace(WELL, service="failed"), "kometa.service is failed", "systemctl --user start kometa"),
        (replace(WELL, since=DUE + timedelta(minutes=5)), "was started at 2026-11-22 11:05", "nothing"),
        (replace(WELL, is_frozen=True, is_alive=False), "frozen", "podman unpause"),
        (replace(WELL, is_alive=False), "no Kometa lives", "diagnose"),
        (WELL, "began nothing", "restart kometa"),
    ],
)
def test_the_first_thing_that_explains_it_is_the_reason(found: HostFacts, cause: str, remedy: str) -> None:
    (reason,) = reasons([DUE], lambda: found)
    assert cause in reason.cause
    assert remedy in reason.remedy
