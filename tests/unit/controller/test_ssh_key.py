"""The file that ssh_key names, in whatever way it is not a key."""

import os
from pathlib import Path

import pytest

from kometa_host.controller import ssh_key


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "does not exist on this machine"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@here\n", "is a public key"),
        (b"sk-ssh-ed25519@openssh.com AAAA me@here\n", "is a public key"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "is not a private key of OpenSSH's"),
        (b"", "is not a private key of OpenSSH's"),
        (b"\x00\xff", "is not a private key of OpenSSH's"),
    ],
)
def test_what_is_no_key_is_named(content: bytes | None, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    problem = ssh_key.problem(str(path))
    assert problem
    assert problem.found == f"{path} {fault}"
    assert "name the private key" in problem.remedy


def test_neither_a_folder_nor_a_pipe_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        problem = ssh_key.problem(str(path))
        assert problem
        assert problem.found == f"{path} is not a file"


def test_a_key_is_found_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ssh_key.problem("~/key") is None


@pytest.mark.parametrize("unset", [None, ""])
def test_without_one_ssh_decides(unset: object) -> None:
    assert ssh_key.problem(unset) is None
