"""Runs are watched on a real host: each that is good, fails, hangs, is killed or missed is told once, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kometa_host.state.kometa_log import Outcome
from kometa_host.state.run_history import RecordedRun, parse
from tests.host.driver import CONFIG, SECRETS, Pyinfra, wait_for_kometa
from tests.host.receivers import Mailbox, WebService, mailbox, web_service
from tests.sandbox import Host
from tests.sandbox.shell import wait_until

STATE = "~/.local/state/kometa-host"
LIBRARY = "~/.local/lib/kometa-host"
# a unit started over and over is refused by systemd: the count is forgotten first
LOOK = "systemctl --user reset-failed kometa-watch.service; systemctl --user start kometa-watch.service"
TOPIC = "quiet-secret-topic"


class Watched:
    """A host whose runs are watched, with whom it tells."""

    def __init__(self, host: Host, web: WebService, mail: Mailbox) -> None:
        self.host, self.web, self.mail = host, web, mail

    def run(self, command: str) -> str:
        """Return what a command of the account prints."""
        return self.host.run(command, user="mms", timeout=200).stdout.strip()

    def look(self) -> list[str]:
        """Let the watcher look; return the titles of what it told, without the host's name."""
        self.web.received.clear()
        self.run(LOOK)
        return [title.partition(": ")[2] for title in self.web.received.titles]

    @property
    def said(self) -> str:
        """The texts of what the last look told."""
        return "\n".join(self.web.received.bodies)

    def history(self) -> list[RecordedRun]:
        """The history of runs, newest first."""
        return parse(self.run(f"cat {STATE}/runs/history.jsonl 2>/dev/null || true").splitlines())

    def run_begins(self, seconds: int = 0) -> None:
        """Let a run begin that lasts so long, and wait until it has a log of its own."""
        first = f"podman unshare head -c 200 {CONFIG}/logs/meta.log 2>/dev/null"
        before = self.run(f"{first} || true")
        # the stand-in takes the file away as soon as it sees it
        now = "touch .standin-now; chown 3000:3000 .standin*; mv .standin-now .standin-run-now"
        begin = f"cd {CONFIG}; echo {seconds} >.standin-run-seconds; {now}"
        self.run(f"podman unshare sh -c '{begin}'")
        wait_until(lambda: self.run(f"{first} || true") not in ("", before), "a run begins", 120)

    def run_ends(self) -> None:
        """Wait for the end of the run in progress."""
        end = f"podman unshare tail -c 3000 {CONFIG}/logs/meta.log | grep -c 'Finished .*Run' || true"
        wait_until(lambda: self.run(end) != "0", "the run ends", 120)

    def whole_run(self) -> None:
        """Let a run begin and end."""
        self.run_begins()
        self.run_ends()

    def change(self, path: str, **values: object) -> None:
        """Change values in a file of JSON."""
        known = json.loads(self.run(f"cat {path}"))
        self.host.run(f"cat >{path}", user="mms", input=json.dumps(known | values).encode())


