"""One run of Kometa, now, on a real host: its outcome, and that the service comes back whatever happens."""

import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.host.driver import CONFIG, PROJECT, Pyinfra, wait_for_kometa
from tests.sandbox import Host
from tests.sandbox.shell import wait_until

RUN_ONCE = "operations.kometa.run_once"
LEFT_OVER = (
    "ls -d ~/.local/state/kometa-host/run-once.* 2>/dev/null; podman ps -a --format '{{.Names}}' | grep test-kometa"
)

ENDED = "systemctl --user is-active kometa && ! ls -d ~/.local/state/kometa-host/run-once.*"


@pytest.fixture(scope="module", autouse=True)
def plex(shared: Host) -> None:
    shared.start_plex()


def set_run_seconds(host: Host, seconds: int) -> None:
    host.run(f"podman unshare sh -c 'echo {seconds} > {CONFIG}/.standin-run-seconds'", user="mms")


def is_as_before(host: Host) -> bool:
    """Whether the service runs, nothing of ours is left, and all of the tree belongs to Kometa."""
    assert host.run("systemctl --user is-active kometa", user="mms").stdout.strip() == "active"
    assert host.run(LEFT_OVER, user="mms", check=False).stdout == ""
    foreign = host.run(f"podman unshare find {CONFIG} ! -uid 3000", user="mms").stdout
    assert foreign == ""
    return True


def wait_for_start(host: Host) -> None:
    """Wait until the single run has been at work for some seconds."""
    working = "podman logs test-kometa 2>&1 | grep -q 'Processing item'"
    host.run(f"until {working}; do sleep 0.2; done", user="mms")


def wait_for_end(host: Host) -> None:
    """Wait until the single run is over and the service runs again; a line that was just mended may still be dead."""
    wait_until(lambda: host.run(ENDED, user="mms", check=False).returncode == 0, "the service runs again")


def start_scheduled_run(host: Host) -> None:
    """Let the service start a run of a minute, and wait until it is at work; a shorter time ends it sooner."""
    set_run_seconds(host, 60)
    wait_for_kometa(host)
    working = f"podman unshare sh -c 'tail -n 1 {CONFIG}/logs/meta.log | grep -q Processing'"
    host.run(f"podman unshare touch {CONFIG}/.standin-run-now; until {working}; do sleep 0.2; done", user="mms")


class TestOutcome:
    def test_a_run_is_shown_judged_and_followed_by_the_service(self, shared: Host, pyinfra: Pyinfra) -> None:
        set_run_seconds(shared, 1)
        outcome = pyinfra.run(RUN_ONCE, "-y")
        assert "Starting Run" in outcome.text
        assert "Processing item 1" in outcome.text
        assert "no warnings" in outcome.text
        assert "sandbox-plex-token" not in outcome.text
        assert is_as_before(shared)

    def test_collections_reach_kometa(self, shared: Host, pyinfra: Pyinfra) -> None:
        outcome = pyinfra.run(RUN_ONCE, "collections=Alien Movies|1917", "-y")
        assert "Starting Collections Run" in outcome.text

    def test_a_failed_run_fails_although_the_container_does_not(
        self, shared: Host, pyinfra: Pyinfra, tmp_path: Path
    ) -> None:
        candidate = tmp_path / "candidate"
        shutil.copytree(PROJECT / "kometa", candidate)
        config = candidate / "config.yml"
        config.write_text(config.read_text().replace("<<plextoken>>", "<<nosuch>>"))
        before = shared.run(f"podman unshare sha256sum {CONFIG}/config.yml {CONFIG}/config.cache", user="mms").stdout
        outcome = pyinfra.run(RUN_ONCE, f"config={candidate}", "-y", status=1)
        assert "No libraries were found in config" in outcome.text
        after = shared.run(f"podman unshare sha256sum {CONFIG}/config.yml {CONFIG}/config.cache", user="mms").stdout
        assert after == before
        assert is_as_before(shared)

    def test_a_service_that_did_not_run_is_not_started(self, shared: Host, pyinfra: Pyinfra) -> None:
        shared.run("systemctl --user stop kometa", user="mms")
        pyinfra.run(RUN_ONCE, "-y")
        state = shared.run("systemctl --user is-active kometa", user="mms", check=False).stdout.strip()
        shared.run("systemctl --user start kometa", user="mms")
        wait_for_kometa(shared)  # it reads the tree while it starts, from which the next test takes config.yml away
        assert state == "inactive"

    def test_without_config_yml_it_refuses_before_it_stops_anything(self, shared: Host, pyinfra: Pyinfra) -> None:
        shared.run(f"podman unshare mv {CONFIG}/config.yml {CONFIG}/away.yml", user="mms")
        outcome = pyinfra.run(RUN_ONCE, "-y", status=1)
        shared.run(f"podman unshare mv {CONFIG}/away.yml {CONFIG}/config.yml", user="mms")
        assert "there is no config.yml" in outcome.text
        assert "stopping kometa.service" not in outcome.text


