"""What a connection is made with; tests/host/test_connection.py has a real sshd."""

from pathlib import Path

import pytest
from pyinfra.api.exceptions import ConnectError

from kometa_host.controller.ssh_config import Given
from operations.engine import connection


def test_a_machine_without_ssh_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConnectError, match="Install the OpenSSH client"):
        connection._settings(Given("tower"))


def test_settings_that_ssh_itself_refuses_are_said_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("NoSuchSetting yes\n")
    with pytest.raises(ConnectError, match=r"cannot be used: .*[Bb]ad configuration option"):
        connection._settings(Given("tower", config_file=str(tmp_path / "config")))
