"""A restic repository beside the archives, on a real host: every way in and out of it, and what goes wrong with it."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

import pytest

from tests.host.backup_host import LIBRARY, SCRIPT, UNIT, BackupHost, Key, turns
from tests.host.driver import Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox
from tests.sandbox.shell import wait_until

PASSWORD = "a pass'word \"of restic's $own"  # noqa: S105
PLACE = "/srv/restic/kometa"
EMPTY = "/srv/restic/empty"  # the repository as the deploy made it
STATE = "/home/mms/.local/state/kometa-host"
NOTES = f"{STATE}/snapshot* {STATE}/repository-maintained {STATE}/repository-damaged"
CREATE, VERIFY, DRILL, PIN, UNPIN, RESTORE = (
    "operations.backup.create", "operations.backup.verify", "operations.backup.drill", "operations.backup.pin",
    "operations.backup.unpin", "operations.restore.config",
)  # fmt: skip


def pyinfra_for(host: Host, folder: Path, place: str = PLACE, **data: object) -> Pyinfra:
    """Return the command line for a host whose backups go to a repository alone."""
    settings = {
        "kometa_backup_repository": place,
        "kometa_repository_secrets": {"RESTIC_PASSWORD": PASSWORD},
        "kometa_backup_exclude": ["overlays/temp"],
    }
    return Pyinfra(folder, host, **{**settings, **data})


@pytest.fixture(scope="module")
def kept(shared: Host, tmp_path_factory: pytest.TempPathFactory) -> BackupHost:
    """The module's host with a repository, which the deploy has installed restic for and made."""
    shared.run("install -d -o mms -g mms /srv/restic")
    command = pyinfra_for(shared, tmp_path_factory.mktemp("deploy"))
    assert "Backup repository" in command.deploy()
    assert command.deploy() == set()
    shared.run(f"cp -a {PLACE} {EMPTY}")
    return BackupHost(shared, Key.make(tmp_path_factory.mktemp("key")))


@pytest.fixture
def command(kept: BackupHost, tmp_path: Path) -> Pyinfra:
    """The command line for the module's host."""
    return pyinfra_for(kept.host, tmp_path)


@pytest.fixture
def ready(kept: BackupHost) -> Iterator[BackupHost]:
    """The module's host with an empty repository, before and after each test."""
    yield kept
    kept.account(f"systemctl --user stop {UNIT}; podman unpause kometa 2>/dev/null", check=False)
    kept.host.run(f"umount -q /srv/restic; rm -rf {PLACE} {NOTES}; cp -a {EMPTY} {PLACE}")


def restic(ready: BackupHost, arguments: str, check: bool = True) -> str:
    """Run restic as the account does; return what it printed."""
    return ready.account(f"set -a; . {LIBRARY}/repository.env; restic {arguments}", check=check).stdout


def snapshots(ready: BackupHost) -> list[str]:
    """Return the ids of the snapshots that are backups, oldest first."""
    return [one["short_id"] for one in json.loads(restic(ready, "snapshots --json --no-lock --tag kometa-host")) or []]


