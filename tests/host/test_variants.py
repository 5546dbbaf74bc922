"""Deploys to hosts that are like those that people have. `make test-variants` takes all of them, CI the cheap ones."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.host.driver import Pyinfra
from tests.host.jumps import behind
from tests.sandbox import Host, Sandbox

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
BACKUPS = "/data/backups/config/kometa"
TIMER = "kometa-backup.timer"
WANTS_PASSWORD = {"doas": "doas takes a password from a terminal only"}  # sudo and sudo-rs ask for it
STAMP = f"/home/mms/.local/share/systemd/timers/stamp-{TIMER}"


def pyinfra(folder: Path, host: Host, **data: object) -> Pyinfra:
    """The command line, with backups and in a zone that needs no reckoning."""
    known = {"kometa_backup_recipients": [RECIPIENT], "mms_timezone": "Etc/UTC"}
    return Pyinfra(folder, host, **{**known, **data})


@pytest.fixture(scope="module")
def odd(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with a linked /home, a journal in memory, no programs in /home and no network online, deployed to."""
    like = ("volatile-journal", "home-in-var", "noexec-home")
    with sandbox.host("ready", network_online=False, like=like) as made:
        assert "The boot reaches network-online.target" in pyinfra(tmp_path_factory.mktemp("odd"), made).deploy()
        yield made


class TestAnOddHost:
    """Four things that are often so, together: each is met by another part of a deploy."""

    def test_a_network_that_nothing_brings_online_costs_nobody_90_seconds(self, odd: Host) -> None:
        assert odd.run("systemctl is-active network-online.target").stdout == "active\n"

    def test_a_second_deploy_changes_nothing(self, odd: Host, tmp_path: Path) -> None:
        assert pyinfra(tmp_path, odd).deploy() == set()

    def test_backups_and_updates_are_followed_by_their_state(self, odd: Host, tmp_path: Path) -> None:
        pyinfra(tmp_path, odd).run("operations.backup.create", "-y")
        assert odd.run(f"ls {BACKUPS}").stdout.count(".tar.zst.age") == 1
        pyinfra(tmp_path, odd).run("operations.autodeploy.run", "-y")
        odd.run(f"mv {BACKUPS} {BACKUPS}.away")
        failed = pyinfra(tmp_path, odd).run("operations.backup.create", "-y", status=1)
        odd.run(f"mv {BACKUPS}.away {BACKUPS}")
        assert "mms cannot read its journal on this host; root can: journalctl _SYSTEMD_USER_UNIT=" in failed.text

    def test_logs_are_those_of_the_container_and_the_diagnosis_says_why(self, odd: Host, tmp_path: Path) -> None:
        shown = pyinfra(tmp_path, odd).run("operations.kometa.logs", "follow=false")
        assert "[ls.io-init] done." in shown.text
        told = pyinfra(tmp_path, odd).run("operations.kometa.diagnose", "json=true", status=None)
        checks = {check["name"]: check for check in json.loads(last_json(told.output))["checks"]}
        assert checks["journal"]["state"] == "warning"
        assert checks["timers"]["state"] == "ok"

    def test_a_timer_that_waits_for_nothing_is_a_change_and_mended(self, odd: Host, tmp_path: Path) -> None:
        unit = f"/home/mms/.config/systemd/user/{TIMER}"
        reload = "systemctl --user daemon-reload"
        # A reload calculates a timer again whose service has failed: only beside one that has not does it stay dead.
        odd.run(
            f"systemctl --user reset-failed; cp -p {unit} /tmp/kept"
            f" && sed -i 's/^OnCalendar=.*/OnCalendar=2020-01-01/' {unit} && {reload}"
            f" && systemctl --user restart {TIMER} && cp -p /tmp/kept {unit} && {reload}",
            user="mms",
        )
        due = f"systemctl --user show {TIMER} -P NextElapseUSecRealtime"
        assert not odd.run(due, user="mms").stdout.strip()
        assert pyinfra(tmp_path, odd).deploy() == {"Timers"}
        assert odd.run(due, user="mms").stdout.strip()

    def test_a_timer_moved_to_a_time_that_has_passed_waits_for_the_next_day(self, odd: Host, tmp_path: Path) -> None:
        now = datetime.now(UTC)
        # It fired 20 hours ago, as it should; an hour ago is then a time after that.
        at = {hours: f"*-*-* {now - timedelta(hours=hours):%H:%M}:00" for hours in (1, 20)}
        pyinfra(tmp_path, odd, kometa_backup_schedule=at[20]).deploy()
        fired = "systemctl --user show kometa-backup.service -P ExecMainStartTimestamp"
        odd.run(
            f"systemctl --user stop {TIMER}; touch -d '19 hours ago' {STAMP}; systemctl --user start {TIMER}",
            user="mms",
        )
        before = odd.run(fired, user="mms").stdout
        assert pyinfra(tmp_path, odd, kometa_backup_schedule=at[1]).deploy() == {"Timers"}
        odd.run("sleep 2")
        assert odd.run(fired, user="mms").stdout == before


