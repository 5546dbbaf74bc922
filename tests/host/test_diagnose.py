"""Each thing that is known to go wrong, brought about on a real host, found, and mended."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

import pytest

from tests.host.driver import CONFIG, QUADLETS, Pyinfra, wait_for_kometa
from tests.sandbox import Host
from tests.sandbox.host import PLEX_IMAGE

DROP_IN = f"{QUADLETS}/kometa.container.d"
UNITS = "/home/mms/.config/systemd/user"
# In Plex's place: sends whoever asks for more than who it is to another address.
LEADS_ELSEWHERE = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Plex(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path in ("/identity", "/elsewhere") else 302)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
HTTPServer(("", 32400), Plex).serve_forever()
"""


@pytest.fixture(scope="module", autouse=True)
def plex(shared: Host) -> None:
    shared.start_plex()


@contextmanager
def broken(host: Host, how: str, mend: str, user: str = "root") -> Iterator[None]:
    """Break a host, and mend it afterwards whatever happens."""
    host.run(how, user=user)
    try:
        yield
    finally:
        host.run(mend, user=user)


def diagnosis(pyinfra: Pyinfra, status: int | None = 1) -> dict[str, dict[str, str]]:
    """Diagnose and return the checks by name."""
    printed = pyinfra.run("operations.kometa.diagnose", "json=true", status=status).output
    return {check["name"]: check for check in json.loads(printed)["checks"]}


def problem(pyinfra: Pyinfra, name: str) -> str:
    """Diagnose; the check must have found a problem. Return all that it says."""
    check = diagnosis(pyinfra)[name]
    assert check["state"] == "problem", check
    assert check["cause"]
    assert check["mend"]
    return " ".join(check.values())


def restarted(how: str) -> str:
    """Do something to the Quadlets and start the service with the outcome."""
    start = "systemctl --user reset-failed; systemctl --user restart kometa || true"
    return f"{how}; systemctl --user daemon-reload; {start}"


def drop_in(text: str) -> tuple[str, str]:
    """How to add a drop-in to the Quadlet and how to take it away, each with a restart."""
    add = f"mkdir -p {DROP_IN} && printf '{text}' > {DROP_IN}/test.conf"
    return restarted(add), restarted(f"rm -r {DROP_IN}")


def once_logged(text: str) -> str:
    """Wait until the container has said something."""
    return f"until podman logs kometa 2>&1 | grep -q '{text}'; do sleep 0.2; done"


class TestAHealthyHost:
    def test_has_no_problem_and_exit_status_0(self, shared: Host, pyinfra: Pyinfra) -> None:
        checks = diagnosis(pyinfra, status=0)
        assert [check for check in checks.values() if check["state"] == "problem"] == []
        assert checks["plex token"]["state"] == "ok"
        assert checks["image"]["state"] == "ok"

    def test_is_not_changed_by_the_diagnosis(self, shared: Host, pyinfra: Pyinfra) -> None:
        files = f"find {CONFIG} {QUADLETS} -printf '%p %T@ %U\\n' | sort | sha256sum"
        look = f"{files}; podman ps -q --no-trunc; podman images -q"
        before = shared.run(look, user="mms").stdout
        diagnosis(pyinfra, status=0)
        assert shared.run(look, user="mms").stdout == before


