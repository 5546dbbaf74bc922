"""What docs/hosts.md says of particular hosts, each brought about on one; `make test-variants` runs these.

Where the real thing cannot be had, a program of the host answers in its place: which, stands beside it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.host.backup_host import Key
from tests.host.driver import CONFIG, PROJECT, Pyinfra, wait_for_kometa
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
                "As root: chown 3000:3000 /home/mms; then deploy again",
            ),
            (
                "install -d -m 755 /srv/media", "rmdir /srv/media", {"kometa_config_dir": "/srv/media/kometa/config"},
                "As root: install -d -o 3000 -g 3000 /srv/media/kometa; then deploy again",
            ),
            ("true", "true", {"mms_timezone": "US/Eastern"}, "America/New_York"),
            (*answering("stat", "*-f*/home*", "echo nfs; exit"), {}, "is on NFS. Kometa's cache is an SQLite database"),
            (*answering("stat", "*-f*/home*", "echo smb2; exit"), {}, "is on CIFS (SMB)"),
        ],
    )  # fmt: skip
    def test_it_is_said(
        self, how: str, mend: str, variables: dict[str, object], words: str, fresh: Host, tmp_path: Path
    ) -> None:
        with broken(fresh, how, mend):
            refused = Pyinfra(tmp_path, fresh, **variables).run("deploy.py", "-y", status=1)
        assert words in refused.text
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
    def test_a_run_that_is_due_is_not_lost_to_a_deploy(self, shared: Host, tmp_path: Path) -> None:
        due = f"{datetime.now(UTC) + timedelta(seconds=75):%H:%M}"
        pyinfra(tmp_path, shared, kometa_times=[due]).deploy()
        # Kometa looks at the clock once a minute: this one is held so that it has not yet seen that its time has come.
        shared.run("pkill -STOP -f kometa/kometa.py")
        shared.run(f"until [ $(date -u +%H:%M) = {due} ]; do sleep 0.2; done", timeout=120)
        before = shared.run(STARTED, user="mms").stdout
        assert "restart postponed" in Pyinfra(tmp_path, shared).run("deploy.py", "-y").text
        assert shared.run(STARTED, user="mms").stdout == before
        shared.run("pkill -CONT -f kometa/kometa.py")
        shared.run(f"until grep -q 'Finished {due} Run' {CONFIG}/logs/meta.log; do sleep 0.5; done", timeout=120)
        Pyinfra(tmp_path, shared).deploy("--data", "kometa_restart=now")

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

    def test_why_a_service_cannot_start_is_told_by_the_diagnosis(self, shared: Host, tmp_path: Path) -> None:
        add, remove = drop_in("[Container]\\nSecret=nosuch,type=env\\n")
        # By then it rests for longer between two attempts than a look takes.
        shown = "systemctl --user show kometa -p NRestarts -p SubState"
        rests = f"{shown} | tr '\\n' ' ' | grep -qE '=[3-9] .*=auto-restart'"
        with broken(shared, f"{add}; until {rests}; do sleep 0.2; done", remove, user="mms"):
            assert "nosuch" in problem(Pyinfra(tmp_path, shared), "service")
        wait_for_kometa(shared)

    def test_names_that_do_not_resolve_are_told_by_the_diagnosis_and_its_remedy_works(
        self, shared: Host, tmp_path: Path
    ) -> None:
        shared.run("pkill -u mms -x aardvark-dns")
        assert "aardvark-dns has ended" in problem(Pyinfra(tmp_path, shared), "network helpers")
        shared.run("podman network reload --all", user="mms")
        assert diagnosis(Pyinfra(tmp_path, shared), status=None)["network helpers"]["state"] == "ok"

    def test_plex_on_this_host_and_on_another_machine_get_remedies_of_their_own(
        self, shared: Host, tmp_path: Path
    ) -> None:
        own = Pyinfra(tmp_path, shared, kometa_plex_url=f"http://{shared.address}:32400")
        edit = "podman unshare sed -i 's#^  url: .*#  url: {}#' " + f"{CONFIG}/config.yml"
        good = edit.format('"http://plex:32400"') + f"; podman unshare chown 3000:3000 {CONFIG}/config.yml"
        with broken(shared, edit.format(own.data["kometa_plex_url"]), good, "mms"):
            assert "http://host.containers.internal:32400" in problem(own, "plex url")
        elsewhere = Pyinfra(tmp_path, shared, kometa_plex_url="http://192.0.2.1:32400")
        assert "systemctl --user start plex" not in json.dumps(diagnosis(elsewhere))

    def test_an_archive_of_the_future_does_not_hide_that_backups_are_missing(
        self, shared: Host, tmp_path: Path
    ) -> None:
        future = f"{BACKUPS}/kometa-2099-01-01T080000Z.tar.zst.age"
        with broken(shared, f"mkdir -p {BACKUPS}; touch {future}; chmod 755 /data/backups/config", f"rm {future}"):
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


def test_start_up_files_that_print_something_disturb_no_command(sandbox: Sandbox, tmp_path: Path) -> None:
    host = sandbox.host("ready", like="talkative")
    key = Key.make(tmp_path)
    identity = f"identity={key.path}"
    command = pyinfra(tmp_path, host, kometa_backup_recipients=[key.recipient])
    try:
        command.deploy()
        host.run("echo 'echo welcome; echo mind the step >&2' | tee -a ~/.bashrc ~/.profile", user="mms")
        later = pyinfra(tmp_path, host, kometa_backup_recipients=[key.recipient], kometa_times=["07:15"])
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
    finally:
        host.destroy()
