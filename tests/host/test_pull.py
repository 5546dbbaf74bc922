"""Pull mode: a host that brings itself to the state of a git repository, without a controller and without root."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from kometa_host.plans.autodeploy import Event
from tests.host.driver import CONFIG, PROJECT, Pyinfra, far_time
from tests.host.origin import Origin
from tests.host.test_autodeploy import CONTAINER, DROP_IN, UNIT, UPDATE, begin_run, events, run, wait_at_most
from tests.sandbox import Host, Sandbox
from tests.sandbox.shell import wait_until
from tests.sandbox.wheels import wheels

AT = [far_time(minutes) for minutes in range(1, 9)]  # what one commit changes and another does not
TIMES = "podman inspect -f '{{range .Config.Env}}{{println .}}{{end}}' kometa | sed -n 's/^KOMETA_TIMES=//p'"
SECRETS = "podman secret ls --format '{{.ID}} {{.Name}}' | sort"


# A Python that is too old for pull mode, as RHEL 9 has it: the one that is new enough has its version in its name.
TOO_OLD = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\nexec /usr/bin/python3 "$@"\n'


@pytest.fixture(scope="module")
def origin(shared: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """The repository of the module's host, which is deployed once by its controller and then on its own."""
    made = Origin(tmp_path_factory.mktemp("origin"), shared.session.gateway, shared.name)
    shutil.copytree(wheels(), shared.tree / "opt" / "wheels")
    shared.run(
        "chmod -R a+rX /opt/wheels; printf '[global]\\nno-index = true\\nfind-links = /opt/wheels\\n' >/etc/pip.conf"
    )
    shared.run("cat >/usr/local/bin/python3 && chmod 755 /usr/local/bin/python3", input=TOO_OLD.encode())
    pyinfra = Pyinfra(tmp_path_factory.mktemp("controller"), shared, **made.data)
    assert "Packages: Podman, age, zstd and what they need" in pyinfra.deploy()
    yield made
    made.close()


def pull(host: Host, succeeds: bool = True) -> Event:
    """Let the host do what its timer does; return what it says of the repository."""
    done = host.run(f"systemctl --user start {UNIT}", user="mms", check=False, timeout=300)
    log = run(host, f"journalctl --user -u {UNIT} -o cat -n 60")
    assert (done.returncode == 0) == succeeds, log
    return next(event for event in events(host) if event.container == "git")


def test_a_signed_commit_is_deployed_and_what_differs_is_put_right(origin: Origin, shared: Host) -> None:
    secrets = run(shared, SECRETS)
    first = origin.commit("Earlier", kometa_times=[AT[0]])
    event = pull(shared)
    assert (event.event, event.previous, event.new) == ("updated", "", first)
    assert run(shared, TIMES) == AT[0]
    made_by = run(shared, "cat ~/.local/state/kometa-host/autodeploy/git/venvs/*/pyvenv.cfg")
    assert re.search(r"^command = \S+/python3\.\d+ -m venv", made_by, re.M), made_by
    # Where it is: what opens the secrets file is not here, and what is here stays.
    assert run(shared, SECRETS) == secrets

    container = run(shared, CONTAINER)
    assert pull(shared).event == "current"
    assert run(shared, CONTAINER) == container

    shared.run(f"podman unshare sh -c 'echo broken: yes >>{CONFIG}/config.yml'", user="mms")
    shared.run("systemctl --user disable --now mms-autodeploy-interactive.timer", user="mms")
    assert pull(shared).event == "updated"
    assert "broken: yes" in run(shared, f"podman unshare cat {CONFIG}/config.yml")  # an addition is Kometa's
    assert run(shared, "systemctl --user is-active mms-autodeploy-interactive.timer") == "active"