def test_a_tree_goes_into_the_repository_and_comes_back(ready: BackupHost, command: Pyinfra) -> None:
    ready.inside(
        "rm -rf assets; mkdir -p assets overlays/temp && echo one >assets/poster && echo left >overlays/temp/left;"
        "touch -d '2025-01-01 10:00:00.7' assets/poster"
    )
    shown = command.run(CREATE, "-y").text
    [first] = snapshots(ready)
    assert re.search(rf"snapshot {first}: \d+ files, [\d.]+ \S+ added, \d+ s, Kometa was frozen for \d+\.\d+ s", shown)
    assert "the repository was checked" in shown
    assert (
        f"restic:{first} was restored into a scratch directory"
        in command.run(DRILL, f"backup=restic:{first}", "-y").text
    )
    ready.inside("echo two >assets/poster; touch assets/later; echo new >overlays/temp/left")
    assert ready.start()
    preview = command.run(RESTORE, f"backup=restic:{first}", "--dry").text
    assert 'changed: "assets/poster"' in preview
    assert 'removed: "assets/later"' in preview
    assert "not in this archive: 'overlays/temp'" in preview
    command.run(RESTORE, f"backup=restic:{first}", "-y")
    wait_for_kometa(ready.host)
    assert ready.inside("cat assets/poster overlays/temp/left; ls assets") == "one\nnew\nposter\n"
    assert ready.state() == "running"
    listed = command.run("fact", "facts.backup.Archives").text
    assert listed.count('"name": "restic:') == 2
    assert '"proved": "20' in listed
    stages = "written never\non-disk never\ncopied .* restic:.*\nchecked .* part .*\nrestored .*"
    assert re.fullmatch(rf"{stages} restic:{first}\n", ready.account(f"{SCRIPT} status").stdout)


@pytest.mark.torture
@pytest.mark.long
def test_single_paths_and_a_new_directory_take_what_a_snapshot_has(ready: BackupHost, command: Pyinfra) -> None:
    ready.inside("mkdir -p assets && echo one >assets/poster && echo one >notes.txt")
    assert ready.start()
    ready.inside("echo two >assets/poster; echo two >notes.txt")
    command.run(RESTORE, "backup=latest", "paths=assets", "-y")
    assert ready.inside("cat assets/poster notes.txt") == "one\ntwo\n"
    command.run(RESTORE, "backup=restic:latest", "destination=/home/mms/restored", "-y")
    assert ready.account("podman unshare cat restored/assets/poster restored/notes.txt").stdout == "one\none\n"
    ready.account("podman unshare rm -r restored")


@pytest.mark.long
def test_a_pinned_snapshot_stays_and_what_was_proved_of_it_too(ready: BackupHost, command: Pyinfra) -> None:
    assert ready.start()
    [first] = snapshots(ready)
    ready.account(f"echo 2026-01-01T000000Z drilled restic:{first} >>{STATE}/backup-proofs")
    leave_lock(ready)
    said = command.run(PIN, "backup=restic:latest", "-y").text
    [pinned] = snapshots(ready)
    assert f"restic:{first} is called restic:{pinned} from now on" in said
    assert ready.account(f"tail -n 1 {STATE}/backup-proofs").stdout.endswith(f" restic:{pinned}\n")
    ready.account(f"rm {STATE}/backup-proofs")
    only_last = "keep=(last=1 hourly=0 daily=0 weekly=0 monthly=0 yearly=0)"
    keep_one = f"rm -f {NOTES}; sed 's/^keep=.*/{only_last}/' {SCRIPT} >/tmp/keep-one; bash /tmp/keep-one"
    ready.account(f"{keep_one} && {keep_one}")
    assert len(snapshots(ready)) == 2
    assert pinned in snapshots(ready)
    command.run(UNPIN, f"backup=restic:{pinned}", "-y")
    ready.account(keep_one)
    assert len(snapshots(ready)) == 1


def test_the_password_is_in_one_private_file_and_nowhere_else(ready: BackupHost) -> None:
    watch = "until [ -e /tmp/over ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; sleep 0.01; done"
    watched = f"({watch}) >/tmp/arguments & systemctl --user start {UNIT}; touch /tmp/over; wait; rm /tmp/over"
    seen = ready.account(f"{watched}; cat /tmp/arguments").stdout
    assert "restic backup" in seen
    elsewhere = ready.account(f"cat {SCRIPT} ~/.config/systemd/user/kometa*; cat {STATE}/* 2>/dev/null || true").stdout
    environment = ready.account("podman exec kometa env; podman inspect kometa").stdout
    assert PASSWORD not in seen + elsewhere + environment + ready.journal()
    assert "restic" not in environment
    assert ready.account(f"stat -c %a {LIBRARY}/repository.env").stdout.strip() == "600"


