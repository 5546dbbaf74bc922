"""What docs/hosts.md says of particular hosts, each brought about on one; `make test-variants` runs these.

Where the real thing cannot be had, a program of the host answers in its place: which, stands beside it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.host.backup_host import Key
from tests.host.driver import CONFIG, PROJECT, Pyinfra, far_time, wait_for_kometa
from tests.host.test_deploy import PASSWORD, WRONG
from tests.host.test_diagnose import broken, diagnosis, drop_in, problem
from tests.host.test_variants import BACKUPS, pyinfra
from tests.sandbox import Host, Sandbox
from tests.sandbox.shell import SandboxError

pytestmark = pytest.mark.variant
IMAGE = "lscr.io/linuxserver/kometa"
SERVICE = "Service kometa"
STARTED = "podman inspect -f '{{.State.StartedAt}}' kometa"


@pytest.fixture(scope="module")
def fresh(sandbox: Sandbox) -> Iterator[Host]:
    """A host on which there is no account yet."""
    with sandbox.host("ready") as made:
        yield made


def answering(name: str, when: str, then: str) -> tuple[str, str]:
    """How to let a program of the host do something else for some arguments, and how to take that away."""
    path = f"/usr/local/bin/{name}"
    text = f'#!/bin/sh\ncase "$*" in {when}) {then} ;; esac\nexec /usr/bin/{name} "$@"\n'
    return f"cat >{path} <<'END'\n{text}END\nchmod 755 {path}", f"rm {path}"


class TestBeforeTheFirstDeploy:
    """Each is refused with its remedy, and nothing is made."""

    @pytest.mark.parametrize(
        ("how", "mend", "variables", "words"),
        [
            (
                "mkdir -p /home/mms", "rmdir /home/mms", {},
                "As root: chown -h 3000:3000 /home/mms; then deploy again",
            ),
            (
                "install -d -m 755 /srv/media", "rmdir /srv/media", {"kometa_config_dir": "/srv/media/kometa/config"},
                "As root: install -d -o 3000 -g 3000 /srv/media/kometa; then deploy again",
            ),
            (
                "mv /run/systemd/system /run/systemd/away", "mv /run/systemd/away /run/systemd/system", {},
                "This host does not run systemd",
            ),
            ("true", "true", {"mms_timezone": "US/Eastern"}, "America/New_York"),
            (*answering("stat", "*-f*/home*", "echo nfs; exit"), {}, "is on NFS. Kometa's cache is an SQLite database"),
            (*answering("stat", "*-f*/home*", "echo smb2; exit"), {}, "is on CIFS (SMB)"),
            (*answering("podman", "--version", "echo podman version 4.6.1; exit"), {}, "needs Podman 4.7 or newer"),
        ],
    )  # fmt: skip
    def test_it_is_said(
        self, how: str, mend: str, variables: dict[str, object], words: str, fresh: Host, tmp_path: Path
    ) -> None:
        with broken(fresh, how, mend):
            refused = Pyinfra(tmp_path, fresh, **variables).run("deploy.py", "-y", status=1)
        assert words in refused.text
        assert fresh.run("id mms", check=False).returncode == 1

    def test_all_that_keeps_containers_from_an_account_is_said_at_once(self, fresh: Host, tmp_path: Path) -> None:
        settings, none = "/proc/sys/kernel", "/proc/sys/user/max_user_namespaces"
        # Settings of this very machine, which a host of the sandbox shares: only their files are others.
        how = f"""
            chmod u-s /usr/bin/newuidmap
            echo 0 >/run/none; mount --bind /run/none {none}
            mkdir /run/kernel; cp {settings}/* /run/kernel 2>/dev/null
            mount --bind /run/kernel {settings}; echo 1 >{settings}/apparmor_restrict_unprivileged_userns"""
        mend = f"chmod u+s /usr/bin/newuidmap; umount {none} {settings}"
        with broken(fresh, how, mend), broken(fresh, *answering("stat", "*/sys/fs/cgroup", "echo tmpfs; exit")):
            text = Pyinfra(tmp_path, fresh).run("deploy.py", "-y", status=1).text
        assert "set user.max_user_namespaces=15000" in text
        assert "AppArmor forbids user namespaces" in text
        assert "newuidmap has lost its rights" in text
        assert "control groups of version 1" in text
        assert fresh.run("id mms", check=False).returncode == 1

    def test_a_podman_that_was_first_used_without_a_session_is_refused_and_the_remedy_works(
        self, fresh: Host, tmp_path: Path
    ) -> None:
        fresh.run("useradd -u 3000 -m -s /bin/bash mms")
        fresh.run("su mms -c 'cd; unset XDG_RUNTIME_DIR; podman info >/dev/null'")
        refused = Pyinfra(tmp_path, fresh).run("deploy.py", "-y", status=1)
        assert "podman system reset" in refused.text
        reset = "XDG_RUNTIME_DIR=/run/user/$(id -u) podman system reset --force"
        fresh.run(f"loginctl enable-linger mms && runuser -l mms -c '{reset}'")
        command = Pyinfra(tmp_path, fresh)
        command.deploy()
        assert command.deploy() == set()


