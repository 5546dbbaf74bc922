"""A restic repository beside the archives, on a real host: every way in and out of it, and what goes wrong with it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.backup_host import SCRIPT, UNIT, BackupHost, Key
from tests.host.driver import CONFIG, Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox

pytestmark = pytest.mark.unproven

PASSWORD = "a pass'word \"of restic's $own"  # noqa: S105
PLACE = "/srv/restic/kometa"
STATE = "/home/mms/.local/state/kometa-host"
CREATE, VERIFY, DRILL, RESTORE = (
    "operations.backup.create", "operations.backup.verify", "operations.backup.drill", "operations.restore.config",
)  # fmt: skip


def pyinfra_for(host: Host, folder: Path, place: str = PLACE, **data: object) -> Pyinfra:
    """Return the command line for a host whose backups go to a repository alone."""
    secrets = {"RESTIC_PASSWORD": PASSWORD}
    return Pyinfra(folder, host, **{"kometa_backup_repository": place, "kometa_repository_secrets": secrets, **data})


@pytest.fixture(scope="module")
def kept(shared: Host, tmp_path_factory: pytest.TempPathFactory) -> BackupHost:
    """The module's host with a repository, which the deploy has installed restic for and made."""
    shared.run("install -d -o mms -g mms /srv/restic")
    command = pyinfra_for(shared, tmp_path_factory.mktemp("deploy"))
    assert "Backup repository" in command.deploy()
    assert command.deploy() == set()
    return BackupHost(shared, Key.make(tmp_path_factory.mktemp("key")))


@pytest.fixture
def command(kept: BackupHost, tmp_path: Path) -> Pyinfra:
    """The command line for the module's host."""
    return pyinfra_for(kept.host, tmp_path)


@pytest.fixture
def ready(kept: BackupHost, command: Pyinfra) -> Iterator[BackupHost]:
    """The module's host with a sound repository, before and after each test."""
    yield kept
    kept.account(f"systemctl --user stop {UNIT}; podman unpause kometa 2>/dev/null", check=False)
    kept.host.run(f"rm -rf {PLACE} {STATE}/repository*; umount -q /srv/restic || true")
    command.deploy()


def restic(ready: BackupHost, arguments: str, check: bool = True) -> str:
    """Run restic as the account does; return what it printed."""
    library = "/home/mms/.local/lib/kometa-host"
    return ready.account(f"set -a; . {library}/repository.env; restic {arguments}", check=check).stdout


def snapshots(ready: BackupHost) -> list[str]:
    """Return the ids of the snapshots that are backups, oldest first."""
    return [one["short_id"] for one in json.loads(restic(ready, "snapshots --json --tag kometa-host")) or []]


def test_a_tree_goes_into_the_repository_and_comes_back(ready: BackupHost, command: Pyinfra) -> None:
    ready.inside("mkdir -p assets && echo one >assets/poster && touch -d '2025-01-01 10:00:00.7' assets/poster")
    shown = command.run(CREATE, "-y").text
    [first] = snapshots(ready)
    assert re.search(rf"snapshot {first}: \d+ files, .* added, \d+ s, Kometa was frozen for \d+\.\d+ s", shown)
    assert "the repository was checked" in shown
    assert f"restic:{first} is whole" in command.run(VERIFY, "-y").text
    assert (
        f"restic:{first} was restored into a scratch directory" in command.run(DRILL, "backup=restic:latest", "-y").text
    )
    ready.inside("echo two >assets/poster; touch assets/later")
    assert ready.start()
    assert len(snapshots(ready)) == 2
    preview = command.run(RESTORE, f"backup=restic:{first}", "--dry").text
    assert "0 added, 1 changed, 1 removed" in preview or '"assets/later"' in preview
    command.run(RESTORE, f"backup=restic:{first}", "-y")
    wait_for_kometa(ready.host)
    assert ready.inside("cat assets/poster; ls assets") == "one\nposter\n"
    assert ready.state() == "running"
    listed = command.run("fact", "facts.backup.Archives").text
    assert listed.count('"name": "restic:') == 2
    assert '"proved": "20' in listed


def test_the_password_is_in_one_private_file_and_nowhere_else(ready: BackupHost, command: Pyinfra) -> None:
    watch = "for i in $(seq 400); do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; sleep 0.01; done"
    seen = ready.account(f"({watch}) >/tmp/arguments & systemctl --user start {UNIT}; wait; cat /tmp/arguments").stdout
    assert "restic backup" in seen
    elsewhere = ready.account(f"cat {SCRIPT} ~/.config/systemd/user/kometa*; cat {STATE}/* 2>/dev/null || true").stdout
    environment = ready.account("podman exec kometa env; podman inspect kometa").stdout
    assert PASSWORD not in seen + elsewhere + environment + ready.journal()
    assert "restic" not in environment
    assert ready.account("stat -c %a ~/.local/lib/kometa-host/repository.env").stdout.strip() == "600"


def test_another_password_and_another_hosts_repository_are_refused(ready: BackupHost, tmp_path: Path) -> None:
    assert ready.start()
    wrong = pyinfra_for(ready.host, tmp_path, kometa_repository_secrets={"RESTIC_PASSWORD": "another"})
    refused = wrong.run("deploy.py", "-y", status=1).text
    assert "has another password than RESTIC_PASSWORD" in refused
    other = pyinfra_for(ready.host, tmp_path, kometa_autodeploy_host="attic.lan").run("deploy.py", "-y", status=1).text
    assert f"holds backups of {ready.host.name} and this host is attic.lan" in other
    assert len(snapshots_with(ready, PASSWORD)) == 1


