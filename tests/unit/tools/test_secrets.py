"""Editing secrets leaves no plaintext behind, whatever happens to the editor or to the command."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import pytest

from kometa_host.errors import UserError
from tools import editor, private_directory, secrets

PROJECT = Path(__file__).parents[3]
CANARY = "canary-4f1d"
RUN = "import sys, pathlib, tools.secrets; sys.exit(tools.secrets.main(sys.argv[2:], pathlib.Path(sys.argv[1])))"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory of this test's own."""
    if private_directory.file_system_of(SHARED_MEMORY, Path("/proc/self/mountinfo").read_text()) != "tmpfs":
        pytest.skip(f"{SHARED_MEMORY} is not in memory here")
    directory = SHARED_MEMORY / f"test-{os.getpid()}-{tmp_path.name}"
    directory.mkdir()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def project(tmp_path: Path, memory: Path) -> Path:
    """A project with an identity, recipients and no secrets yet."""
    folder = tmp_path / "project"
    folder.mkdir()
    assert secrets.main(["init"], folder) == 0
    return folder


def script(project: Path, text: str) -> str:
    """Make an editor of a shell script; $1 is the file to edit."""
    path = project.parent / "editor.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def start(project: Path, memory: Path, command: str, editor: str) -> "subprocess.Popen[str]":
    environment = os.environ | {
        "EDITOR": editor,
        "KOMETA_AGE_IDENTITY": str(project / "age-identity.txt"),
        "XDG_RUNTIME_DIR": str(memory),
        "HOME": str(project.parent / "home"),
        "PYTHONPATH": str(PROJECT),
    }
    arguments = [sys.executable, "-c", RUN, str(project), command]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        arguments,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )


def run(project: Path, memory: Path, command: str, editor: str = "true") -> tuple[int, str]:
    process = start(project, memory, command, editor)
    output, errors = process.communicate(timeout=600)
    assert "Traceback" not in errors
    return process.returncode, output + errors


def decrypted(project: Path) -> str:
    identity = (project / "age-identity.txt").read_text().splitlines()[-1]
    encrypted = (project / "secrets.yml.age").read_bytes()
    return str(pyrage.decrypt(encrypted, [pyrage.x25519.Identity.from_str(identity)]).decode())


def left_behind(memory: Path, project: Path) -> list[Path]:
    """Return files that hold the canary, and whatever is still in memory; the editor's own script does not count."""
    files = [path for path in project.parent.rglob("*") if path.is_file() and path.name != "editor.sh"]
    return [path for path in files if CANARY.encode() in path.read_bytes()] + list(memory.rglob("*"))


def wait_until_gone(memory: Path) -> None:
    for _ in range(200):
        if not list(memory.iterdir()):
            return
        time.sleep(0.05)


def test_the_first_edit_creates_the_file_and_the_second_sees_its_text(project: Path, memory: Path) -> None:
    status, output = run(project, memory, "edit", script(project, f"echo 'plextoken: {CANARY}' >>\"$1\""))
    assert (status, output.strip()) == (0, "secrets.yml.age is written, encrypted to one recipient")
    assert f"plextoken: {CANARY}" in decrypted(project)
    status, _ = run(project, memory, "edit", script(project, 'sed -i "s/^plextoken/tmdbapikey/" "$1"'))
    assert f"tmdbapikey: {CANARY}" in decrypted(project)
    assert left_behind(memory, project) == []


def test_an_unchanged_text_leaves_the_file_alone(project: Path, memory: Path) -> None:
    run(project, memory, "edit", script(project, "echo 'a: b' >>\"$1\""))
    before = (project / "secrets.yml.age").read_bytes()
    assert run(project, memory, "edit", "true") == (0, "unchanged\n")
    assert (project / "secrets.yml.age").read_bytes() == before


def test_what_an_editor_writes_elsewhere_goes_with_the_directory(project: Path, memory: Path) -> None:
    habits = f'echo {CANARY} | tee "$1.swp" "$1~" "$HOME/.viminfo" "$TMPDIR/x" "$XDG_STATE_HOME/undo" ./here >/dev/null'
    status, _ = run(project, memory, "edit", script(project, f"{habits}; echo 'a: b' >\"$1\""))
    assert status == 0
    assert left_behind(memory, project) == []


def test_the_text_is_private_while_it_is_edited(project: Path, memory: Path) -> None:
    seen = project.parent / "seen"
    text = f'stat -c %a "$1" "$(dirname "$1")" >{seen}; ulimit -c >>{seen}; env >>{seen}'
    run(project, memory, "edit", script(project, text))
    lines = seen.read_text().splitlines()
    assert lines[:3] == ["600", "700", "0"]
    assert not [line for line in lines if line.startswith("KOMETA_AGE")]


@pytest.mark.parametrize("end", ["exit 3", "kill -SEGV $$", "kill -KILL $$", 'rm "$1"'])
def test_an_editor_that_fails_changes_nothing_and_leaves_nothing(project: Path, memory: Path, end: str) -> None:
    status, output = run(project, memory, "edit", script(project, f"echo 'a: {CANARY}' >\"$1\"; {end}"))
    assert status == 1
    assert "nothing was changed" in output
    assert not (project / "secrets.yml.age").exists()
    assert left_behind(memory, project) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL])
