"""What a connection is made with; tests/host/test_connection.py has a real sshd."""

from getpass import getuser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.util import CommandOutput

from kometa_host.controller.ssh_config import Given
from kometa_host.errors import UserError
from kometa_host.state import answers
from kometa_host.state.programs import Actor
from operations.engine import connection, transport


def test_a_machine_without_ssh_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConnectError, match="Install the OpenSSH client"):
        connection._settings(Given("tower"))


def test_settings_that_ssh_itself_refuses_are_said_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("NoSuchSetting yes\n")
    with pytest.raises(ConnectError, match=r"cannot be used: .*[Bb]ad configuration option"):
        connection._settings(Given("tower", config_file=str(tmp_path / "config")))


class Bare(connection.StrictConnector):
    """A connection over which a shell of this machine answers, as the OpenSSH client would carry it."""

    def __init__(self) -> None:
        self.sharing, self.login = ["sh", "-c"], "mms"
        self.host: Any = SimpleNamespace(print_prefix="", name="here", connector=self, connector_data={})
        self.state: Any = SimpleNamespace(config=SimpleNamespace(SUDO_PASSWORD=None))


def asked(script: str, **arguments: Any) -> tuple[bool, CommandOutput]:
    """Run a command as pyinfra does for a fact."""
    return Bare().run_shell_command(StringCommand(script), **arguments)


def test_a_fact_gets_the_lines_of_both_streams_and_whether_it_succeeded() -> None:
    succeeded, output = asked("printf 'a\\n\\nb\\n'; printf 'c\\377' >&2")
    assert (succeeded, output.stdout_lines, output.stderr_lines) == (True, ["a", "", "b"], ["c\ufffd"])
    assert not asked("exit 3")[0]
    assert asked("exit 3", _success_exit_codes=[3])[0]


def test_a_host_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    succeeded, output = asked("sleep 60", _timeout=0.2)
    assert not succeeded
    assert "not answered within" in output.stderr
    monkeypatch.setattr(answers, "MAX_PARTS", 1000)
    succeeded, output = asked("yes ''|head -n 2000")
    assert not succeeded
    assert "more than 1,000 parts" in output.stderr
    monkeypatch.setattr(answers, "MAX_ANSWER", 1 << 20)
    assert "larger than 1 MiB" in asked("yes")[1].stderr


def told(script: str) -> transport.Completed:
    """Run a program on this machine as operations do."""
    here = Bare()
    here.login = getuser()
    return transport.run(here.host, Actor.ACCOUNT, here.login, script, on_line=lambda _: None)


def test_a_program_without_an_end_is_given_up_without_a_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    assert told("echo a; echo b >&2; exit 3") == transport.Completed(b"a\n", "b", 3)
    with pytest.raises(UserError, match="says more than 16 MiB"):
        told("exec yes $(printf %01000d) >&2")
    with pytest.raises(UserError, match="answer is larger than 64 MiB"):
        told("exec yes $(printf %01000d)")
    assert capfd.readouterr().err == ""


def test_nobody_is_asked_for_a_password_because_a_fact_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyinfra.connectors.util.getpass", lambda _: pytest.fail("asked for a password"))
    assert not asked("echo 'sudo: a password is required' >&2; exit 1")[0]


def test_what_a_fact_says_is_printed_without_what_a_terminal_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    monkeypatch.setattr(connection, "echo", lambda text, **_: printed.append(text))
    asked("printf '\\033]0;owned\\007\\n'", print_output=True)
    assert printed == ["\\x1b]0;owned\\x07"]


def test_a_program_that_never_answers_is_given_up() -> None:
    with pytest.raises(UserError, match="not answered within"):
        transport.run(Bare().host, Actor.ACCOUNT, "mms", "", patience=0)