def snapshots_with(ready: BackupHost, password: str) -> list[object]:
    """Return the snapshots that somebody with the password sees."""
    quoted = password.replace("'", "'\\''")
    told = ready.account(f"RESTIC_PASSWORD='{quoted}' restic -r {PLACE} snapshots --json --no-lock").stdout
    found: list[object] = json.loads(told)
    return found


def leave_lock(ready: BackupHost) -> None:
    """Kill restic while it has a lock, which stops whatever wants the repository for itself."""
    wait = "until ls /srv/restic/kometa/locks | grep -q .; do sleep 0.05; done; sleep 1; kill -9 $p"
    restic(ready, f"backup -q --stdin --tag other < <(exec sleep 30) & p=$!; {wait}; wait", check=False)


def test_a_run_that_was_killed_leaves_nothing_in_the_way_of_the_next(ready: BackupHost) -> None:
    kill = (
        f"systemctl --user start --no-block {UNIT}; for i in $(seq 500); do pgrep -u mms -x restic >/dev/null && "
        f"break; sleep 0.01; done; sleep 0.7; pkill -KILL -u mms -x restic && echo killed; "
        f"while systemctl --user is-active {UNIT} | grep -q activating; do sleep 0.1; done"
    )
    assert "killed" in ready.account(kill).stdout
    assert ready.state() == "running"
    leave_lock(ready)
    ready.account(f"rm -f {STATE}/repository-maintained")
    assert ready.start(), ready.last_words()
    assert "the repository was checked" in ready.last_words()
    assert ready.account(f"ls {PLACE}/locks").stdout == ""
    assert snapshots(ready)


def test_a_repository_that_lost_a_pack_says_so_until_it_is_in_order(ready: BackupHost, command: Pyinfra) -> None:
    assert ready.start()
    ready.account(f"find {PLACE}/data -type f -delete; rm {STATE}/repository-maintained")
    assert not ready.start(check=False)
    assert "kometa_backup_repository is damaged" in ready.last_words()
    assert "every piece of it" not in command.run(VERIFY, "-y", status=1).text
    assert not ready.start(check=False)  # and again, though a week has not passed
    assert ready.state() == "running"


def test_what_is_left_out_stays_as_it_stands(ready: BackupHost, command: Pyinfra) -> None:
    ready.inside(
        "mkdir -p assets overlays/temp overlays/keep; echo 1 >assets/p; echo 2 >overlays/temp/t; "
        "echo 3 >overlays/keep/k"
    )
    command.deploy("--data", 'kometa_backup_exclude=["assets", "overlays/temp"]')
    assert ready.start()
    assert "not in this archive: 'assets', 'overlays/temp'" in command.run(VERIFY, "-y").text
    assert "entries are the same" in command.run(DRILL, "-y").text
    ready.inside("echo new >assets/p; rm -r overlays/keep")
    command.run(RESTORE, "backup=restic:latest", "-y")
    assert ready.inside("cat assets/p overlays/temp/t overlays/keep/k") == "new\n2\n3\n"


def test_a_full_disk_fails_clearly_and_kometa_runs_on(ready: BackupHost, command: Pyinfra) -> None:
    ready.host.run(
        "mount -t tmpfs -o size=2m,uid=3000,gid=3000,mode=700 none /srv/restic; rm -f " + f"{STATE}/repository"
    )
    command.deploy()
    ready.inside("head -c 4000000 /dev/urandom >posters")
    assert not ready.start(check=False)
    assert "no space left on device" in ready.last_words()
    assert ready.state() == "running"
    ready.inside("rm posters")


@pytest.mark.torture
def test_a_server_that_removes_nothing_keeps_its_snapshots(ready: BackupHost, tmp_path: Path) -> None:
    ready.host.run(
        "apt-get -qq install -y restic-rest-server && systemd-run --unit=rest restic-rest-server --path /srv/rest "
        "--append-only --no-auth --listen 127.0.0.1:8000"
    )
    command = pyinfra_for(ready.host, tmp_path, "rest:http://127.0.0.1:8000/kometa/")
    command.deploy()
    assert ready.start()
    assert "the repository's server removes nothing" in ready.last_words()
    assert "is whole" in command.run(VERIFY, "-y").text


@pytest.mark.torture
def test_a_friends_host_by_sftp(ready: BackupHost, sandbox: Sandbox, tmp_path: Path) -> None:
    friend = sandbox.host("ready", name="friend")
    key = ready.account(
        "mkdir -p ~/.ssh; ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519; cat ~/.ssh/id_ed25519.pub"
    )
    friend.run("install -d -m 700 -o admin ~admin/.ssh; cat >>~admin/.ssh/authorized_keys", input=key.stdout.encode())
    ready.account(f"ssh-keyscan {friend.address} >~/.ssh/known_hosts")
    command = pyinfra_for(ready.host, tmp_path, f"sftp:admin@{friend.address}:kometa")
    command.deploy()
    assert ready.start()
    assert "is whole" in command.run(VERIFY, "-y").text
    friend.destroy()


def test_the_new_host_is_the_old_one_again(ready: BackupHost, command: Pyinfra) -> None:
    """Disaster recovery from the repository alone: the tree is gone, a deploy and a restore bring it back."""
    ready.inside("echo precious >notes.txt")
    assert ready.start()
    ready.host.run(f"rm -rf {STATE}/repository* {STATE}/snapshot* /home/mms/.cache/restic")
    ready.account("systemctl --user stop kometa")
    ready.account(f"podman unshare rm -rf {CONFIG}")
    command.deploy()
    command.run(RESTORE, "backup=restic:latest", "-y")
    assert ready.inside("cat notes.txt") == "precious\n"