class TestCommonIssues:
    def test_keep_id_and_the_failure_of_s6(self, shared: Host, pyinfra: Pyinfra) -> None:
        add, remove = drop_in("[Container]\\nUserNS=keep-id\\n")
        with broken(shared, f"{add}; {once_logged('fatal')}", remove, "mms"):
            said = problem(pyinfra, "s6-overlay")
        assert "UserNS=keep-id" in said
        assert "fatal" in said

    def test_the_suffix_of_the_network(self, shared: Host, pyinfra: Pyinfra) -> None:
        add, remove = drop_in("[Container]\\nPodmanArgs=--network mms.network\\n")
        with broken(shared, add, remove, "mms"):
            assert "--network mms " in problem(pyinfra, "network name")

    def test_wrong_owners(self, shared: Host, pyinfra: Pyinfra) -> None:
        wait_for_kometa(shared)  # a start of its container mends owners by itself
        take = f"podman unshare chown 0:0 {CONFIG}/config.yml {CONFIG}/UUID"
        with broken(shared, take, f"podman unshare chown -R 3000:3000 {CONFIG}", "mms"):
            said = problem(pyinfra, "owners")
        assert "2 entries" in said
        assert "0:0 config.yml" in said
        assert f"podman unshare chown -R 3000:3000 {CONFIG}" in said

    def test_plex_out_of_reach(self, shared: Host, pyinfra: Pyinfra) -> None:
        answers = "until podman exec plex curl -sf http://127.0.0.1:32400/identity; do sleep 0.2; done"
        with broken(shared, "podman stop -t 1 plex", f"podman start plex; {answers}", "mms"):
            assert "http://plex:32400" in problem(pyinfra, "plex")

    def test_a_plex_url_that_is_not_the_containers_name(self, shared: Host, pyinfra: Pyinfra) -> None:
        edit = "podman unshare sed -i 's#^  url: .*#  url: {}#' " + f"{CONFIG}/config.yml"
        good = edit.format('"http://plex:32400"') + f"; podman unshare chown 3000:3000 {CONFIG}/config.yml"
        with broken(shared, edit.format("https://plex.example.org"), good, "mms"):
            assert "plex.example.org" in problem(pyinfra, "plex url")

    def test_a_refused_token(self, shared: Host, pyinfra: Pyinfra) -> None:
        shared.start_plex(token="another-one")  # noqa: S106  (of the stand-in)
        try:
            said = problem(pyinfra, "plex token")
        finally:
            shared.start_plex()
        assert "401" in said
        assert "sandbox-plex-token" not in said

    def test_nobody_is_followed_to_another_address_with_the_token(self, shared: Host, pyinfra: Pyinfra) -> None:
        run = f"podman run -q -d --replace --name plex --network mms --entrypoint python3 {PLEX_IMAGE}"
        try:
            shared.run(f"{run} -c {quote(LEADS_ELSEWHERE)}", user="mms")
            shared.run("until podman exec plex curl -sf http://127.0.0.1:32400/identity; do sleep 0.2; done", "mms")
            said = problem(pyinfra, "plex token")
            asked = shared.run("podman logs plex 2>&1", user="mms").stdout
        finally:
            shared.start_plex()
        assert "302" in said
        assert '" 302 -' in asked
        assert "/elsewhere" not in asked


class TestKometa:
    def test_a_missing_config(self, shared: Host, pyinfra: Pyinfra) -> None:
        hide = restarted(f"podman unshare mv {CONFIG}/config.yml {CONFIG}/away")
        show = f"podman kill -s KILL kometa; {restarted(f'podman unshare mv {CONFIG}/away {CONFIG}/config.yml')}"
        with broken(shared, f"{hide}; {once_logged('halting init')}", show, "mms"):
            checks = diagnosis(pyinfra)
        assert checks["config.yml"]["state"] == "problem"
        assert "halted" in checks["config.yml"]["cause"]
        assert checks["kometa"]["state"] == "problem"
        wait_for_kometa(shared)

    @pytest.mark.parametrize(
        ("line", "found"),
        [
            ("[CRITICAL] | YAML Error: Tabs are not allowed |", "YAML Error"),
            ("[INFO]     | Processing item 1 |", "interrupted"),
        ],
    )
    def test_a_last_run_that_failed_or_never_finished(
        self, shared: Host, pyinfra: Pyinfra, line: str, found: str
    ) -> None:
        stamp = "[2025-11-22 06:00:00,000] [kometa.py:1] "
        log = f"{CONFIG}/logs/meta.log"
        write = f"podman unshare sh -c 'mkdir -p {CONFIG}/logs; cat > {log}'"
        text = f"{stamp}[INFO]     |     Starting 06:00 Run     |\n{stamp}{line}\n"
        shared.run(write, user="mms", input=text.encode())
        try:
            assert found in problem(pyinfra, "last run")
        finally:
            shared.run(f"podman unshare rm -f {log}", user="mms")

    def test_a_container_older_than_its_unit(self, shared: Host, pyinfra: Pyinfra) -> None:
        touch = f"touch -d '+1 min' {QUADLETS}/kometa.container"
        with broken(shared, touch, f"touch -d '-1 hour' {QUADLETS}/kometa.container", "mms"):
            assert "newer than the container" in problem(pyinfra, "container")

    def test_an_update_of_the_image(self, shared: Host, pyinfra: Pyinfra) -> None:
        registry = shared.session.registry
        registry.publish("good2", tag="latest")
        try:
            assert diagnosis(pyinfra, status=0)["image"]["state"] == "warning"
        finally:
            registry.publish("good", tag="latest")


