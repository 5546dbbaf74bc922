"""Image updates against a real registry: good images, bad images, no registry, and Kometa at work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from kometa_host.plans.autodeploy import Event, parse_history
from tests.host.driver import CONFIG, Pyinfra, trigger_run
from tests.sandbox import Host, Sandbox
from tests.sandbox.shell import wait_until

IMAGE = "lscr.io/linuxserver/kometa:latest"
UPDATE = "operations.autodeploy.run"
UNIT = "mms-autodeploy-interactive.service"
DROP_IN = f"~/.config/systemd/user/{UNIT}.d"
VERSION = "podman inspect -f '{{index .Config.Labels \"org.opencontainers.image.version\"}}' kometa"
CONTAINER = "podman inspect -f '{{.Id}}' kometa"
TAGGED = f"podman image inspect -f '{{{{.Id}}}}' {IMAGE}"
RUNNING = "podman inspect -f '{{.Image}}' kometa"


def events(host: Host) -> list[Event]:
    """Return the history of the host, newest first."""
    return parse_history(
        host.run("cat ~/.local/state/kometa-host/autodeploy/history.jsonl", user="mms").stdout.splitlines()
    )


def run(host: Host, command: str) -> str:
    """Return what a command of the account prints."""
    return host.run(command, user="mms").stdout.strip()


def wait_at_most(host: Host, seconds: int) -> None:
    """Let the unit wait so long for the end of a run, until DROP_IN is removed."""
    settings = f"[Service]\nEnvironment=KOMETA_HOST_MAX_WAIT={seconds} KOMETA_HOST_PAUSE=1\n".encode()
    host.run(
        f"mkdir -p {DROP_IN} && cat >{DROP_IN}/test.conf && systemctl --user daemon-reload", user="mms", input=settings
    )


def times_waited(host: Host) -> int:
    """Return how often the unit has said that it waits for the end of a run."""
    return run(host, f"journalctl --user -u {UNIT} -o cat").count("waiting for its end")


@pytest.fixture
def good(sandbox: Sandbox, shared: Host) -> Iterator[None]:
    """The registry has the good image, and the host runs it, before and after the test."""
    yield
    sandbox.registry.start()
    sandbox.registry.publish("good")
    shared.run("rm -rf ~/.local/state/kometa-host/autodeploy", user="mms")
    if run(shared, VERSION) != "2.4.4":
        shared.run(f"systemctl --user start {UNIT}", user="mms", timeout=200)


@contextmanager
def listener(address: str) -> Iterator[tuple[str, list[str]]]:
    """Listen for pings; yield the URL to ping and the paths that were asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server wants
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = HTTPServer((address, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{address}:{server.server_port}/ping/secret-id", paths
    server.shutdown()


@pytest.mark.usefixtures("good")
class TestUpdates:
    def test_a_newer_image_is_pulled_and_proven_and_the_deploy_agrees(
        self, sandbox: Sandbox, shared: Host, pyinfra: Pyinfra
    ) -> None:
        previous = run(shared, RUNNING)
        sandbox.registry.publish("good2")
        shown = pyinfra.run(UPDATE, "-y")
        assert "kometa: runs 2.4.5 now, healthy; before, it was 2.4.4" in shown.text
        assert run(shared, VERSION) == "2.4.5"
        assert run(shared, TAGGED) == run(shared, RUNNING) != previous
        assert pyinfra.preview() == set()
        assert previous in run(shared, "podman images -a -q --no-trunc")
        assert events(shared)[0].event == "updated"
        assert '"event": "updated"' in pyinfra.run("fact", "facts.autodeploy.History").text
        before = run(shared, CONTAINER)
        assert "2.4.5 is the newest" in pyinfra.run(UPDATE, "-y").text
        assert run(shared, CONTAINER) == before

    def test_a_bad_image_is_undone_and_not_tried_again_until_there_is_another(
        self, sandbox: Sandbox, shared: Host, pyinfra: Pyinfra
    ) -> None:
        previous = run(shared, RUNNING)
        sandbox.registry.publish("broken")
        failed = pyinfra.run(UPDATE, "-y", status=1)
        assert "the previous image runs again" in failed.text
        assert "The last lines of its log" in failed.text
        assert run(shared, RUNNING) == run(shared, TAGGED) == previous
        assert pyinfra.preview() == set()
        before = run(shared, CONTAINER)
        assert "was not healthy before" in pyinfra.run(UPDATE, "-y").text
        assert run(shared, CONTAINER) == before
        assert [event.event for event in events(shared)][:2] == ["skipped", "rolled-back"]
        assert "the previous image runs again" in pyinfra.run(UPDATE, "-y", "retry=true", status=1).text
        sandbox.registry.publish("good2")
        pyinfra.run(UPDATE, "-y")
        assert run(shared, VERSION) == "2.4.5"

    def test_without_the_registry_it_fails_clearly_and_changes_nothing(
        self, sandbox: Sandbox, shared: Host, pyinfra: Pyinfra
    ) -> None:
        before = run(shared, f"{CONTAINER}; {TAGGED}")
        sandbox.registry.stop()
        failed = pyinfra.run(UPDATE, "-y", status=1)
        assert "could not be pulled, nothing was changed" in failed.text
        assert run(shared, f"{CONTAINER}; {TAGGED}") == before
        assert events(shared)[0].event == "failed"

    def test_a_run_in_progress_is_waited_for_within_bounds_and_never_killed(
        self, sandbox: Sandbox, shared: Host, pyinfra: Pyinfra
    ) -> None:
        shared.start_plex()
        wait_at_most(shared, 1)
        begin_run(shared)
        before = run(shared, f"{CONTAINER}; {TAGGED}")
        sandbox.registry.publish("good2")
        for _ in range(2):
            assert "left for the next time" in pyinfra.run(UPDATE, "-y").text
        # A run that never ends would keep the update from ever being made.
        assert "3 times in a row" in pyinfra.run(UPDATE, "-y", status=1).text
        doctor = pyinfra.run("operations.kometa.diagnose", "-y", status=1).text
        assert f"PROBLEM      failed units     {UNIT}" in doctor
        assert run(shared, f"{CONTAINER}; {TAGGED}") == before
        assert pyinfra.preview() == set()
        wait_at_most(shared, 60)
        earlier = times_waited(shared)
        shared.run(f"systemctl --user start --no-block {UNIT}", user="mms")
        wait_until(lambda: times_waited(shared) > earlier, "it waits")
        # While it waits for a minute the host is free for others, but for the moment of each of its looks.
        assert run(shared, "flock -w 10 ~/.local/state/kometa-host/lock echo free") == "free"
        shared.run(f"podman unshare rm {CONFIG}/.standin-run-seconds", user="mms")
        wait_until(lambda: events(shared)[0].event == "updated", "the update")
        assert "Finished" in run(shared, f"podman unshare cat {CONFIG}/logs/meta.log")
        shared.run(f"rm -r {DROP_IN}; systemctl --user daemon-reload; podman rm -f plex", user="mms")

    def test_an_update_cut_off_by_a_power_failure_is_judged_the_next_time(
        self, sandbox: Sandbox, shared: Host, pyinfra: Pyinfra
    ) -> None:
        previous = run(shared, RUNNING)
        sandbox.registry.publish("broken")
        shared.run(f"systemctl --user start --no-block {UNIT}", user="mms")
        wait_until(lambda: run(shared, f"{VERSION} || true") == "2.5.0", "the new image is on trial")
        shared.power_cut()
        shared.boot()
        wait_until(lambda: run(shared, f"{VERSION} || true") == "2.5.0", "the bad image is started at boot")
        assert "the previous image runs again" in pyinfra.run(UPDATE, "-y", status=1).text
        assert run(shared, RUNNING) == run(shared, TAGGED) == previous

    def test_a_pinned_image_is_left_alone(self, sandbox: Sandbox, shared: Host, tmp_path: Path) -> None:
        digest = sandbox.registry.digest("latest")
        pinned = Pyinfra(tmp_path, shared, kometa_image=f"lscr.io/linuxserver/kometa@{digest}")
        pinned.deploy()
        sandbox.registry.publish("good2")
        assert "pinned by digest" in pinned.run(UPDATE, "-y").text
        assert run(shared, VERSION) == "2.4.4"
        Pyinfra(tmp_path, shared).deploy()

    @pytest.mark.long
    def test_other_containers_of_the_group_are_updated_too_and_one_failure_stops_none(
        self, sandbox: Sandbox, shared: Host, pyinfra: Pyinfra
    ) -> None:
        sandbox.registry.publish("good", tag="other")
        unit = (
            "[Container]\nContainerName=another\nImage=lscr.io/linuxserver/kometa:other\nEntrypoint=/bin/sleep\n"
            "Exec=600\nStopTimeout=0\nLabel=kometa-host.autodeploy-group=interactive\n"
        )
        place = "~/.config/containers/systemd/another.container"
        shared.run(f"cat >{place}; systemctl --user daemon-reload; systemctl --user start another", user="mms",
                   input=unit.encode(), timeout=90)  # fmt: skip
        sandbox.registry.publish("good2", tag="other")
        sandbox.registry.publish("broken")
        pyinfra.run(UPDATE, "-y", status=1)
        assert {event.container: event.event for event in events(shared)[:2]} == {
            "another": "updated",
            "kometa": "rolled-back",
        }
        shared.run(f"systemctl --user stop another; rm {place}; systemctl --user daemon-reload", user="mms")

    def test_the_url_is_pinged_and_is_in_no_journal(self, sandbox: Sandbox, shared: Host, pyinfra: Pyinfra) -> None:
        file = "~/.local/lib/kometa-host/notify-url"
        with listener(shared.session.gateway) as (url, paths):
            shared.run(f"umask 077; cat >{file}", user="mms", input=url.encode())
            pyinfra.run(UPDATE, "-y")
            assert paths == ["/ping/secret-id/start", "/ping/secret-id"]
            sandbox.registry.stop()
            pyinfra.run(UPDATE, "-y", status=1)
            assert paths[2:] == ["/ping/secret-id/start", "/ping/secret-id/fail"]
        assert "secret-id" not in run(shared, f"rm {file}; journalctl --user -o cat")


def begin_run(host: Host) -> None:
    """Let Kometa begin a run that takes long."""
    trigger_run(host, 600)
    log = f"podman unshare cat {CONFIG}/logs/meta.log"
    wait_until(lambda: "Processing item" in host.run(log, user="mms", check=False).stdout, "a run")