class TestARunInProgress:
    def test_is_not_disturbed_or_is_waited_for(self, shared: Host, pyinfra: Pyinfra) -> None:
        start_scheduled_run(shared)
        refused = pyinfra.run(RUN_ONCE, "-y", status=1)
        assert "a run is in progress since" in refused.text
        set_run_seconds(shared, 1)
        waited = pyinfra.run(RUN_ONCE, "wait=true", "-y")
        assert "Finished Run" in waited.text
        assert is_as_before(shared)


class TestInterruption:
    def test_ctrl_c_ends_the_run_and_starts_the_service(self, shared: Host, pyinfra: Pyinfra) -> None:
        set_run_seconds(shared, 120)
        process = pyinfra.start(RUN_ONCE, "-y")
        wait_for_start(shared)
        doctor = pyinfra.run("operations.kometa.diagnose", "-y", status=None).text
        assert "while a single run is in progress" in doctor
        assert "PROBLEM      service" not in doctor
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 1
        assert "kometa.service runs again" in output + errors
        assert is_as_before(shared)

    def test_a_killed_controller_ends_the_run_and_starts_the_service(self, shared: Host, pyinfra: Pyinfra) -> None:
        set_run_seconds(shared, 60)
        process = pyinfra.start(RUN_ONCE, "-y")
        wait_for_start(shared)
        process.kill()
        process.communicate()
        wait_for_end(shared)
        assert is_as_before(shared)
        set_run_seconds(shared, 1)

    @pytest.mark.long
    def test_with_a_line_that_was_cut_the_run_goes_on_and_the_service_starts(
        self, shared: Host, pyinfra: Pyinfra
    ) -> None:
        set_run_seconds(shared, 20)
        process = pyinfra.start(RUN_ONCE, "-y")
        wait_for_start(shared)
        shared.cut_line()
        time.sleep(40)
        shared.mend_line()
        process.kill()
        process.communicate()
        wait_for_end(shared)
        assert "Finished Run" in shared.run(f"podman unshare cat {CONFIG}/logs/meta.log", user="mms").stdout
        assert is_as_before(shared)
        set_run_seconds(shared, 1)


class TestArguments:
    @pytest.mark.parametrize(
        ("argument", "complaint"),
        [("collections=007", "write names"), ("wait=soon", "whole number of seconds"), ("tests=1", "tests=true"),
         ("config=/no/such/folder", "does not exist")],
    )  # fmt: skip
    def test_one_that_cannot_work_is_refused(self, pyinfra: Pyinfra, argument: str, complaint: str) -> None:
        assert complaint in pyinfra.run(RUN_ONCE, argument, "-y", status=1).text


class TestLogs:
    def test_runs_are_shown_one_by_one(self, shared: Host, pyinfra: Pyinfra) -> None:
        for _ in range(2):
            pyinfra.run(RUN_ONCE, "-y")
        shown = pyinfra.run("operations.kometa.logs", "runs=2").output
        assert shown.count(": run ") == 2
        assert shown.rstrip().splitlines()[-1].strip().startswith("20") or "Finished Run" in shown

    def test_the_live_log_ends_with_ctrl_c_and_leaves_no_reader(self, shared: Host, pyinfra: Pyinfra) -> None:
        process = pyinfra.start("operations.kometa.logs")
        assert process.stderr
        assert any("[ls.io-init] done." in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)
        assert shared.run("pgrep -u mms journalctl", check=False).stdout == ""


class TestStatus:
    def test_it_tells_service_and_last_run(self, shared: Host, pyinfra: Pyinfra) -> None:
        printed = pyinfra.run("fact", "facts.kometa.Status", "--json").output
        assert '"service": "active"' in printed
        assert '"outcome": "' in printed
        assert "sandbox-plex-token" not in printed