def test_a_command_that_is_killed_leaves_nothing(project: Path, memory: Path, number: signal.Signals) -> None:
    text = f"echo 'a: {CANARY}' >\"$1\"; touch {project.parent}/ready; exec sleep 600"
    process = start(project, memory, "edit", script(project, text))
    while not (project.parent / "ready").exists():
        time.sleep(0.05)
    process.send_signal(number)
    process.wait(10)
    wait_until_gone(memory)
    assert left_behind(memory, project) == []
    assert not (project / "secrets.yml.age").exists()
    process.stdout.close(), process.stderr.close()  # type: ignore[union-attr]


def test_leftovers_of_a_killed_command_are_removed_by_the_next(project: Path, memory: Path) -> None:
    leftover = memory / "kometa-host-secrets-old"
    leftover.mkdir()
    (leftover / "secrets.yml").write_text(CANARY)
    run(project, memory, "edit")
    assert left_behind(memory, project) == []


def test_a_mistake_without_a_terminal_is_told_and_changes_nothing(project: Path, memory: Path) -> None:
    status, output = run(project, memory, "edit", script(project, f"echo 'a: *{CANARY}' >\"$1\""))
    assert status == 1
    assert "line 1" in output
    assert CANARY not in output
    assert left_behind(memory, project) == []


def test_two_edits_at_once_are_refused(project: Path, memory: Path) -> None:
    first = start(project, memory, "edit", script(project, f"touch {project.parent}/ready; exec sleep 600"))
    while not (project.parent / "ready").exists():
        time.sleep(0.05)
    status, output = run(project, memory, "edit")
    first.terminate()
    first.communicate(timeout=600)
    assert status == 1
    assert "another window" in output


def test_a_file_that_changed_meanwhile_is_not_overwritten(project: Path, memory: Path) -> None:
    other = f"echo other >{project}/secrets.yml.age; echo 'a: b' >\"$1\""
    status, output = run(project, memory, "edit", script(project, other))
    assert status == 1
    assert "meanwhile" in output
    assert (project / "secrets.yml.age").read_text() == "other\n"


def test_rekey_encrypts_to_the_present_recipients(project: Path, memory: Path) -> None:
    run(project, memory, "edit", script(project, "echo 'a: b' >\"$1\""))
    colleague = pyrage.x25519.Identity.generate()
    with (project / "secrets.recipients").open("a") as stream:
        stream.write(f"{colleague.to_public()}  \n")
    status, output = run(project, memory, "rekey")
    assert status == 0
    assert "2 recipients" in output
    assert pyrage.decrypt((project / "secrets.yml.age").read_bytes(), [colleague]) == b"a: b\n"


def test_nobody_locks_himself_out(project: Path, memory: Path) -> None:
    run(project, memory, "edit", script(project, "echo 'a: b' >\"$1\""))
    before = (project / "secrets.yml.age").read_bytes()
    (project / "secrets.recipients").write_text(f"{pyrage.x25519.Identity.generate().to_public()}\n")
    status, output = run(project, memory, "rekey")
    assert status == 1
    assert "your own public key" in output
    assert (project / "secrets.yml.age").read_bytes() == before


@pytest.mark.parametrize(("text", "found"), [("# nobody\n", "names nobody"), ("age1nonsense\n", "no valid age")])
def test_recipients_that_are_none_are_refused(project: Path, memory: Path, text: str, found: str) -> None:
    (project / "secrets.recipients").write_text(text)
    status, output = run(project, memory, "edit")
    assert status == 1
    assert found in output


def test_init_makes_a_private_identity_once(project: Path) -> None:
    identity = (project / "age-identity.txt").read_bytes()
    assert (project / "age-identity.txt").stat().st_mode & 0o777 == 0o600
    assert secrets.main(["init"], project) == 1
    assert (project / "age-identity.txt").read_bytes() == identity


def test_commands_that_are_none_are_told_the_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert secrets.main(["destroy"], tmp_path) == 2
    assert "usage" in capsys.readouterr().err


def test_a_directory_on_a_disk_is_not_used() -> None:
    with pytest.raises(UserError, match="no directory in memory"):
        private_directory.memory_directory({"XDG_RUNTIME_DIR": "/"}, mounts="")


@pytest.mark.parametrize(("name", "found"), [("code --wait", "keeps copies"), ("no-such-editor", "not found")])
def test_an_editor_that_keeps_copies_or_is_not_there_is_refused(name: str, found: str) -> None:
    with pytest.raises(UserError, match=found):
        editor.command({"EDITOR": name})


def test_a_directory_in_memory_is_known_on_other_systems_as_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    disk = "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\nmap auto_home on /System/x (autofs)\n"
    given = {"XDG_RUNTIME_DIR": str(tmp_path)}
    with pytest.raises(UserError, match="mount_tmpfs"):
        private_directory.memory_directory(given, mounts=disk)
    mounted = f"{disk}tmpfs on {tmp_path} (tmpfs, local, mounted by me)\n"
    assert private_directory.memory_directory(given, mounts=mounted) == tmp_path