def test_another_password_and_another_hosts_repository_are_refused(ready: BackupHost, tmp_path: Path) -> None:
    assert ready.start()
    other = pyinfra_for(ready.host, tmp_path, kometa_autodeploy_host="attic.lan")
    refused = other.run("operations.backup.repository", "-y", status=1).text
    assert f"holds backups of {ready.host.name} and this host is attic.lan" in refused
    wrong = pyinfra_for(ready.host, tmp_path, kometa_repository_secrets={"RESTIC_PASSWORD": "another"})
    assert "has another password than RESTIC_PASSWORD" in wrong.run("deploy.py", "-y", status=1).text
    assert pyinfra_for(ready.host, tmp_path).preview() == set()
    assert ready.start()
    assert len(snapshots(ready)) == 2


def leave_lock(ready: BackupHost, hostname: str = "") -> None:
    """Kill a restic while it has the repository locked, on this host or on one of another name."""
    script = (
        f"set -a; . {LIBRARY}/repository.env; sleep 30 2>/dev/null | restic backup -q --stdin --tag other & job=$!; "
        f"until ls {PLACE}/locks | grep -v -e -tmp- | grep -q .; do sleep 0.02; done; kill -KILL $job; wait"
    )
    account = f"cd /; runuser -u mms -- env HOME=/home/mms timeout 40 bash -c {quote(script)}"
    ready.host.run(f"unshare --uts bash -c {quote(f'hostname {hostname or ready.host.name}; {account}; true')}")
    assert ready.account(f"ls {PLACE}/locks").stdout


def assert_sound(ready: BackupHost) -> None:
    """After a fault: a backup succeeds, all that the repository has is in order, and nothing of the fault is left."""
    assert ready.state() == "running"
    ready.account(f"rm -f {STATE}/repository-maintained")
    assert ready.start(), ready.last_words()
    assert "of its data too: it is in order" in ready.last_words()
    assert "no errors were found" in restic(ready, "check --read-data")
    assert snapshots(ready)
    assert not json.loads(restic(ready, "snapshots --json --tag kometa-host-warm"))
    # What restic was writing when it was cut off is no lock, and in nobody's way.
    assert ready.account(f"ls {PLACE}/locks | grep -v -e -tmp- || true").stdout == ""
    assert ready.state() == "running"


@pytest.mark.long
def test_a_lock_of_ours_is_removed_and_another_hosts_is_named_and_left(ready: BackupHost) -> None:
    leave_lock(ready)
    assert_sound(ready)
    leave_lock(ready, "attic")
    assert ready.start(), "what is locked for reading takes another snapshot"
    ready.account(f"rm -f {STATE}/repository-maintained")
    assert not ready.start(check=False)
    assert re.search('has a lock: .*"hostname": "attic".* It is left alone', ready.last_words())
    assert ready.account(f"ls {PLACE}/locks").stdout != ""
    assert len(snapshots(ready)) == 3
    assert ready.state() == "running"


def test_a_repository_that_lost_a_pack_says_so_until_it_is_in_order(ready: BackupHost, command: Pyinfra) -> None:
    assert ready.start()
    ready.account(f"find {PLACE}/data -type f -delete; rm {STATE}/repository-maintained")
    assert not ready.start(check=False)
    assert "kometa_backup_repository is damaged" in ready.last_words()
    assert "is whole" not in command.run(VERIFY, "-y", status=1).text
    assert not ready.start(check=False)  # and again, though a week has not passed
    assert ready.state() == "running"


@pytest.mark.long
@pytest.mark.torture
def test_what_is_new_in_a_large_way_is_read_before_the_freeze(ready: BackupHost) -> None:
    ready.inside("head -c 3000000 /dev/urandom >posters")
    little = f"sed 's/^warm_from=.*/warm_from=1000000/' {SCRIPT} >/tmp/little"
    said = ready.account(f"{little} && bash /tmp/little; rm /tmp/little").stderr
    ready.inside("rm posters")
    assert "2 MiB of the tree are new" in said
    assert re.search(r"snapshot \w+: \d+ files, 0 B added, ", said), "all of it was there before the freeze"
    assert len(snapshots(ready)) == 1
    assert_sound(ready)