class TestADeployedHost:
    def test_a_run_that_is_due_is_lost_to_no_deploy_update_or_backup(
        self, sandbox: Sandbox, shared: Host, tmp_path: Path
    ) -> None:
        due = self.a_time_soon(shared, tmp_path)
        # Kometa looks at the clock once a minute: this one is held, and has not yet seen that its time has come.
        shared.run(f"until [ $(date -u +%H:%M) = {due} ]; do sleep 0.2; done", timeout=120)
        before = shared.run(STARTED, user="mms").stdout
        assert "restart postponed" in pyinfra(tmp_path, shared).run("deploy.py", "-y").text
        sandbox.registry.publish("good2")
        try:
            self.begin_update_and_backup(shared)
            assert shared.run(STARTED, user="mms").stdout == before
            assert not shared.run(f"podman ps -q --filter status=paused; ls -A {BACKUPS}", user="mms").stdout
            shared.run("pkill -CONT -f kometa/kometa.py")
            shared.run(f"until grep -q 'Finished {due} Run' {CONFIG}/logs/meta.log; do sleep 0.5; done", timeout=120)
            for unit in ("mms-autodeploy-interactive", "kometa-backup"):
                ended = f"systemctl --user show --value -p ActiveState {unit} | grep -qE '^(inactive|failed)$'"
                shared.run(f"until {ended}; do sleep 0.5; done", user="mms", timeout=240)
        finally:
            sandbox.registry.publish("good")
        assert shared.run(f"ls {BACKUPS}", user="mms").stdout.count(".tar.zst.age") == 1
        assert shared.run(STARTED, user="mms").stdout != before
        Pyinfra(tmp_path, shared).run("operations.autodeploy.run", "-y")
        Pyinfra(tmp_path, shared).deploy("--data", "kometa_restart=now")

    @staticmethod
    def a_time_soon(host: Host, tmp_path: Path) -> str:
        """Deploy a time of Kometa's and return it before it has come, however slow the machine is."""
        while True:
            due = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
            pyinfra(tmp_path, host, kometa_times=[f"{due:%H:%M}"]).deploy("--data", "kometa_restart=now")
            host.run("pkill -STOP -f kometa/kometa.py")
            if datetime.now(UTC) < due:
                return f"{due:%H:%M}"
            host.run("pkill -CONT -f kometa/kometa.py")

    @staticmethod
    def begin_update_and_backup(host: Host) -> None:
        """Let both begin, and come to where they would disturb Kometa."""
        log = "journalctl --user -u mms-autodeploy-interactive"
        holder = "/home/mms/.local/state/kometa-host/lock.holder"
        for unit, waits in (
            ("mms-autodeploy-interactive", f"{log} | grep -q 'a run is in progress; waiting for its end'"),
            ("kometa-backup", f"grep -q 'a backup' {holder}"),
        ):
            begin = f"systemctl --user start --no-block {unit}"
            host.run(f"{begin}; until {waits}; do sleep 0.2; done; sleep 3", user="mms", timeout=60)

    def test_a_start_that_is_not_kometa_s_own_needs_no_tools_in_the_image(self, shared: Host, tmp_path: Path) -> None:
        shared.run("podman exec kometa sh -c 'rm -f /usr/bin/pgrep /bin/pgrep /usr/bin/curl /bin/curl'", user="mms")
        checks = diagnosis(Pyinfra(tmp_path, shared), status=None)
        assert checks["kometa"]["state"] == "ok"
        assert Pyinfra(tmp_path, shared).deploy() == set()

    def test_an_image_without_the_label_of_its_version_is_updated_to(
        self, sandbox: Sandbox, shared: Host, tmp_path: Path
    ) -> None:
        sandbox.registry.publish("unlabelled")
        try:
            told = Pyinfra(tmp_path, shared).run("operations.autodeploy.run", "-y").text
        finally:
            sandbox.registry.publish("good")
        assert "healthy; before, it was 2.4.4" in told
        assert "template" not in told
        assert "runs  now" not in told
        Pyinfra(tmp_path, shared).run("operations.autodeploy.run", "-y")

    def test_an_image_of_several_architectures_is_judged_as_one_of_a_single_one(
        self, sandbox: Sandbox, shared: Host, tmp_path: Path
    ) -> None:
        command = Pyinfra(tmp_path, shared)
        try:
            sandbox.registry.publish("good2", in_list=True)
            assert diagnosis(command, status=None)["image"]["state"] == "warning"
            assert "runs 2.4.5 now, healthy" in command.run("operations.autodeploy.run", "-y").text
            assert diagnosis(command, status=None)["image"]["state"] == "ok"
            assert "2.4.5 is the newest" in command.run("operations.autodeploy.run", "-y").text
        finally:
            sandbox.registry.publish("good")
        command.run("operations.autodeploy.run", "-y")

    def test_what_podman_cannot_do_is_not_blamed_on_the_registry(
        self, sandbox: Sandbox, shared: Host, tmp_path: Path
    ) -> None:
        sandbox.registry.publish("good2", tag="v2.4.5")
        policy = "/etc/containers/policy.json"
        with broken(shared, f"mv {policy} {policy}.away", f"mv {policy}.away {policy}"):
            failed = Pyinfra(tmp_path, shared, kometa_image=f"{IMAGE}:v2.4.5").run("deploy.py", "-y", status=1)
        assert "That is Podman on this host, not the registry" in failed.text

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("Secret=nosuch,type=env", "nosuch"),
            ("Volume=/srv/nosuch:/nosuch", "/srv/nosuch"),
            ("PublishPort=22:22", "privileged port 22"),
            ("Image=localhost/nosuch\\nPull=never", "localhost/nosuch"),
        ],
    )
    def test_why_a_service_cannot_start_is_told_by_the_diagnosis(
        self, line: str, why: str, shared: Host, tmp_path: Path
    ) -> None:
        add, remove = drop_in(f"[Container]\\n{line}\\n")
        # By then it rests for longer between two attempts than a look takes.
        shown = "systemctl --user show kometa -p NRestarts -p SubState"
        rests = f"{shown} | tr '\\n' ' ' | grep -qE '=[3-9] .*=auto-restart'"
        stop, go_on = "pkill -STOP -x systemd-journal", "pkill -CONT -x systemd-journal; journalctl --sync"
        with broken(shared, "true", remove, user="mms"):
            with broken(shared, stop, go_on):  # where journald is late, it can no longer know whose words they are
                shared.run(f"{add}; until {rests}; do sleep 0.2; done", user="mms")
            assert why in diagnosis(Pyinfra(tmp_path, shared))["service"]["cause"]
        wait_for_kometa(shared)

    @pytest.mark.parametrize(
        ("helper", "words"),
        [("aardvark-dns", "aardvark-dns has ended"), ("pasta", "what leads rootless containers out of the host")],
    )
    def test_a_network_that_is_stale_is_told_by_the_diagnosis_and_its_remedy_works(
        self, helper: str, words: str, shared: Host, tmp_path: Path
    ) -> None:
        shared.run(f"pkill -u mms {helper}; while pgrep -u mms {helper}; do sleep 0.1; done")
        assert words in problem(Pyinfra(tmp_path, shared), "network helpers")
        shared.run("podman network reload --all", user="mms")
        assert diagnosis(Pyinfra(tmp_path, shared), status=None)["network helpers"]["state"] == "ok"
        assert shared.run(f"pgrep -u mms {helper}").stdout

    def test_plex_on_this_host_and_on_another_machine_get_remedies_of_their_own(
        self, shared: Host, tmp_path: Path
    ) -> None:
        own, elsewhere = (
            Pyinfra(tmp_path, shared, kometa_plex_url=f"http://{address}:32400")
            for address in (shared.address, "192.0.2.1")
        )
        edit = "podman unshare sed -i 's#^  url: .*#  url: {}#' " + f"{CONFIG}/config.yml"
        good = edit.format('"http://plex:32400"') + f"; podman unshare chown 3000:3000 {CONFIG}/config.yml"
        with broken(shared, edit.format(own.data["kometa_plex_url"]), good, "mms"):
            assert "http://host.containers.internal:32400" in problem(own, "plex url")
        with broken(shared, edit.format(elsewhere.data["kometa_plex_url"]), good, "mms"):
            assert diagnosis(elsewhere)["plex"]["mend"].startswith("start Plex on 192.0.2.1; ")
        with broken(shared, *answering("podman", "--version", "echo podman version 5.2.3; exit")):
            assert "install Podman 5.3 or newer" in own.run("deploy.py", "--dry", status=1).text

    def test_an_archive_of_the_future_does_not_hide_that_backups_are_missing(
        self, shared: Host, tmp_path: Path
    ) -> None:
        future = f"{BACKUPS}/kometa-2099-01-01T080000Z.tar.zst.age"
        alone = f"mkdir -p {BACKUPS}; chmod 755 /data/backups/config; rm -f {BACKUPS}/*.age; touch {future}"
        with broken(shared, alone, f"rm {future}"):
            checks = diagnosis(pyinfra(tmp_path, shared), status=None)
        assert checks["last backup"]["state"] != "ok"

    def test_a_slow_disk_makes_a_deploy_take_longer_and_nothing_else(
        self, shared: Host, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        folder = PROJECT / "build" / f"slow-{tmp_path.name}"
        request.addfinalizer(lambda: shutil.rmtree(folder))
        shutil.copytree(PROJECT / "kometa", folder)
        (folder / "assets").mkdir(exist_ok=True)
        (folder / "assets" / "poster.jpg").write_bytes(bytes(20_000_000))
        slow = Pyinfra(tmp_path, shared, kometa_config_source=str(folder.relative_to(PROJECT)))
        try:
            shared.slow_disk(1_000_000)
        except SandboxError as error:
            pytest.skip(str(error))
        try:
            assert slow.deploy() == {f"Config tree {CONFIG}"}
            assert slow.deploy() == set()
        finally:
            shared.slow_disk(0)
        Pyinfra(tmp_path, shared).deploy()


class TestWhatAnotherDistributionInstalls:
    """The names are a distribution's own: here its package manager notes them, and brings only what was missing."""

    ALMA = 'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.6"\n'
    LEAP = 'ID=opensuse-leap\nID_LIKE="suse opensuse"\n'

    @pytest.mark.parametrize(
        ("release", "manager", "asked"),
        [
            (ALMA, "dnf", "--assumeyes install podman"),
            ("ID=fedora\nVERSION_ID=43\n", "dnf", "--assumeyes install podman"),
            (LEAP, "zypper", "--non-interactive install --no-recommends podman"),
            # Not one that is there: podman alone would be half an upgrade of the system.
            ("ID=arch\n", "pacman", "--sync --noconfirm age"),
        ],
    )
    def test_it_is_asked_for_by_its_names(
        self, release: str, manager: str, asked: str, shared: Host, tmp_path: Path
    ) -> None:
        said = '[ "$1" = --deptest ] && echo age && exit 127; echo "$*" >>/run/asked; mv /root/age /usr/bin/age; exit'
        how = f"mv /usr/bin/age /usr/bin/apt-get /root; cp /etc/os-release /root; printf '{release}' >/etc/os-release"
        mend = "mv /root/age /usr/bin; mv /root/apt-get /usr/bin; cp /root/os-release /etc/os-release; rm -f /run/asked"
        epel = "mkdir -p /etc/yum.repos.d; echo '[epel]' >/etc/yum.repos.d/epel.repo", "rm -r /etc/yum.repos.d"
        command = pyinfra(tmp_path, shared)
        with broken(shared, how, f"{mend}; true"), broken(shared, *answering(manager, "*", said)):
            if release == self.ALMA:
                refused = command.run("deploy.py", "-y", status=1).text
                assert "has it in EPEL alone, which is not enabled" in refused
            with broken(shared, *epel):
                assert "Packages: Podman, age, zstd and what they need" in command.deploy()
                assert shared.run("cat /run/asked").stdout.startswith(asked)
                assert command.deploy() == set()


def test_a_lock_on_wrong_passwords_counts_one_for_each_command(shared: Host, tmp_path: Path) -> None:
    rules = "/etc/pam.d/common-auth"
    lock = (
        "auth required pam_faillock.so preauth deny=3\nauth sufficient pam_unix.so\n"
        "auth [default=die] pam_faillock.so authfail deny=3\n"
    )
    how = f"cp {rules} /root; printf '{lock}' >{rules}"
    with broken(shared, how, f"cp /root/common-auth {rules}; faillock --user careful --reset"):
        for times in (1, 2):
            command = Pyinfra(tmp_path, shared, ssh_user="careful", _sudo_password=WRONG)
            assert "which was tried once" in command.run("deploy.py", "-y", status=1).text
            assert shared.run("faillock --user careful").stdout.count(" sudo ") == times
        Pyinfra(tmp_path, shared, ssh_user="careful", _sudo_password=PASSWORD).preview()


def test_start_up_files_that_print_something_disturb_no_command(sandbox: Sandbox, tmp_path: Path) -> None:
    key = Key.make(tmp_path)
    identity = f"identity={key.path}"
    with sandbox.host("ready", like="talkative") as host:
        command = pyinfra(tmp_path, host, kometa_backup_recipients=[key.recipient])
        command.deploy()
        host.run("echo 'echo welcome; echo mind the step >&2' | tee -a ~/.bashrc ~/.profile", user="mms")
        later = pyinfra(tmp_path, host, kometa_backup_recipients=[key.recipient], kometa_times=[far_time(1)])
        assert SERVICE in later.deploy()
        later.run("operations.backup.create", "-y")
        assert " is whole" in later.run("operations.backup.verify", identity, "-y").text
        assert "entries are the same" in later.run("operations.backup.drill", identity, "-y").text
        later.run("operations.kometa.validate", "-y")
        assert "[ls.io-init] done." in later.run("operations.kometa.logs", "follow=false").text
        later.run("operations.restore.config", "backup=latest", identity, "-y")
        later.run("operations.restore.undo", "-y")
        assert later.deploy() == set()
        assert host.run(f"ls {BACKUPS}").stdout.count(".tar.zst.age") == 1