def test_a_controller_agrees_with_what_the_host_has_made_of_itself(
    origin: Origin, shared: Host, pyinfra: Pyinfra
) -> None:
    pyinfra.data |= {**origin.data, "kometa_times": [AT[0]]}
    assert pyinfra.preview() == set()
    told = subprocess.run(
        [sys.executable, "-m", "tools.status", str(pyinfra.inventory())],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    column = told[0].index("COMMIT")
    newest = next(event for event in events(shared) if event.container == "git")
    assert told[1][column : column + 7] == newest.new[:7]


def test_only_who_may_sign_is_followed(origin: Origin, shared: Host) -> None:
    before = run(shared, f"{CONTAINER}; {TIMES}")
    unsigned = origin.commit("Not signed", signed=False, kometa_times=[AT[1]])
    event = pull(shared, succeeds=False)
    assert (event.event, event.new) == ("failed", unsigned)
    assert "nor a tag on it is signed by a key of kometa_autodeploy_signers" in event.why

    origin.commit("Signed by somebody else", key=origin.strangers_key, kometa_times=[AT[1]])
    assert "nor a tag on it is signed" in pull(shared, succeeds=False).why
    assert run(shared, f"{CONTAINER}; {TIMES}") == before

    origin.tag("v1")
    assert pull(shared).event == "updated"
    assert run(shared, TIMES) == AT[1]


def test_a_branch_that_was_rewritten_is_followed_only_when_told(origin: Origin, shared: Host, pyinfra: Pyinfra) -> None:
    # The last one that the key signed: it is deployed no more.
    origin.git("reset", "--quiet", "--hard", "HEAD~2")
    origin.push()
    assert "the branch was rewritten" in pull(shared, succeeds=False).why
    origin.commit("Another way", kometa_times=[AT[2]])
    assert "the branch was rewritten" in pull(shared, succeeds=False).why
    assert run(shared, TIMES) == AT[1]
    pyinfra.data |= origin.data
    # Told for once: a server that is away for the time of that gains nothing.
    with origin.away():
        pyinfra.run(UPDATE, "-y", "retry=true", status=1)
    assert "the branch was rewritten" in pull(shared, succeeds=False).why
    shown = pyinfra.run(UPDATE, "-y", "retry=true")
    assert "git: deployed" in shown.text
    assert run(shared, TIMES) == AT[2]


def test_a_commit_with_which_kometa_does_not_live_is_undone_and_not_tried_again(
    origin: Origin, sandbox: Sandbox, shared: Host
) -> None:
    sandbox.registry.publish("crashing", tag="crashing")
    bad = origin.commit("Crashing", kometa_image="lscr.io/linuxserver/kometa:crashing", kometa_times=[AT[3]])
    event = pull(shared, succeeds=False)
    assert (event.event, event.new) == ("rolled-back", bad)
    assert run(shared, TIMES) == AT[2]
    container = run(shared, CONTAINER)
    pull(shared)
    assert "skipped" in {event.event for event in events(shared)[:3]}
    assert run(shared, CONTAINER) == container


def test_a_commit_that_is_refused_changes_nothing_and_the_next_one_heals(origin: Origin, shared: Host) -> None:
    before = run(shared, f"{CONTAINER}; {TIMES}")
    origin.commit("Misspelt", kometa_tmes=[AT[4]])
    event = pull(shared, succeeds=False)
    assert "could not be deployed" in event.why
    assert run(shared, f"{CONTAINER}; {TIMES}") == before
    origin.commit("Mended", kometa_times=[AT[4]])
    assert pull(shared).event == "updated"
    assert run(shared, TIMES) == AT[4]


@pytest.mark.long
def test_a_run_in_progress_is_not_killed_and_the_commit_not_lost(origin: Origin, shared: Host) -> None:
    wait_at_most(shared, 1)
    shared.start_plex()
    begin_run(shared)
    container = run(shared, CONTAINER)
    origin.commit("Meanwhile", kometa_times=[AT[5]])
    assert pull(shared).event == "postponed"
    assert run(shared, CONTAINER) == container
    shared.run(
        f"podman unshare rm {CONFIG}/.standin-run-seconds; rm -r {DROP_IN}; systemctl --user daemon-reload", user="mms"
    )
    assert pull(shared).event == "updated"
    assert run(shared, TIMES) == AT[5]
    shared.run("podman rm -f plex", user="mms")


def test_a_new_signer_is_followed_and_the_previous_one_no_longer(origin: Origin, shared: Host) -> None:
    strangers = [origin.strangers_key.with_suffix(".pub").read_text()]
    origin.commit("Another signer", kometa_autodeploy_signers=strangers)
    assert pull(shared).event == "updated"
    assert pull(shared).event == "current"  # though the commit itself is not signed by the new one
    origin.commit("Signed by the previous one", kometa_autodeploy_signers=strangers)
    assert "nor a tag on it is signed" in pull(shared, succeeds=False).why
    origin.commit("Back", key=origin.strangers_key)
    assert pull(shared).event == "updated"


def test_what_needs_root_is_reported_and_not_done(origin: Origin, shared: Host) -> None:
    shared.run(f"mkdir {CONFIG}/theirs")  # as root of the host
    origin.commit("With files of others", kometa_times=[AT[6]])
    event = pull(shared)
    assert event.event == "updated"
    assert f"left undone: giving away 1 entries of {CONFIG} that are nobody's for mms needs root" in event.why
    assert shared.run(f"stat -c %u {CONFIG}/theirs").stdout.strip() == "0"
    shared.run(f"rmdir {CONFIG}/theirs")


@pytest.mark.long
def test_a_pull_that_is_killed_is_made_up_for(origin: Origin, shared: Host) -> None:
    origin.commit("Cut off", kometa_times=[AT[7]])
    shared.run(f"systemctl --user start --no-block {UNIT}", user="mms")
    wait_until(lambda: bool(run(shared, "pgrep -f 'pyinfra local.py' || true")), "the deploy begins")
    shared.run(f"systemctl --user kill -s KILL {UNIT}", user="mms")
    # What a power failure leaves of files that were not on the disk
    copy = "~/.local/state/kometa-host/autodeploy/git/repository.git"
    shared.run(
        f"find {copy}/objects -type f -exec chmod u+w {{}} + -exec truncate -s 0 {{}} +; touch {copy}/HEAD.lock",
        user="mms",
    )
    assert pull(shared).event == "updated"
    assert run(shared, TIMES) == AT[7]


def test_without_its_repository_nothing_changes(origin: Origin, shared: Host) -> None:
    before = run(shared, f"{CONTAINER}; {TIMES}")
    with origin.away():
        event = pull(shared, succeeds=False)
    assert "the repository could not be fetched, nothing was changed: fatal: repository" in event.why
    assert run(shared, f"{CONTAINER}; {TIMES}") == before