def test_a_full_disk_fails_clearly_and_kometa_runs_on(ready: BackupHost) -> None:
    ready.host.run(
        f"mount -t tmpfs -o size=2m,uid=3000,gid=3000,mode=700 none /srv/restic; mount --bind / /mnt;"
        f"cp -a /mnt{EMPTY} {PLACE}; umount /mnt"
    )
    ready.inside("head -c 4000000 /dev/urandom >posters")
    assert not ready.start(check=False)
    assert "no space left on device" in ready.last_words()
    assert ready.state() == "running"
    ready.inside("rm posters")


# --- campaigns --------------------------------------------------------------------------------------------------------


def begin(ready: BackupHost, number: int) -> None:
    """Start a backup of a tree of which some megabytes are new, and wait until it is under way."""
    ready.inside(f"head -c 9000000 /dev/urandom >new-{number % 5}")
    ready.account(f"rm -f {STATE}/repository-maintained; systemctl --user reset-failed {UNIT} 2>/dev/null; true")
    ready.account(f"systemctl --user start --no-block {UNIT}")


def ended(ready: BackupHost) -> bool:
    """Return whether the backup is over."""
    shown = ready.account(f"systemctl --user show -p ActiveState --value {UNIT}").stdout.strip()
    return shown in ("inactive", "failed")


def kill_campaign(ready: BackupHost, times: int) -> None:
    """Kill a process of a backup at a random moment, that many times."""
    numbers = random.Random(times)  # noqa: S311  (not for secrets)
    for number in range(times):
        victim = numbers.choice(["-x restic", "-x bash", "-x podman", "-x find", "-f '^python3 -I'"])
        begin(ready, number)
        wait = f"sleep {numbers.uniform(0, 3):.2f}; for i in $(seq 40); do"
        ready.account(f"{wait} pkill -KILL -u mms {victim} && break; sleep 0.02; done; true")
        wait_until(lambda: ended(ready), "the backup is over")
        assert_sound(ready)


@pytest.mark.torture
def test_kill_9_at_a_random_moment_and_a_power_cut_leave_nothing_in_the_way(ready: BackupHost) -> None:
    kill_campaign(ready, turns(1, 40))
    numbers = random.Random(7)  # noqa: S311
    for number in range(turns(1, 12)):
        begin(ready, number)
        ready.account(f"sleep {numbers.uniform(0, 3):.2f}")
        ready.host.power_cut()
        ready.host.boot()
        wait_for_kometa(ready.host)
        assert_sound(ready)


@pytest.mark.torture
@pytest.mark.long
def test_a_server_that_removes_nothing_keeps_its_snapshots(ready: BackupHost, tmp_path: Path) -> None:
    ready.host.run(
        "systemctl -q stop rest; rm -rf /srv/rest; apt-get -qq install -y restic-rest-server && "
        "systemd-run --unit=rest restic-rest-server --path /srv/rest --append-only --no-auth --listen 127.0.0.1:8000",
        timeout=300,
    )
    command = pyinfra_for(ready.host, tmp_path, "rest:http://127.0.0.1:8000/kometa/", kometa_backup_keep={"last": 1})
    command.deploy()
    assert ready.start()
    ready.account(f"rm -f {STATE}/repository-maintained")
    assert ready.start(), ready.last_words()
    assert "the repository's server removes nothing" in ready.last_words()
    assert len(snapshots(ready)) == 2
    assert "is whole" in command.run(VERIFY, "-y").text
    assert "(append-only): the snapshot is there twice now" in command.run(PIN, "backup=restic:latest", "-y").text
    ready.host.run("systemctl stop rest")
    pyinfra_for(ready.host, tmp_path).deploy()


