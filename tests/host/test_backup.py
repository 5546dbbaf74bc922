"""Backups on a real host: whole, private, consistent, and what happens when anything goes wrong meanwhile.

W1 to W18 are the faults of the stack that this one replaces; each has its test.
"""

import json
import os
import random
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from kometa_host.archive import names
from tests.host.backup_host import (
    BACKUPS,
    LIBRARY,
    MARKER,
    SCRIPT,
    SHIMS,
    UNIT,
    WRITTEN,
    BackupHost,
    Key,
    odd_tree,
    turns,
)  # fmt: skip
from tests.host.driver import CONFIG, Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox
from tests.sandbox.shell import wait_until

OWNER = 102_999  # 3000 inside the namespace
CREATE, VERIFY, DRILL, PIN, UNPIN = (
    f"operations.backup.{name}" for name in ("create", "verify", "drill", "pin", "unpin")
)
LOCK = "~/.local/state/kometa-host/lock"
TAKEN = f"while flock -n {LOCK} true; do sleep 0.1; done"  # waits until somebody has it
# The processes of a backup, as pgrep is asked for them; the last asks Podman.
PIPELINE = ("-x bash", "-x podman", "-x find", "-x tar", "-x zstd", "-x age", "-x sleep", "-f '^python3 -I'")


