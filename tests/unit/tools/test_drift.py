"""make drift: what it reads from a plan, and its exit status."""

import json
import subprocess
from pathlib import Path

import pytest

from tools import drift

PLAN = {"plan": [
    {"name": "Quadlets", "hosts_with_change": ["b", "a"], "hosts_without_change": []},
    {"name": "Secrets", "hosts_with_change": [], "hosts_without_change": ["a", "b"]},
    {"name": "Timers", "hosts_with_change": ["a"], "hosts_without_change": ["b"]},
]}  # fmt: skip


def printed(monkeypatch: pytest.MonkeyPatch, output: str, status: int = 0) -> list[list[str]]:
    """Let pyinfra print this; return the list that its command lines go to."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, status, output, "what went wrong")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_changes_are_told_by_host() -> None:
    assert drift.drift(PLAN) == {"b": ["Quadlets"], "a": ["Quadlets", "Timers"]}


def test_hosts_that_differ_are_drift(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    commands = printed(monkeypatch, json.dumps(PLAN))
    assert drift.main("hosts.py") == drift.DRIFT
    assert capsys.readouterr().out.splitlines() == ["b: Quadlets", "a: Quadlets", "a: Timers", "drift"]
    assert "--dry" in commands[0]
    assert "hosts.py" in commands[0]


def test_hosts_as_the_project_says_are_in_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    printed(monkeypatch, '{"plan": []}')
    assert drift.main("hosts.py") == drift.IN_SYNC


def test_a_host_that_is_off_keeps_the_others_from_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed(monkeypatch, json.dumps(PLAN), 1)
    assert drift.main("hosts.py") == drift.ERROR
    shown = capsys.readouterr()
    last = "not all hosts could be compared"
    assert (shown.out.splitlines(), shown.err) == (
        ["b: Quadlets", "a: Quadlets", "a: Timers", last],
        "what went wrong\n",
    )


@pytest.mark.parametrize(
    ("output", "status"),
    [("", 0), ("no JSON", 0), ("[]", 0), ("{}", 0), ('{"plan": [{}]}', 0), ("null", 0), ("", 1)],
)
def test_an_answer_that_is_none_is_an_error_and_never_in_sync(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: str, status: int
) -> None:
    printed(monkeypatch, output, status)
    assert drift.main("hosts.py") == drift.ERROR
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "what went wrong\n")


def test_an_inventory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert drift.main(str(tmp_path / "none.py")) == drift.ERROR
