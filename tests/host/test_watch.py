"""Runs are watched on a real host: each that is good, fails, hangs, is killed or missed is told once, in words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kometa_host.reports.page.page import MAX_RUNS as MAX_SHOWN
from kometa_host.state import programs
from kometa_host.state.kometa_log import Outcome
from kometa_host.state.run_history import MAX_RUNS, RecordedRun, line, parse
from tests.host.backup_host import BACKUPS, Key
from tests.host.driver import CONFIG, PROJECT, SECRETS, Pyinfra, start_run, trigger_run, wait_for_kometa
from tests.host.receivers import TOKEN, Mailbox, WebService, mailbox, self_signed, web_service
from tests.sandbox import Host, Sandbox
from tests.sandbox.shell import wait_until

STATE = "~/.local/state/kometa-host"
LIBRARY = "~/.local/lib/kometa-host"
# a unit started over and over is refused by systemd: the count is forgotten first
LOOK = "systemctl --user reset-failed kometa-watch.service; systemctl --user start kometa-watch.service"
# the container is gone when it has ended; systemd makes another
KILL = (
    "id=$(podman inspect -f '{{.Id}}' kometa); podman kill -s KILL kometa;"
    " while podman container exists $id; do sleep 0.2; done"
)
TOPIC = "quiet-secret-topic"
METRICS = "/srv/metrics"


class Watched:
    """A host whose runs are watched, with whom it tells."""

    def __init__(self, host: Host, web: WebService, mail: Mailbox, command: Pyinfra, key: Key) -> None:
        self.host, self.web, self.mail, self.command, self.key = host, web, mail, command, key

    def run(self, command: str) -> str:
        """Return what a command of the account prints."""
        return self.host.run(command, user="mms", timeout=200).stdout.strip()

    def look(self) -> list[str]:
        """Let the watcher look; return the titles of what it told, without the host's name."""
        self.web.received.clear()
        self.run(LOOK)
        return [title.partition(": ")[2] for title in self.web.received.titles]

    def told_in_the_end(self) -> list[str]:
        """Let the watcher look until it tells something; what it cannot know yet it leaves to its next look."""
        titles: list[str] = []

        def is_told() -> bool:
            titles.extend(self.look())
            return bool(titles)

        wait_until(is_told, "something is told")
        return titles

    @property
    def said(self) -> str:
        """The texts of what the last look told."""
        return "\n".join(self.web.received.bodies)

    def history(self) -> list[RecordedRun]:
        """The history of runs, newest first."""
        return parse(self.run(f"cat {STATE}/runs/history.jsonl 2>/dev/null || true").splitlines())

    def metrics(self) -> dict[str, float]:
        """What node_exporter, an account of its own, reads."""
        told = self.host.run(f"runuser -u nobody -- cat {METRICS}/kometa.prom").stdout
        samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
        return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}

    def run_ends(self) -> None:
        """Wait for the end of the run in progress."""
        end = f"podman unshare tail -c 3000 {CONFIG}/logs/meta.log | grep -c 'Finished .*Run' || true"
        wait_until(lambda: self.run(end) != "0", "the run ends")

    def log_says_it_began_three_days_ago(self) -> None:
        """Put back the times of the log of the run in progress, in the file that is being written."""
        working = f"podman unshare grep -c 'Processing item' {CONFIG}/logs/meta.log || true"
        wait_until(lambda: self.run(working) != "0", "the run is at work")
        day = date.fromisoformat(self.run(f"podman unshare head -c 11 {CONFIG}/logs/meta.log")[1:])
        program = (
            "import re, sys; file = open(sys.argv[1], 'r+b'); head = file.read(4000); file.seek(0); "
            "file.write(re.sub(rb'(?m)^\\[\\d{4}-\\d\\d-\\d\\d', b'[' + sys.argv[2].encode(), head))"
        )
        self.run(f'podman unshare python3 -c "{program}" {CONFIG}/logs/meta.log {day - timedelta(days=3)}')

    def whole_run(self) -> None:
        """Let a run begin and end."""
        start_run(self.host, 0)
        self.run_ends()

    def problem(self, check: str) -> str:
        """What a check of the diagnosis finds that is a problem."""
        said = self.command.run("operations.kometa.diagnose", "json=true", "-y", status=1).output
        (told,) = (json.loads(line) for line in said.splitlines() if line.startswith("{"))
        (found,) = (entry for entry in told["checks"] if entry["name"] == check)
        assert found["state"] == "problem", found
        return f"{found['found']}: {found['cause']}"

    def change(self, path: str, **values: object) -> None:
        """Change values in a file of JSON."""
        known = json.loads(self.run(f"cat {path}"))
        self.host.run(f"cat >{path}", user="mms", input=json.dumps(known | values).encode())

    @contextmanager
    def changed(self, path: str, **values: object) -> Iterator[None]:
        """Change values in a file of JSON that a deploy has written, and put it back as it was."""
        before = self.host.run(f"cat {path}", user="mms").stdout
        self.change(path, **values)
        try:
            yield
        finally:
            self.host.run(f"cat >{path}", user="mms", input=before.encode())