class Pings:
    """A server that is pinged; secret is part of its URL."""

    secret = "b7c1-secret-id"  # noqa: S105

    def __init__(self, address: str) -> None:
        self.paths: list[str] = []
        paths = self.paths

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                paths.append(self.path)
                self.send_response(200)
                self.end_headers()

            def do_POST(self) -> None:
                # What is told of runs, with a text, is not counted here; see test_watch.py.
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = HTTPServer((address, 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{address}:{self.server.server_port}/{self.secret}"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """The identity that opens the module's archives."""
    return Key.make(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def pings(shared: Host) -> Iterator[Pings]:
    """What kometa_notify_url of the module's host leads to."""
    server = Pings(shared.session.gateway)
    yield server
    server.server.shutdown()


@pytest.fixture
def command(shared: Host, key: Key, pings: Pings, tmp_path: Path) -> Pyinfra:
    """The command line for the module's host."""
    return Pyinfra(tmp_path, shared, kometa_backup_recipients=[key.recipient], kometa_notify_url=pings.url)


@pytest.fixture(scope="module")
def kept(shared: Host, key: Key, pings: Pings, tmp_path_factory: pytest.TempPathFactory) -> BackupHost:
    """The module's host, with backups, text to be found in leaks and some megabytes to read."""
    data = {"kometa_backup_recipients": [key.recipient], "kometa_notify_url": pings.url}
    Pyinfra(tmp_path_factory.mktemp("deploy"), shared, **data).deploy()
    made = BackupHost(shared, key)
    (made.tree / "notes.txt").write_text(MARKER)
    (made.tree / "posters").write_bytes(os.urandom(24_000_000))
    for name in ("notes.txt", "posters"):
        os.lchown(made.tree / name, OWNER, OWNER)
    return made


@pytest.fixture
def ready(kept: BackupHost) -> Iterator[BackupHost]:
    """The module's host without archives, as it was before and after each test."""
    for path in kept.folder.iterdir():
        path.unlink()
    kept.good.clear()
    kept.mark()
    yield kept
    kept.host.run(f"rm -rf {SHIMS}; umount -q {BACKUPS} || true")
    kept.account("podman unpause kometa 2>/dev/null || true; systemctl --user start kometa")
    kept.account(f"systemctl --user stop {UNIT}; systemctl --user reset-failed {UNIT} 2>/dev/null || true")


# --- what a backup is -------------------------------------------------------------------------------------------------


def test_a_backup_is_whole_encrypted_and_for_the_account_alone(ready: BackupHost) -> None:  # W1, W3, W6, W16
    assert ready.start()
    [name] = ready.archives()
    report = ready.open(name)
    assert report.encrypted
    assert report.contents.has_config_yml
    listed = ready.account(f"stat -c '%a %U %n' {BACKUPS} {BACKUPS}/*").stdout.splitlines()
    assert listed == [f"700 mms {BACKUPS}", f"600 mms {BACKUPS}/{name}", f"600 mms {BACKUPS}/kometa-marks"]
    members = ready.members(name)
    assert next(iter(members)) == b"kometa"
    assert {(member.uid, member.gid) for member in members.values()} == {(3000, 3000)}
    ready.assert_sound()


def test_the_unit_says_what_it_made_and_pings_start_and_success(ready: BackupHost, pings: Pings) -> None:
    pings.paths.clear()
    assert ready.start()
    [name] = ready.archives()
    assert re.search(rf"{name}: \d+ bytes, \d+ s, Kometa was frozen for \d+\.\d\d\d s", ready.last_words())
    assert pings.paths == [f"/{pings.secret}/start", f"/{pings.secret}"]


def test_the_secret_url_is_in_no_unit_script_journal_or_argument(ready: BackupHost, pings: Pings) -> None:
    watch = ready.shim("curl", '#!/bin/sh\necho "$0 $*" >>/tmp/arguments\nexec /usr/bin/curl "$@"\n')
    ready.by_hand(watch)
    seen = ready.account(f"cat {SCRIPT} ~/.config/systemd/user/kometa* /tmp/arguments").stdout + ready.journal()
    assert "curl" in seen
    assert pings.secret not in seen
    assert ready.account(f"stat -c %a {LIBRARY}/notify-url").stdout.strip() == "600"


def test_create_shows_name_size_and_duration_and_verify_and_drill_agree(
    ready: BackupHost, command: Pyinfra, key: Key
) -> None:  # W18
    shown = command.run(CREATE, "-y").text
    [name] = ready.archives()
    assert re.search(rf"{name}: \d+ bytes, \d+ s", shown)
    before = ready.listing()
    # Anybody who can write there can put another name before it.
    ready.account(f"cp {BACKUPS}/{name} {BACKUPS}/kometa-2099-01-01T000000Z.tar.zst.age")
    verified = command.run(VERIFY, f"identity={key.path}", "-y").text
    assert f"{name} is whole" in verified
    assert f"{name} is as this host wrote it" in verified
    forged = "backup=kometa-2099-01-01T000000Z.tar.zst.age"
    refused = command.run(VERIFY, forged, f"identity={key.path}", "-y", status=1).text
    assert f"is what this host wrote as {name}, under another name" in refused
    ready.account(f"rm {BACKUPS}/kometa-2099-01-01T000000Z.tar.zst.age")
    assert "config.yml is in it; made" in verified
    drilled = command.run(DRILL, f"identity={key.path}", "-y").text
    assert "entries are the same" in drilled
    assert ready.listing() == before
    assert ready.account("ls -A ~/config").stdout.split() == ["kometa"]
    assert f" drilled {name}" in ready.account("cat ~/.local/state/kometa-host/backup-proofs").stdout
    facts = command.run("fact", "facts.backup.Archives").text
    assert f'"name": "{name}"' in facts
    assert '"complete": true' in facts
    stages = command.run("fact", "facts.backup.Stages").text
    assert stages.count(f'"name": "{name}"') == 4
    assert '"copied": null' in stages


def test_verify_refuses_a_damaged_archive_and_changes_nothing(ready: BackupHost, command: Pyinfra, key: Key) -> None:
    assert ready.start()
    [name] = ready.archives()
    path = ready.folder / name
    data = path.read_bytes()
    path.write_bytes(data[:-100_000])
    refused = command.run(VERIFY, f"backup={name}", f"identity={key.path}", "-y", status=1).text
    assert name in refused
    assert "cut" in refused
    assert path.stat().st_size == len(data) - 100_000


def test_a_host_with_other_ids_restores_it_by_hand_with_three_tools(
    ready: BackupHost, sandbox: Sandbox, key: Key
) -> None:
    odd_tree(ready.tree, OWNER)
    try:
        assert ready.start()
        ready.assert_sound()
        expected = ready.listing()
        other = sandbox.host("ready", name="elsewhere")
        other.run("useradd -m -u 4321 mms; usermod --del-subuids 100000-165535 --del-subgids 100000-165535 mms")
        other.run("usermod --add-subuids 700000-765535 --add-subgids 800000-865535 mms; loginctl enable-linger mms")
        other.run("while ! [ -S /run/user/4321/bus ]; do sleep 0.1; done; mkdir -p ~mms/config; chown mms: ~mms/config")
        shutil.copy(ready.folder / ready.newest(), other.tree / "srv/archive")
        shutil.copy(key.path, other.tree / "srv/key")
        other.run("chmod 644 /srv/*")
        by_hand = "set -o pipefail; age -d -i /srv/key /srv/archive | zstd -d | podman unshare tar -x -C ~/config"
        other.run(by_hand, user="mms")
        elsewhere = BackupHost(other, key).listing("/home/mms/config/kometa")
        other.destroy()
        unset = [record.replace(b"f 4755", b"f 755") for record in expected]
        assert sorted(unset) == elsewhere
    finally:
        shutil.rmtree(ready.tree / "odd")


def test_fifos_and_sockets_are_left_out_and_named(ready: BackupHost) -> None:
    ready.inside("mkfifo pipe; chown 3000:3000 pipe")
    ready.host.run(f"perl -e 'use IO::Socket::UNIX; IO::Socket::UNIX->new(Local => \"{CONFIG}/socket\", Listen => 1)'")
    try:
        assert ready.start()
        assert "left out, neither file, directory nor link: pipe" in ready.last_words()
        assert "left out, neither file, directory nor link: socket" in ready.last_words()
        assert not {b"kometa/pipe", b"kometa/socket"} & set(ready.members(ready.newest()))
    finally:
        for name in ("pipe", "socket"):
            (ready.tree / name).unlink()


@pytest.mark.torture
def test_the_sqlite_cache_is_consistent_while_something_in_the_container_writes_to_it(ready: BackupHost) -> None:
    # The container's writer stands for Kometa: two files that always agree at rest, as a database and its journal do.
    writer = (
        "while :; do n=$((n + 1)); printf %09d $n >/config/one.new; cat /config/one.new >/config/two.new; "
        "mv /config/one.new /config/one; mv /config/two.new /config/two; done"
    )
    ready.account(f"podman exec -d kometa sh -c '{writer}'")
    for _ in range(turns(2, 10)):
        assert ready.start()
        ready.account(
            f"rm -rf ~/look; mkdir ~/look; age -d -i - {BACKUPS}/{ready.newest()} <<'E' | zstd -dq | tar -x -C ~/look "
            f"--no-same-owner\n{ready.key.path.read_text()}E"
        )
        one, two = (ready.account(f"cat ~/look/kometa/{name}").stdout for name in ("one", "two"))
        assert int(one) - int(two) in (0, 1)
        ready.account("rm -rf ~/look")
    ready.account("systemctl --user restart kometa", timeout=200)
    for name in ("one", "two", "one.new", "two.new"):
        (ready.tree / name).unlink(missing_ok=True)
    wait_for_kometa(ready.host)


@contextmanager
def punctual(ready: BackupHost, more: str = "") -> Iterator[None]:
    """Let the timer be a second late at most, where it may be a minute; see AccuracySec= in systemd.timer(5)."""
    place = "~/.config/systemd/user/kometa-backup.timer.d"
    # Without reset-failed, the fifth restart within ten seconds is refused; see StartLimitBurst= in systemd.unit(5).
    timer = "kometa-backup.timer"
    reload = f"systemctl --user daemon-reload; systemctl --user reset-failed {timer}; systemctl --user restart {timer}"
    ready.account(f"mkdir -p {place}; printf '[Timer]\\n{more}AccuracySec=1s\\n' >{place}/soon.conf; {reload}")
    yield
    ready.account(f"rm -r {place}; {reload}")


# --- when and how -----------------------------------------------------------------------------------------------------


def test_the_timer_makes_one_and_the_deploy_is_in_sync_before_and_after(ready: BackupHost, command: Pyinfra) -> None:
    assert command.preview() == set()
    soon = ("--data", "kometa_backup_schedule=*-*-* *:*:00/3")
    assert command.preview(*soon) == {"Timers"}
    assert command.deploy(*soon) == {"Timers"}
    with punctual(ready):
        wait_until(lambda: bool(ready.archives()), "an archive by the timer", 180)
    assert command.deploy() == {"Timers"}
    assert command.preview() == set()
    ready.assert_sound()


def test_a_timer_that_is_disabled_or_stopped_is_put_right(ready: BackupHost, command: Pyinfra) -> None:
    often = "i=0; until [ $((i+=1)) = 8 ]; do systemctl --user restart kometa-backup.timer; done || true"
    for how in ("systemctl --user disable kometa-backup.timer", "systemctl --user stop kometa-backup.timer", often):
        ready.account(how)
        assert command.preview() == {"Timers"}
        assert command.deploy() == {"Timers"}
    state = "systemctl --user is-enabled kometa-backup.timer; systemctl --user is-active kometa-backup.timer"
    assert ready.account(state).stdout.split() == ["enabled", "active"]


def test_without_recipients_backups_are_taken_away_and_nothing_is_written(
    ready: BackupHost, command: Pyinfra
) -> None:  # W5
    none = ("--data", "kometa_backup_recipients=[]")
    outcome = command.run("deploy.py", "-y", *none)
    assert "backups are not enabled" in outcome.text
    assert "kometa-backup" not in ready.account("systemctl --user list-unit-files --no-pager").stdout
    assert "backups are not enabled" in command.run(CREATE, "-y", *none, status=1).text
    assert ready.archives() == []
    command.deploy()
    ready.assert_next_is_good()


def test_recipients_that_the_hosts_age_refuses_stop_the_deploy_before_anything_changes(
    ready: BackupHost, command: Pyinfra, tmp_path: Path
) -> None:  # W2
    ready.host.run(
        "printf '#!/bin/sh\\necho malformed recipient >&2; exit 1\\n' >/usr/local/bin/age; chmod 755 /usr/local/bin/age"
    )
    try:
        both = f'["{ready.key.recipient}", "{Key.make(tmp_path).recipient}"]'
        refused = command.run("deploy.py", "-y", "--data", f"kometa_backup_recipients={both}", status=1).text
        assert "age on this host cannot encrypt to kometa_backup_recipients; nothing was changed." in refused
    finally:
        ready.host.run("rm /usr/local/bin/age")
    assert command.preview() == set()
    ready.assert_next_is_good()


@pytest.mark.parametrize("state", ["exited", "paused"])
def test_a_container_that_was_stopped_or_paused_stays_so(ready: BackupHost, state: str) -> None:  # W4, W13
    if state == "paused":
        ready.account("podman pause kometa")
    else:
        ready.account("systemctl --user stop kometa")
    before = ready.state()
    for succeeds in (True, False):
        if not succeeds:
            (ready.tree / "config.yml").rename(ready.tree / "config.yml.away")
        assert ready.start(check=False) == succeeds
        assert ready.state() == before
    (ready.tree / "config.yml.away").rename(ready.tree / "config.yml")
    assert len(ready.archives()) == 1


def test_whoever_stops_the_service_while_it_is_frozen_leaves_it_stopped_and_not_failed(ready: BackupHost) -> None:
    ready.account("podman pause kometa")
    ready.account("systemctl --user stop kometa")
    assert ready.account("systemctl --user is-failed kometa", check=False).stdout.strip() == "inactive"
    assert ready.state() == ""


@pytest.mark.long
def test_a_process_that_is_left_behind_does_not_keep_the_backup_from_its_end(ready: BackupHost) -> None:
    # It holds on to the stream of messages; age's own output is for age alone.
    shim = ready.shim("age", '#!/bin/sh\nsetsid sleep 500 >/dev/null &\nexec /usr/bin/age "$@"\n')
    ready.by_hand(f"JOURNAL_STREAM=1:1 {shim}")  # as in the unit: what is said goes through a process of its own
    ready.account("pkill -u mms -x sleep")
    assert len(ready.archives()) == 1


def test_whatever_else_writes_to_the_tree_is_frozen_too(ready: BackupHost) -> None:
    image = "lscr.io/linuxserver/kometa:latest"
    volumes = f"-v {CONFIG}/logs:/logs -v /tmp:/elsewhere"
    ready.account(
        f"podman run -d --name other --entrypoint sh {volumes} {image} -c 'while :; do date >>/logs/busy; done'"
    )
    assert ready.start()
    assert ready.account("podman inspect -f '{{.State.Status}}' other").stdout.strip() == "running"
    ready.account("podman rm -f -t 0 other")
    (ready.tree / "logs/busy").unlink(missing_ok=True)
    assert "attempt" not in ready.last_words()


def test_two_at_once_make_two_one_after_the_other(ready: BackupHost) -> None:  # W15
    patient = "until pgrep -u mms -f '[f]lock -w'; do sleep 0.1; done >/dev/null"  # until somebody waits for the lock
    slow = ready.shim("age", f'#!/bin/sh\n{patient}\nexec /usr/bin/age "$@"\n')
    ready.account(f"{slow} bash {SCRIPT} 2>~/first & {TAKEN}; systemctl --user start {UNIT}; wait")
    assert "waiting for a backup, since" in ready.last_words()
    ready.account("rm ~/first")
    ready.assert_sound()


def test_whoever_waits_in_vain_leaves_the_freeze_of_the_other_alone(ready: BackupHost) -> None:
    slow = ready.shim("age", '#!/bin/sh\nuntil [ -e ~/over ]; do sleep 0.1; done\nexec /usr/bin/age "$@"\n')
    impatient = f"sed s/^lock_wait=.*/lock_wait=1/ {SCRIPT} >~/impatient; bash ~/impatient; bash {SCRIPT} finish"
    watch = "podman inspect -f '{{.State.Status}}' kometa"
    frozen = f'until [ "$({watch})" = paused ]; do sleep 0.1; done'
    done = ready.account(
        f"{slow} bash {SCRIPT} 2>&1 & {frozen}; {impatient}; {watch}; touch ~/over; wait; rm ~/impatient ~/over",
        check=False,
    )
    assert done.stdout.splitlines()[0] == "paused"
    assert len(ready.archives()) == 1
    ready.assert_sound()


def test_whoever_waits_in_vain_is_told_who_holds_the_lock(ready: BackupHost) -> None:
    hold = f"echo 'a deploy, since noon' >{LOCK}.holder; flock {LOCK} sh -c 'until [ -e ~/over ]; do sleep 0.1; done'"
    impatient = f"sed s/^lock_wait=.*/lock_wait=1/ {SCRIPT} | bash"
    over = "status=$?; touch ~/over; wait; rm ~/over; exit $status"
    done = ready.account(f"({hold}) & {TAKEN}; {impatient}; {over}", check=False)
    assert done.returncode == 1
    assert "the host is busy: a deploy, since noon holds its lock" in done.stderr
    ready.assert_sound()


# --- retention --------------------------------------------------------------------------------------------------------


def test_retention_keeps_what_it_shall_and_never_touches_what_is_foreign(ready: BackupHost) -> None:  # W9-W12
    previous = [f"kometa-2025-0{month}-{day:02}.tar.zst.age" for month in (1, 2) for day in range(1, 29)]
    ours = [f"kometa-2026-10-{day:02}T080000Z.tar.zst.age" for day in range(1, 31)]
    foreign = ["kometa-latest.tar.zst.age", "radarr-2025-01-01.tar.zst.age", "notes", "kometa-2025-02-31.tar.zst.age"]
    for name in [*previous, *ours, *foreign]:
        (ready.folder / name).write_text("content")
        os.lchown(ready.folder / name, 3000, 3000)
    ready.start()
    left = {path.name for path in ready.folder.iterdir()}
    assert set(foreign) <= left
    new = max(names_ for names_ in left if names.parse(names_))
    assert (ready.folder / new).stat().st_size > 1_000_000
    assert len(left) < 7 + 4 + 6 + len(foreign) + 1
    assert "deleted kometa-2026-10-02T080000Z.tar.zst.age" in ready.last_words()
    for path in ready.folder.iterdir():
        path.unlink()


def started_by_the_timer(ready: BackupHost) -> str:
    """Let the timer start a backup at once; return the archive's name."""
    before = set(ready.archives())
    with punctual(ready, "OnActiveSec=1\\n"):
        wait_until(lambda: bool(set(ready.archives()) - before), "the timer's backup")
    ready.account(f"while systemctl --user is-active {UNIT} | grep -q activating; do sleep 0.1; done")
    [name] = set(ready.archives()) - before
    return name


def test_what_is_made_by_hand_pushes_out_nothing_and_a_pinned_one_stays(ready: BackupHost, command: Pyinfra) -> None:
    wait_until(lambda: f"{datetime.now(UTC):%H:%M}" < "23:55", "a new day by UTC, by which retention counts", 600)
    night = started_by_the_timer(ready)
    own = [ready.newest() for _ in range(2) if ready.start()]
    assert ready.archives() == [night, *own]
    later = started_by_the_timer(ready)
    assert ready.archives() == [*own, later]
    command.run(PIN, f"backup={later}", "-y")
    missing = command.run(PIN, "backup=kometa-2020-01-01.tar.zst", "-y", status=1).text
    assert "there is no archive kometa-2020-01-01.tar.zst" in missing
    last = started_by_the_timer(ready)
    assert ready.archives() == [*own, later, last]
    facts = json.loads(command.run("fact", "facts.backup.Archives", "--json").output.splitlines()[-1])
    [listed] = facts["facts.backup.Archives"].values()
    assert {one["name"]: (one["by_hand"], one["pinned"]) for one in listed} == {
        **dict.fromkeys(own, (True, False)),
        later: (False, True),
        last: (False, False),
    }
    command.run(UNPIN, f"backup={later}", "-y")
    assert started_by_the_timer(ready) == ready.newest()
    assert later not in ready.archives()
    assert "pinned" not in ready.account(f"cat {BACKUPS}/kometa-marks").stdout


def test_a_failed_backup_deletes_nothing(ready: BackupHost) -> None:  # W7
    for day in range(1, 29):
        (ready.folder / f"kometa-2026-10-{day:02}T080000Z.tar.zst.age").write_text("content")
    before = sorted(ready.folder.iterdir())
    broken = ready.shim("zstd", "#!/bin/sh\ncat >/dev/null\nexit 1\n")
    assert ready.by_hand(broken, check=False).returncode == 1
    assert sorted(ready.folder.iterdir()) == before


# --- what goes wrong --------------------------------------------------------------------------------------------------


def assert_refused(ready: BackupHost, pings: Pings, reason: str) -> None:
    """The unit fails, says why, pings failure, and leaves nothing behind."""
    pings.paths.clear()
    assert not ready.start(check=False)
    assert reason in ready.last_words()
    assert pings.paths[-1] == f"/{pings.secret}/fail"
    assert pings.paths.count(f"/{pings.secret}") == 0


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_a_full_target_fails_clearly(ready: BackupHost, pings: Pings, moment: str) -> None:
    ready.host.run(f"mount -t tmpfs -o size=10m,uid=3000,gid=3000,mode=700 none {BACKUPS}")
    reason = "No space left on device"
    ready.account(f"truncate -s 4T {BACKUPS}/kometa-2020-01-01T000000Z.tar.zst.age")  # a name is no size
    if moment == "before":
        ready.account(f"printf '%064d 20971520 a\\n' 0 >>{WRITTEN}")
        reason = "MiB free, and the last archive takes 21 MiB"
    else:
        ready.account(f"rm -f {WRITTEN}")
    assert_refused(ready, pings, reason)
    left = ready.account(f"ls -A {BACKUPS}").stdout.split()
    assert left == ["kometa-2020-01-01T000000Z.tar.zst.age"]
    ready.host.run(f"umount {BACKUPS}")
    ready.assert_next_is_good()


def test_a_read_only_target_fails_clearly(ready: BackupHost, pings: Pings) -> None:
    ready.host.run(f"mount -t tmpfs -o ro,uid=3000,gid=3000,mode=700 none {BACKUPS}")
    assert_refused(ready, pings, f"{BACKUPS} cannot be written to: Read-only file system")
    ready.host.run(f"umount {BACKUPS}")
    ready.assert_next_is_good()


def test_a_missing_mount_fails_before_anything_is_written(
    ready: BackupHost, command: Pyinfra, pings: Pings
) -> None:  # W14
    mounted = ("--data", f"kometa_backup_mount={BACKUPS}")
    outcome = command.run("deploy.py", "-y", *mounted).text
    assert f"{BACKUPS} is not mounted" in outcome
    assert_refused(ready, pings, f"{BACKUPS} is not mounted")
    assert list(ready.folder.iterdir()) == []
    ready.host.run(f"mount -t tmpfs -o uid=3000,gid=3000,mode=700 none {BACKUPS}")
    assert ready.start()
    assert names.parse(ready.account(f"ls {BACKUPS}").stdout.split()[0])
    ready.host.run(f"umount {BACKUPS}")
    command.deploy()
    ready.assert_next_is_good()


def test_a_missing_program_fails_clearly(ready: BackupHost, pings: Pings) -> None:
    ready.host.run("mv /usr/bin/age /usr/bin/age.away")
    try:
        assert_refused(ready, pings, "the program age is missing on this host")
    finally:
        ready.host.run("mv /usr/bin/age.away /usr/bin/age")
    ready.assert_next_is_good()


@pytest.mark.parametrize("program", ["tar", "zstd", "age", "find"])
def test_the_status_of_every_stage_counts(ready: BackupHost, program: str) -> None:  # W2, W3
    # Each does its work and only then fails: the file alone would show nothing.
    broken = ready.shim(program, f'#!/bin/sh\n/usr/bin/{program} "$@"\n[ "$*" = "${{*%print0*}}" ] || exit 5\n'
                        if program == "find" else f'#!/bin/sh\n/usr/bin/{program} "$@"\nexit 5\n')  # fmt: skip
    done = ready.by_hand(broken, check=False)
    assert done.returncode == 1
    assert "no backup was made" in done.stderr
    assert list(ready.folder.iterdir()) == []
    ready.assert_sound()


def test_a_file_that_vanishes_once_is_met_by_another_attempt(ready: BackupHost) -> None:  # W4
    once = ready.shim(
        "find",
        '#!/bin/sh\n/usr/bin/find "$@"\ncase "$*" in *print0*) '
        'if [ -e /tmp/once ]; then rm /tmp/once; printf "./vanished\\0"; fi ;; esac\n',
    )
    ready.inside("touch /tmp/once")
    done = ready.by_hand(once)
    assert "vanished" in done.stderr
    assert "attempt 1 of 3" in done.stderr
    assert len(ready.archives()) == 1
    ready.assert_sound()


def test_a_file_that_always_changes_is_named_and_no_archive_is_kept(ready: BackupHost) -> None:
    shim = ready.shim(
        "tar", '#!/bin/sh\n/usr/bin/tar "$@"\necho "tar: ./posters: file changed as we read it" >&2\nexit 1\n'
    )
    done = ready.by_hand(shim, check=False)
    assert done.returncode == 1
    assert "./posters: file changed as we read it" in done.stderr
    assert "could not be read at rest" in done.stderr
    assert list(ready.folder.iterdir()) == []
    ready.assert_sound()


def test_a_container_that_is_thawed_meanwhile_spoils_the_attempt(ready: BackupHost) -> None:
    frozen = "[ \"$(podman inspect -f '{{.State.Status}}' kometa)\" = paused ]"
    thawing = (
        f"if [ ! -e ~/once ]; then touch ~/once; until {frozen}; do sleep 0.1; done; podman unpause kometa >&2; fi"
    )
    once = ready.shim("zstd", f'#!/bin/sh\n{thawing}\nexec /usr/bin/zstd "$@"\n')
    done = ready.by_hand(once)
    ready.account("rm ~/once")
    assert "started or thawed meanwhile" in done.stderr
    assert len(ready.archives()) == 1
    ready.assert_sound()


def test_a_freeze_that_lasts_too_long_is_given_up(ready: BackupHost) -> None:
    slow = ready.shim("age", "#!/bin/sh\nsleep 3600\n")
    short = f"sed s/^max_pause=.*/max_pause=1/ {SCRIPT} >~/short; {slow} bash ~/short"
    done = ready.account(short, check=False, timeout=300)
    assert done.returncode == 1
    assert "it was not done after kometa_backup_max_pause=1 seconds" in done.stderr
    assert list(ready.folder.iterdir()) == []
    assert "sleep 3600" not in ready.host.run("ps -eo args").stdout
    ready.account("rm ~/short")
    ready.assert_sound()


def with_clock(moment: str, how: str = "") -> str:
    """Return the command that makes a backup at a moment, which a command prints."""
    return f"sed 's/^moment_now() .*/moment_now() {{ {moment}; }}/' {SCRIPT} >~/clock; {how} bash ~/clock; rm ~/clock"


def test_a_clock_that_was_set_back_costs_no_archive(ready: BackupHost) -> None:
    assert ready.start()
    [newest] = ready.archives()
    ready.account(with_clock('date -u -d "2 days ago" +%Y-%m-%dT%H%M%SZ'))
    earlier, later = ready.archives()
    assert later == newest
    assert earlier < newest
    content = (ready.folder / newest).read_bytes()
    ready.account(with_clock(f"echo {newest[7:25]}", "timeout 4"), check=False)
    assert (ready.folder / newest).read_bytes() == content
    ready.assert_sound()


def test_a_deaf_notify_url_costs_ten_seconds_at_most_and_never_the_backup(ready: BackupHost) -> None:
    url = ready.folder.parents[3] / LIBRARY.lstrip("/") / "notify-url"
    previous = url.read_text()
    try:
        url.write_text("http://192.0.2.1/no-answer?rid=1\n")
        # Two pings; the kernel alone would try each for two minutes.
        assert ready.by_hand(timeout=120).returncode == 0
        url.write_text("http://127.0.0.1:1/\n")
        assert "could not be pinged" in ready.by_hand().stderr
    finally:
        url.write_text(previous)
    ready.assert_sound()


# --- kill -9 and power cuts -------------------------------------------------------------------------------------------


def kill_one(ready: BackupHost, which_one: str, delay: float) -> str:
    """Start the unit, kill -9 one of those processes of it so long after it appeared, and wait for the unit's end.

    Return `killed`, if there was one, and the unit's result.
    """
    which = "-o" if delay < 0.1 else "-n"
    appears = f"for i in $(seq 300); do pgrep -u mms {which_one} >/dev/null && break; done"
    script = (
        f"systemctl --user start --no-block {UNIT}; {appears}; sleep {delay:.3f}; "
        f"pkill -KILL {which} -u mms {which_one} && echo killed; "
        f"while systemctl --user is-active {UNIT} | grep -q activating; do sleep 0.1; done; "
        f"systemctl --user show {UNIT} -p Result --value"
    )
    return " ".join(ready.account(script).stdout.split())


@pytest.mark.torture
def test_kill_9_of_any_process_at_any_moment_leaves_nothing_wrong(ready: BackupHost) -> None:
    chance = random.Random(os.environ.get("KOMETA_HOST_SEED", "1"))  # noqa: S311
    assert ready.start()
    for turn in range(turns(4, 50)):
        name = PIPELINE[turn % len(PIPELINE)]
        ready.account(f"systemctl --user reset-failed {UNIT} 2>/dev/null || true")
        outcome = kill_one(ready, name, chance.uniform(0.0, 0.2))
        print(turn, name, outcome)
        wait_until(lambda: ready.state() == "running", "Kometa is thawed")
        ready.assert_sound()
    assert ready.start()
    assert ready.partials() == []
    ready.assert_sound()


@pytest.mark.torture
def test_a_power_cut_at_any_moment_leaves_nothing_wrong(ready: BackupHost) -> None:
    chance = random.Random(os.environ.get("KOMETA_HOST_SEED", "1"))  # noqa: S311
    for _ in range(turns(1, 10)):
        ready.account(f"systemctl --user start --no-block {UNIT}")
        time.sleep(chance.uniform(0.0, 0.8))
        ready.host.power_cut()
        ready.host.boot()
        wait_for_kometa(ready.host)
        ready.assert_sound()
        ready.assert_next_is_good()


@pytest.mark.torture
def test_a_hundred_thousand_files(ready: BackupHost) -> None:
    number = turns(5_000, 100_000)
    many = ready.tree / "many"
    for index in range(number):
        if index % 1000 == 0:
            folder = many / str(index)
            folder.mkdir(parents=True)
        (folder / f"{index}.yml").write_text(str(index))
    for path in (many, *many.rglob("*")):
        os.lchown(path, OWNER, OWNER)
    assert ready.start(timeout=300)
    assert ready.open(ready.newest()).contents.members > number
    shutil.rmtree(many)


@pytest.mark.torture
def test_files_that_really_change_and_vanish_never_spoil_an_archive(ready: BackupHost) -> None:
    unrest = (
        f"cd {CONFIG}; while :; do for i in 1 2 3 4 5 6 7 8 9; do echo $i >>unrest; echo >v$i; done; rm -f v*; done"
    )
    for _ in range(turns(2, 15)):
        command = f"podman unshare timeout 3 bash -c '{unrest}' & sleep 0.2; systemctl --user start {UNIT}; wait"
        ready.account(command, check=False)
        ready.assert_sound()
        ready.inside("rm -f unrest v*")
        if ready.partials():
            pytest.fail("a partial was left")
    ready.assert_next_is_good()


@pytest.mark.torture
@pytest.mark.long
def test_with_puid_0_the_files_are_the_accounts_own_and_so_are_those_in_the_archive(
    deployed: Host, key: Key, tmp_path: Path
) -> None:
    command = Pyinfra(tmp_path, deployed, kometa_puid=0, kometa_pgid=0, kometa_backup_recipients=[key.recipient])
    command.deploy()
    own = BackupHost(deployed, key)
    command.run(CREATE, "-y")
    assert {(member.uid, member.gid) for member in own.members(own.newest()).values()} == {(0, 0)}
    assert "entries are the same" in command.run(DRILL, f"identity={key.path}", "-y").text
    own.assert_sound()