class TestTheAccount:
    def test_no_lingering(self, shared: Host, pyinfra: Pyinfra) -> None:
        file = "/var/lib/systemd/linger/mms"
        with broken(shared, f"rm {file}", f"touch {file}"):
            assert "enable-linger mms" in problem(pyinfra, "lingering")

    def test_a_bus_out_of_reach(self, shared: Host, pyinfra: Pyinfra) -> None:
        socket = "/run/user/3000/bus"
        with broken(shared, f"mv {socket} {socket}.away", f"mv {socket}.away {socket}"):
            assert "does not answer" in problem(pyinfra, "user bus")

    def test_missing_and_overlapping_subordinate_ids(self, shared: Host, pyinfra: Pyinfra) -> None:
        keep, back = "cp /etc/subuid /root/subuid", "cp /root/subuid /etc/subuid"
        with broken(shared, f"{keep}; sed -i /^mms:/d /etc/subuid", back):
            assert "/etc/subuid" in problem(pyinfra, "subordinate ids")
        with broken(shared, f"{keep}; echo other:120000:65536 >> /etc/subuid", back):
            assert "other:120000" in problem(pyinfra, "subordinate ids")

    def test_the_trap_of_network_online(self, shared: Host, pyinfra: Pyinfra) -> None:
        find = "grep -ls network-online.target /etc/systemd/system/*.service"
        away = (
            f"mkdir -p /root/away; {find} | xargs -r mv -t /root/away; systemctl daemon-reload;"
            " systemctl stop network-online.target"
        )
        back = "mv /root/away/* /etc/systemd/system/; systemctl daemon-reload; systemctl start network-online.target"
        with broken(shared, away, back):
            assert "never reached" in problem(pyinfra, "network-online")

    def test_a_failed_unit(self, shared: Host, pyinfra: Pyinfra) -> None:
        failed = "until systemctl --user is-failed -q tragedy; do sleep 0.1; done"
        with broken(
            shared, f"systemd-run --user --unit=tragedy -q false; {failed}", "systemctl --user reset-failed", "mms"
        ):
            assert "tragedy.service" in problem(pyinfra, "failed units")


class TestBackupsAndTimers:
    def test_a_timer_that_is_stopped(self, shared: Host, pyinfra: Pyinfra) -> None:
        stop = "mms-autodeploy-interactive.timer"
        make = (
            f"mkdir -p {UNITS}; [ -e {UNITS}/{stop} ] || printf '[Timer]\\nOnCalendar=daily\\n' > {UNITS}/{stop};"
            f" systemctl --user daemon-reload; systemctl --user stop {stop}"
        )
        with broken(shared, make, f"systemctl --user start {stop} || true", "mms"):
            assert stop in problem(pyinfra, "timers")

    def test_a_last_backup_that_is_too_old_or_failed(
        self, shared: Host, pyinfra: Pyinfra, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
        monkeypatch.setitem(pyinfra.data, "kometa_backup_recipients", [recipient])
        folder = "/data/backups/config/kometa"
        old = f"mkdir -p {folder}; touch {folder}/kometa-2025-01-01T080000Z.tar.zst.age; chmod 755 /data/backups/config"
        with broken(shared, old, f"rm {folder}/kometa-2025*"):
            assert "2025-01-01" in problem(pyinfra, "last backup")
        unit = "kometa-backup.service"
        failing = (
            f"mkdir -p {UNITS}; printf '[Service]\\nType=oneshot\\nExecStart=false\\n' > {UNITS}/{unit};"
            f" systemctl --user daemon-reload; systemctl --user start {unit} || true"
        )
        clean = f"rm {UNITS}/{unit}; systemctl --user reset-failed; systemctl --user daemon-reload"
        with broken(shared, failing, clean, "mms"):
            assert "failed" in problem(pyinfra, "last backup")


class TestTheMachine:
    def shim(self, name: str, text: str) -> tuple[str, str]:
        """How to put another program in the place of one, and how to take it away."""
        path = f"/usr/local/bin/{name}"
        return f"printf '#!/bin/sh\\n{text}\\n' > {path}; chmod 755 {path}", f"rm {path}"

    def test_a_disk_that_is_nearly_full(self, shared: Host, pyinfra: Pyinfra) -> None:
        line = "/dev/sda1 1000000 990000 10000 99%% /data"
        with broken(shared, *self.shim("df", f"echo {line}")):
            assert "99 %" in problem(pyinfra, "disk")

    def test_a_clock_that_is_wrong_or_not_synchronised(self, shared: Host, pyinfra: Pyinfra) -> None:
        ahead = '[ "$*" = +%%s ] \\&\\& exec /bin/date -d +1hour +%%s; exec /bin/date "$@"'.replace("\\&", "&")
        with broken(shared, *self.shim("date", ahead)):
            assert "ahead of this machine" in problem(pyinfra, "clock")
        unset, no_container = (
            self.shim("timedatectl", "echo NTPSynchronized=no"),
            self.shim("systemd-detect-virt", "echo none"),
        )
        with broken(shared, *unset), broken(shared, *no_container):
            assert diagnosis(pyinfra, status=None)["clock"]["state"] == "warning"

    def test_denials_of_selinux(self, shared: Host, pyinfra: Pyinfra) -> None:
        denial = "avc:  denied  { read } for comm=python3 name=config.yml scontext=system_u:system_r:container_t:s0"
        make, remove = self.shim("getenforce", "echo Enforcing")
        with broken(shared, f"{make}; logger '{denial}'; until journalctl -q -g 'avc:'; do sleep 0.1; done", remove):
            assert "config.yml" in problem(pyinfra, "selinux")