@pytest.fixture(scope="module")
def watched(shared: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    address = shared.session.gateway
    shared.start_plex()
    shared.run(f"install -d -o mms {METRICS}")
    folder = tmp_path_factory.mktemp("watched")
    key = Key.make(folder)
    with web_service(address) as web, mailbox(address) as mail:
        command = Pyinfra(
            folder,
            shared,
            kometa_secrets={**SECRETS, "topic": TOPIC},
            kometa_notify=[
                f"ntfy://{address}:{web.port}/<<topic>>",
                f"mailto://{address}:{mail.port}/?from=kometa@example.org&to=me@example.org&mode=insecure",
            ],
            kometa_notify_url=f"http://{address}:{web.port}/ping/{TOPIC}",
            kometa_notify_on=["failure", "update", "drift"],
            kometa_metrics_dir=METRICS,
            kometa_backup_recipients=[key.recipient],
        )
        preview = command.preview()
        assert "Trial message" in preview
        changed = command.deploy()
        assert "Trial message" in changed
        assert web.received.titles == mail.received.titles == [f"{shared.name}: a trial message"]
        assert web.received.paths == [f"/ping/{TOPIC}/log", "/"]
        assert command.preview() == set()
        wait_for_kometa(shared)
        made = Watched(shared, web, mail, command, key)
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
    with watched.changed(f"{LIBRARY}/watch.json", notify_on=["success"]):
        watched.whole_run()
        (title,) = watched.look()
    assert title.startswith("the run of ")
    assert title.endswith(f" was {watched.history()[0].outcome.value}")


def test_of_years_of_runs_the_newest_stay(watched: Watched) -> None:
    newest = watched.history()
    first = datetime(2020, 1, 1, 6, tzinfo=UTC)
    old = [RecordedRun("06:00", first + timedelta(days=day), None, Outcome.INTERRUPTED) for day in range(MAX_RUNS)]
    watched.host.run(f"cat >>{STATE}/runs/history.jsonl", user="mms", input="".join(map(line, old)).encode())
    watched.whole_run()
    assert watched.look() == []
    kept = watched.history()
    assert kept[1 : len(newest) + 1] == newest
    assert MAX_RUNS // 2 < len(kept) < MAX_RUNS


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
        assert watched.metrics()["kometa_last_run_outcome failed"] == 1
        assert watched.look() == []
    finally:
        watched.run(edit.format("Films", "Movies"))
    watched.whole_run()
    (title,) = watched.look()
    assert title.startswith("Kometa runs again")
    assert "the one before was a failure" in watched.said


def test_a_run_that_was_given_up_before_it_began_is_told_as_one(watched: Watched) -> None:
    watched.run(f"podman unshare touch {CONFIG}/.standin-no-internet")
    trigger_run(watched.host, 0)
    titles: list[str] = []

    def is_told() -> bool:
        titles.extend(watched.look())
        return bool(titles)

    wait_until(is_told, "the run is given up")
    assert len(titles) == 1
    assert titles[0].endswith(" failed")
    assert "Why: RetryError[<Future" in watched.said
    assert "To do: let the host reach https://raw.githubusercontent.com" in watched.said
    assert "given up before it started" in watched.problem("last run")
    status = watched.command.run("fact", "facts.kometa.Status", "--json").output
    (told,) = json.loads(status)["facts.kometa.Status"].values()
    assert told["last_run"]["outcome"] == "failed"
    watched.whole_run()
    (title,) = watched.look()
    assert title.startswith("Kometa runs again")


def test_a_run_that_hangs_is_told_once_and_once_more_when_it_was_killed(watched: Watched) -> None:
    start_run(watched.host, 600)
    watched.log_says_it_began_three_days_ago()
    (title,) = watched.look()
    assert title.endswith("hangs")
    assert watched.web.received.paths == [f"/ping/{TOPIC}/fail", "/"]
    assert watched.look() == []
    # an hour less where the clocks went forward meanwhile
    assert re.search("a run is in progress for [23] d", watched.problem("run time"))
    watched.run(KILL)
    (title,) = watched.told_in_the_end()
    assert title.endswith("hung, and was ended")
    assert [run.outcome for run in watched.history()].count(Outcome.HUNG) == 1
    wait_for_kometa(watched.host)


def test_a_run_that_was_missed_is_told_with_the_reason(watched: Watched) -> None:
    watched.run("systemctl --user stop kometa")
    now = datetime.now(ZoneInfo("America/New_York"))
    for day in (now, now - timedelta(days=1)):  # the runs of the tests before are no runs of today
        shift = f"s/{day:%Y-%m-%d}T/{day - timedelta(days=4):%Y-%m-%d}T/g"
        watched.run(f"sed -i '{shift}' {STATE}/runs/history.jsonl")
    due = f"{now - timedelta(minutes=3):%H:%M}"
    watched.change(f"{STATE}/runs/watch.json", checked=(now - timedelta(minutes=10)).isoformat())
    with watched.changed(f"{LIBRARY}/watch.json", times=[due], grace=1):
        (title,) = watched.look()
        assert title == f"the run of {due} was missed"
        assert "kometa.service is inactive" in watched.said
        assert "systemctl --user start kometa" in watched.said
        assert watched.look() == []
        assert "kometa.service is inactive" in watched.problem("missed runs")
    watched.run("systemctl --user start kometa")
    wait_for_kometa(watched.host)
    watched.whole_run()
    (title,) = watched.look()
    assert title.startswith("Kometa runs again")
    assert "the one before was missed" in watched.said


def test_a_run_that_was_killed_is_told_later_if_the_service_takes_nothing_now(watched: Watched) -> None:
    start_run(watched.host, 600)
    assert watched.look() == []
    assert watched.web.received.paths == [f"/ping/{TOPIC}/start"]
    watched.run(KILL)
    watched.web.is_broken = True
    try:
        waiting = f"ls {STATE}/messages | grep -vc tried || true"
        wait_until(lambda: watched.look() == [] and watched.run(waiting) == "1", "a message waits")
        assert "1 could not be sent, such as: " in watched.problem("messages")
    finally:
        watched.web.is_broken = False
    (name,) = watched.run(f"ls {STATE}/messages | grep -v tried").split()
    watched.change(f"{STATE}/messages/{name}", next_try=datetime.now(UTC).isoformat())
    (title,) = watched.look()
    assert title.endswith("was interrupted")
    assert "run_once" in watched.said
    wait_for_kometa(watched.host)


def test_a_backup_that_fails_is_told_with_its_last_words_and_when_it_is_well_again(watched: Watched) -> None:
    backup = "systemctl --user start kometa-backup.service"
    watched.run(backup)
    assert watched.look() == []
    # Where journald is late, it can no longer know whose words they are.
    watched.host.run(f"chmod a-w {BACKUPS}; pkill -STOP -x systemd-journal")
    try:
        watched.run(f"{backup} || true")
    finally:
        watched.host.run(f"pkill -CONT -x systemd-journal; journalctl --sync; chmod u+w {BACKUPS}")
    (title,) = watched.look()
    assert title == "the backup failed"
    assert "cannot be written" in watched.said
    assert "journalctl --user -u kometa-backup.service" in watched.said
    watched.run(backup)
    assert watched.look() == ["the backup is well again"]
    assert watched.metrics()["kometa_backup_archives"] == 2


@pytest.mark.long
def test_updates_and_what_pull_mode_met_are_told(watched: Watched, sandbox: Sandbox) -> None:
    update = "systemctl --user start mms-autodeploy-interactive.service"
    sandbox.registry.publish("good2")
    try:
        watched.run(update)
        assert watched.look() == ["kometa was updated"]
    finally:
        sandbox.registry.publish("good")
        watched.run(update)
    assert watched.look() == ["kometa was updated"]
    sandbox.registry.publish("crashing")
    try:
        watched.run(f"{update} || true")
        assert watched.look() == ["an update of kometa was undone"]
    finally:
        sandbox.registry.publish("good")
    watched.run(update)
    assert watched.look() == ["the update is well again"]
    wait_for_kometa(watched.host)
    for event, why in (
        ("failed", "the repository could not be fetched"),
        ("updated", "put right what differed: Units"),
    ):
        call = f"container=git; note {event} '{why}'"
        note = programs.program("history", call=call, group="interactive", image="git", previous="")
        watched.host.run("bash -s", user="mms", input=note.encode())
    assert watched.look() == ["an update of the host's repository failed", "the host differed from its repository"]


def test_history_outlives_logs_and_reboots(watched: Watched) -> None:
    before = len(watched.history())
    for _ in range(3):
        watched.whole_run()
        watched.look()
    watched.run(f"podman unshare sh -c 'rm {CONFIG}/logs/*'")
    watched.host.reboot()
    wait_for_kometa(watched.host)
    watched.look()
    assert len(watched.history()) == before + 3
    printed = watched.command.run("fact", "facts.kometa.Runs", "--json").output
    (told,) = json.loads(printed)["facts.kometa.Runs"].values()
    assert len(told) == before + 3
    shown = watched.command.run("operations.kometa.logs", "runs=4", "-y").text
    assert re.findall(r": run (\S+ [^ ,]+)", shown) == [
        f"{run.started:%Y-%m-%d %H:%M:%S}" for run in reversed(watched.history()[:4])
    ]


@pytest.mark.long
def test_history_outlives_forty_runs_and_a_restore(watched: Watched) -> None:
    before = len(watched.history())
    for _ in range(40):
        watched.whole_run()
        watched.look()
    assert len(watched.run(f"podman unshare ls {CONFIG}/logs | grep '^meta'").split()) == 10
    watched.run("systemctl --user start kometa-backup.service")
    identity = f"identity={watched.key.path}"
    watched.command.run("operations.restore.config", "backup=latest", identity, "-y")
    wait_for_kometa(watched.host)
    watched.look()
    runs = watched.history()
    assert len(runs) == before + 40
    assert len({run.started for run in runs}) == len(runs)


def test_the_page_has_the_host_with_its_runs_and_one_that_is_gone(watched: Watched, tmp_path: Path) -> None:
    watched.run("systemctl --user start kometa-watch.timer")
    inventory, page = watched.command.inventory(), tmp_path / "report.html"
    with inventory.open("a") as file:
        file.write('hosts.append(("gone.lan", {**hosts[0][1], "ssh_hostname": "127.0.0.1", "ssh_port": 9}))\n')
    command = [sys.executable, "-m", "tools.report", str(inventory), "--drift", "--output", str(page)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, page.exists()) == (0, True), done.stderr
    told = page.read_text(encoding="utf-8")
    assert "A deploy would do this" not in told, re.findall(r"A deploy would do this:.*?</ul>", told)
    runs = watched.history()
    assert f"{min(len(runs), MAX_SHOWN)} runs since " in told
    assert f"{runs[0].started:%Y-%m-%d %H:%M}" in told
    assert "The host is as the project says." in told
    assert told.index("gone.lan") < told.index(watched.host.name)  # whoever should be looked at comes first
    assert "it could not be read when the page was made" in told
    assert TOPIC not in told


@pytest.mark.long
def test_services_of_all_kinds_are_asked_and_those_that_fail_said_without_their_addresses(
    watched: Watched, tmp_path: Path
) -> None:
    gateway = watched.host.session.gateway
    place = f"{gateway}:{watched.web.port}"
    addresses = [f"json://{place}/hang/{TOPIC}", f"json://{place}/bad/{TOPIC}", f"gotify://{place}/{TOKEN}"]
    addresses.append(f"discord://123456789012345678/{TOPIC}?verify=no")
    urls = [{url: [{"tag": f"service{at}"}]} for at, url in enumerate(addresses, 1)]
    kinds = [url.partition(":")[0] for url in addresses]
    watched.web.received.clear()
    watched.host.run(f"cp /etc/hosts /etc/hosts.before; echo {gateway} discord.com >>/etc/hosts")
    with (
        watched.changed(f"{LIBRARY}/notify.yml", urls=urls),
        watched.changed(f"{LIBRARY}/watch.json", services=kinds),
        web_service(gateway, 443, self_signed(tmp_path, "discord.com")) as discord,
    ):
        told = watched.command.run("operations.kometa.notify", "-y", status=1).text
    watched.host.run("mv /etc/hosts.before /etc/hosts")
    assert "kometa_notify (json): " in told
    assert "did not answer" in told
    assert "error=500" in told
    assert "kometa_notify (gotify): sent" in told
    assert "kometa_notify (discord): sent" in told
    assert TOPIC not in told
    trial = f"{watched.host.name}: a trial message"
    assert watched.web.received.titles == [trial]
    assert len(discord.received.bodies) == 1
    assert trial in discord.received.bodies[0]


def test_no_address_is_in_an_argument_a_journal_or_a_file_for_others(watched: Watched) -> None:
    shim = '#!/bin/sh\\necho "$0 $*" >>/tmp/arguments\\nexec /usr/bin/{0} "$@"\\n'
    for name in ("apprise", "curl"):
        watched.host.run(f"printf '{shim.format(name)}' >/usr/local/bin/{name}; chmod 755 /usr/local/bin/{name}")
    try:
        watched.command.run("operations.kometa.notify", "-y")
    finally:
        watched.host.run("rm /usr/local/bin/apprise /usr/local/bin/curl")
    seen = watched.run("cat /tmp/arguments; journalctl --user -q --no-pager")
    assert "/usr/local/bin/apprise" in seen
    assert TOPIC not in seen
    assert watched.run(f"find {LIBRARY} {STATE}/runs {STATE}/messages -perm /077 -type f -print -quit") == ""
    assert watched.run(f"grep -rlF {TOPIC} {LIBRARY} {STATE} ~/.config/systemd | sort").split() == [
        f"/home/mms/.local/lib/kometa-host/{name}" for name in ("notify-url", "notify.yml")
    ]
