"""What scripts get is documented: each field of it by its name."""

from dataclasses import fields
from pathlib import Path

import pytest

from kometa_host.reports.diagnosis.check import Check, State
from kometa_host.reports.status import BackupStatus, RunStatus, Status
from kometa_host.state.run_history import RecordedRun

TEXT = (Path(__file__).parents[3] / "docs" / "messages.md").read_text(encoding="utf-8")
SCRIPTS = TEXT.partition("## For scripts")[2]
HISTORY = TEXT.partition("## The history")[2].partition("\n## ")[0]


@pytest.mark.parametrize("kind", [Status, RunStatus, BackupStatus, Check])
def test_each_field_of_the_status_and_the_diagnosis_is_there(kind: type) -> None:
    assert [field.name for field in fields(kind) if f"`{field.name}`" not in SCRIPTS] == []


def test_each_state_of_a_check_is_there() -> None:
    assert [state.value for state in State if f"`{state.value}`" not in SCRIPTS] == []


def test_each_field_of_the_history_is_there() -> None:
    assert [field.name for field in fields(RecordedRun) if f"`{field.name}`" not in HISTORY] == []