@pytest.mark.torture
@pytest.mark.long
def test_a_friends_host_by_sftp_also_when_its_line_is_cut(ready: BackupHost, sandbox: Sandbox, tmp_path: Path) -> None:
    friend = sandbox.host("ready", name="friend")
    key = ready.account(
        "mkdir -p ~/.ssh; [ -e ~/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519; "
        "cat ~/.ssh/id_ed25519.pub"
    )
    friend.run("install -d -m 700 -o admin ~admin/.ssh; cat >>~admin/.ssh/authorized_keys", input=key.stdout.encode())
    ready.account(f"ssh-keyscan {friend.address} >~/.ssh/known_hosts 2>/dev/null")
    command = pyinfra_for(ready.host, tmp_path, f"sftp:admin@{friend.address}:kometa", kometa_backup_max_pause=20)
    command.deploy()
    assert ready.start()
    assert "is whole" in command.run(VERIFY, "-y").text
    numbers = random.Random(3)  # noqa: S311
    for number in range(turns(2, 6)):
        begin(ready, number)
        ready.account(f"sleep {numbers.uniform(0.5, 3):.2f}")
        friend.cut_line()
        wait_until(lambda: ready.state() == "running", "Kometa runs again though nobody answers")
        wait_until(lambda: ended(ready), "the backup is over", 400)
        friend.mend_line()
        assert ready.start(), ready.last_words()
    assert "no errors were found" in restic(ready, "check --read-data")
    friend.destroy()
    pyinfra_for(ready.host, tmp_path).deploy()


@contextmanager
def s3(address: str, folder: Path) -> Iterator[str]:
    """Run an S3 server on this machine, from a package that is installed for that; yield the repository's address."""
    python = folder / "moto" / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", str(folder / "moto")], check=True)
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), "moto[server,s3]>=5,<6"], check=True)
    server = subprocess.Popen(
        [str(python.with_name("moto_server")), "-H", address, "-p", "5055"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    bucket = f"{address}:5055/kometa-backups"
    make = [
        "curl",
        "-fsS",
        "--retry",
        "60",
        "--retry-delay",
        "1",
        "--retry-connrefused",
        "-X",
        "PUT",
        f"http://{bucket}",
    ]
    try:
        subprocess.run(make, check=True, capture_output=True)
        yield f"s3:http://{bucket}"
    finally:
        server.terminate()
        server.wait()


@pytest.mark.torture
@pytest.mark.long
def test_a_host_that_is_gone_comes_back_on_a_new_one_from_s3_alone(
    ready: BackupHost, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Disaster recovery in the five commands of docs/restore.md, with a bucket that outlives the host."""
    gone = ready.host
    secrets = {"RESTIC_PASSWORD": PASSWORD, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s3cret"}
    with s3(gone.session.gateway, tmp_path) as place:
        data = {"kometa_repository_secrets": secrets}
        pyinfra_for(gone, tmp_path, place, **data).deploy()
        ready.inside("echo precious >notes.txt; mkdir -p assets; head -c 3000000 /dev/urandom >assets/poster")
        assert ready.start(), ready.last_words()
        digest = ready.inside("sha256sum notes.txt assets/poster config.yml")
        gone.power_cut()
        new = sandbox.host("ready", name="new")
        new.name = gone.name  # in inventory.py: the old one's name, the new one's address
        command = pyinfra_for(new, tmp_path, place, **data)
        command.deploy()
        command.run(RESTORE, "backup=restic:latest", "-y")
        command.deploy()
        command.run("fact", "facts.kometa.Status")
        found = BackupHost(new, ready.key)
        assert found.state() == "running"
        assert found.inside("sha256sum notes.txt assets/poster config.yml") == digest
        assert found.start(), found.last_words()
        assert len(snapshots(found)) == 2
        new.destroy()
        gone.boot()
    pyinfra_for(gone, tmp_path).deploy()