@pytest.fixture(scope="module")
def watched(shared: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    address = shared.session.gateway
    shared.start_plex()
    with web_service(address) as web, mailbox(address) as mail:
        command = Pyinfra(
            tmp_path_factory.mktemp("watched"),
            shared,
            kometa_secrets={**SECRETS, "topic": TOPIC},
            kometa_notify=[
                f"json://{address}:{web.port}/good/<<topic>>",
                f"mailto://{address}:{mail.port}/?from=kometa@example.org&to=me@example.org&mode=insecure",
            ],
            kometa_notify_url=f"http://{address}:{web.port}/ping/{TOPIC}",
        )
        preview = command.preview()
        assert "Trial message" in preview
        changed = command.deploy()
        assert "Trial message" in changed
        assert web.received.titles == mail.received.titles == [f"{shared.name}: a trial message"]
        assert web.received.paths == [f"/ping/{TOPIC}/log", f"/good/{TOPIC}"]
        assert command.preview() == set()
        wait_for_kometa(shared)
        made = Watched(shared, web, mail)
        made.run(f"systemctl --user stop kometa-watch.timer; {LOOK}")
        yield made


def test_a_good_run_is_recorded_and_told_to_the_service_of_pings_alone(watched: Watched) -> None:
    watched.whole_run()
    assert watched.look() == []
    assert watched.web.received.paths == [f"/ping/{TOPIC}"]
    run = watched.history()[0]
    assert not run.is_failure
    assert (run.seconds is not None, run.kometa) == (True, "2.4.4")
    assert watched.look() == []
    assert watched.web.received.paths == []


def test_a_failed_run_is_told_once_with_its_cause_and_remedy_and_once_more_when_it_is_over(watched: Watched) -> None:
    edit = f"podman unshare sed -i 's/^  {{}}:/  {{}}:/' {CONFIG}/config.yml"
    watched.mail.received.clear()
    watched.run(edit.format("Movies", "Films"))
    try:
        watched.whole_run()
        (title,) = watched.look()
        assert title.startswith("the run of ")
        assert "failed for Films" in title
        assert "Plex has no library named Films; it has: 'Movies'" in watched.said
        assert "To do: write the library's name in config.yml" in watched.said
        assert f"/ping/{TOPIC}/fail" in watched.web.received.paths
        assert [title.partition(": ")[2] for title in watched.mail.received.titles] == [title]
        assert "Plex has no library named Films" in watched.mail.received.bodies[0]
        assert watched.look() == []
    finally:
        watched.run(edit.format("Films", "Movies"))
    watched.whole_run()
    (title,) = watched.look()
    assert title.startswith("Kometa runs again")
    assert "the one before was a failure" in watched.said


def test_a_run_that_hangs_is_told_once_and_once_more_when_it_was_killed(watched: Watched) -> None:
    limit = json.loads(watched.run(f"cat {LIBRARY}/watch.json"))["run_limit"]
    watched.run_begins(600)
    assert watched.look() == []
    assert watched.web.received.paths == [f"/ping/{TOPIC}/start"]
    watched.change(f"{LIBRARY}/watch.json", run_limit=0)
    try:
        (title,) = watched.look()
        assert title.endswith("hangs")
        assert watched.look() == []
        watched.run("podman kill -s KILL kometa; sleep 1")
        (title,) = watched.look()
        assert title.endswith("hung, and was ended")
    finally:
        watched.change(f"{LIBRARY}/watch.json", run_limit=limit)
    assert watched.history()[0].outcome is Outcome.HUNG
    wait_for_kometa(watched.host)


def test_a_run_that_was_killed_is_told(watched: Watched) -> None:
    watched.run_begins(600)
    watched.run("podman kill -s KILL kometa; sleep 1")
    (title,) = watched.look()
    assert title.endswith("was interrupted")
    assert "run_once" in watched.said
    wait_for_kometa(watched.host)


def test_a_run_that_was_missed_is_told_with_the_reason(watched: Watched) -> None:
    watched.run("systemctl --user stop kometa")
    now = datetime.now(ZoneInfo("America/New_York"))
    due = f"{now - timedelta(minutes=3):%H:%M}"
    known = json.loads(watched.run(f"cat {LIBRARY}/watch.json"))
    watched.change(f"{LIBRARY}/watch.json", times=[due], grace=1)
    watched.change(f"{STATE}/runs/watch.json", checked=(now - timedelta(minutes=10)).isoformat())
    try:
        (title,) = watched.look()
        assert title == f"the run of {due} was missed"
        assert "kometa.service is inactive" in watched.said
        assert "systemctl --user start kometa" in watched.said
        assert watched.look() == []
    finally:
        watched.change(f"{LIBRARY}/watch.json", **known)
        watched.run("systemctl --user start kometa")
    wait_for_kometa(watched.host)
    watched.whole_run()
    (title,) = watched.look()
    assert title.startswith("Kometa runs again")
    assert "the one before was missed" in watched.said


def test_what_a_service_did_not_take_is_sent_later_and_said_by_the_doctor(watched: Watched) -> None:
    watched.run_begins(600)
    watched.run("podman kill -s KILL kometa; sleep 1")
    watched.web.is_broken = True
    try:
        assert watched.look() == []
    finally:
        watched.web.is_broken = False
    (name,) = watched.run(f"ls {STATE}/messages | grep -v tried").split()
    watched.change(f"{STATE}/messages/{name}", next_try=datetime.now(UTC).isoformat())
    (title,) = watched.look()
    assert title.endswith("was interrupted")
    wait_for_kometa(watched.host)


def test_a_service_that_hangs_and_one_that_breaks_are_said_and_keep_nobody_waiting(watched: Watched) -> None:
    known = json.loads(watched.run(f"cat {LIBRARY}/notify.yml"))
    address = f"json://{watched.host.session.gateway}:{watched.web.port}"
    paths = [f"{address}/{path}/{TOPIC}" for path in ("hang", "bad")]
    urls = [{url: [{"tag": f"service{place}"}]} for place, url in enumerate(paths, 1)]
    watched.change(f"{LIBRARY}/notify.yml", urls=urls)
    try:
        _, hangs, breaks = watched.run(f"{LIBRARY}/kometa-watch trial || true").splitlines()
    finally:
        watched.change(f"{LIBRARY}/notify.yml", **known)
    assert "did not answer" in hangs
    assert "error=500" in breaks
    assert TOPIC not in hangs + breaks


def test_history_outlives_logs_and_reboots(watched: Watched, tmp_path: Path) -> None:
    before = len(watched.history())
    for _ in range(3):
        watched.whole_run()
        watched.look()
    watched.run(f"podman unshare sh -c 'rm {CONFIG}/logs/*'")
    watched.host.reboot()
    wait_for_kometa(watched.host)
    watched.look()
    assert len(watched.history()) == before + 3
    printed = Pyinfra(tmp_path, watched.host).run("fact", "facts.kometa.Runs", "--json").output
    (told,) = json.loads(printed)["facts.kometa.Runs"].values()
    assert len(told) == before + 3


def test_no_address_is_in_an_argument_a_journal_or_a_file_for_others(watched: Watched) -> None:
    shim = '#!/bin/sh\\necho "$0 $*" >>/tmp/arguments\\nexec /usr/bin/{0} "$@"\\n'
    for name in ("apprise", "curl"):
        watched.host.run(f"printf '{shim.format(name)}' >/usr/local/bin/{name}; chmod 755 /usr/local/bin/{name}")
    try:
        watched.run(f"{LIBRARY}/kometa-watch trial")
    finally:
        watched.host.run("rm /usr/local/bin/apprise /usr/local/bin/curl")
    seen = watched.run("cat /tmp/arguments; journalctl --user -q --no-pager")
    assert "/usr/local/bin/apprise" in seen
    assert TOPIC not in seen
    assert watched.run(f"find {LIBRARY} {STATE}/runs {STATE}/messages -perm /077 -type f -print -quit") == ""
    assert watched.run(f"grep -rlF {TOPIC} {LIBRARY} {STATE} ~/.config/systemd | sort").split() == [
        f"/home/mms/.local/lib/kometa-host/{name}" for name in ("notify-url", "notify.yml")
    ]