def test_an_unprivileged_container_is_refused_before_anything_is_made(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox.host("ready", like="unprivileged") as few:
        text = Pyinfra(tmp_path, few).run("deploy.py", "-y", status=1).text
        assert "100000 to 165535 are not among them" in text
        assert "/dev/net/tun is missing" in text
        assert few.run("id mms", check=False).returncode == 1


@pytest.mark.variant
def test_slirp4netns_is_installed_where_podman_wants_it(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox.host("ready", like="slirp4netns-missing") as old:
        Pyinfra(tmp_path, old).deploy()
        assert old.run("command -v slirp4netns").stdout
        # Its own address is reached that way, which is why it is not refused.
        assert Pyinfra(tmp_path, old, kometa_plex_url=f"http://{old.address}:32400").preview() != set()
        old.run("systemd-run --quiet python3 -m http.server --directory /srv 32400")
        asked = f"curl -sf --retry 9 --retry-connrefused http://{old.address}:32400/"
        old.run(f"podman exec kometa {asked}", user="mms")


@pytest.mark.variant
@pytest.mark.parametrize(
    ("like", "user"),
    [
        ("testing", "root"), ("home-in-data legacy-zones", "root"), ("tcsh talkative", "admin"),
        ("fish talkative", "admin"), ("sudo-rs", "admin"), ("doas", "admin"),
    ],
)  # fmt: skip
def test_a_second_deploy_changes_nothing_whatever_the_host_is_like(
    like: str, user: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    with sandbox.host("ready", like=like.split()) as host:
        prove(pyinfra(tmp_path, host, ssh_user=user))
        careful = pyinfra(tmp_path, host, ssh_user="careful")
        assert WANTS_PASSWORD.get(like, "wants a password") in careful.run("deploy.py", "--dry", status=1).text


@pytest.mark.variant
def test_a_start_that_takes_minutes_is_waited_for_by_deploy_and_update(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox.host("ready") as host:
        command = pyinfra(tmp_path, host)
        command.deploy()
        sandbox.registry.publish("slow")
        try:
            told = command.run("operations.autodeploy.run", "-y").text
            assert "runs 2.4.6 now, healthy; before, it was 2.4.4" in told
            later = pyinfra(tmp_path, host, mms_timezone="Europe/Berlin")
            assert "Service kometa" in later.deploy()
            assert later.preview() == set()
        finally:
            sandbox.registry.publish("good")


@pytest.mark.variant
def test_a_host_behind_two_others_is_deployed_to(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox.host("bare") as first, sandbox.host("bare") as second, sandbox.host("ready") as host:
        host.let_in_only_from(second)
        prove(pyinfra(tmp_path, host, **behind(host, [first, second], "admin", sandbox, tmp_path)))


def prove(command: Pyinfra) -> None:
    """Deploy, and see that all holds: nothing is left to change, backups and updates work."""
    command.deploy()
    assert command.deploy() == set()
    command.run("operations.backup.create", "-y")
    command.run("operations.autodeploy.run", "-y")


def last_json(text: str) -> str:
    """Return the last line that is an object."""
    return next(line for line in reversed(text.splitlines()) if line.startswith("{"))
