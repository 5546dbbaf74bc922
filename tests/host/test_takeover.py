"""A deploy on a host that runs the previous stack: as Ansible playbooks left it, with other services beside Kometa."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.driver import CONFIG, QUADLETS, Pyinfra, wait_for_kometa
from tests.sandbox import Host, Sandbox

USER_UNITS = "/home/mms/.config/systemd/user"
BACKUPS = "/data/backups/config/kometa"
KOMETA = """\
# Ansible managed
[Unit]
Description=kometa
After=plex.service
[Container]
ContainerName=kometa
Image=lscr.io/linuxserver/kometa:v2.4.4
Network=mms.network
Tmpfs=/run:U
Volume=%h/config/kometa:/config:Z
EnvironmentFile=%h/config/kometa/kometa.env
Environment=STANDIN_STOP_SECONDS=0.2
AutoUpdate=registry
[Service]
Restart=always
[Install]
WantedBy=default.target
"""
NETWORK = "# Ansible managed\n[Network]\nNetworkName=mms\nLabel=of=the-others\n"
ENV = "PUID=3000\nPGID=3000\nTZ=America/New_York\nKOMETA_TIME=06:00\nKOMETA_PLEXTOKEN=previous-token\n"
CONFIG_YML = (
    "libraries:\n  Movies:\nplex:\n  url: http://plex:32400\n  token: previous-token\ntmdb:\n  apikey: abc\nown: kept\n"
)
SERVICE = "# Ansible managed\n[Service]\nType=oneshot\nExecStart=/usr/bin/true\n"
TIMER = "# Ansible managed\n[Timer]\nOnCalendar=*-*-* 03:00:00\n[Install]\nWantedBy=timers.target\n"
OTHERS = [f"mms-{name}.{kind}" for name in ("backup", "autodeploy-interactive") for kind in ("service", "timer")]
OF_OTHERS = (
    f"cd {USER_UNITS} && sha256sum {' '.join(OTHERS)} {QUADLETS}/mms.network;"
    f" systemctl --user is-enabled {OTHERS[1]} {OTHERS[3]}"
)


def write(host: Host, path: str, text: str, user: str = "mms") -> None:
    """Write a file of the host."""
    host.run(f"mkdir -p $(dirname {path}) && cat >{path}", user=user, input=text.encode())


def build_previous_stack(host: Host) -> None:
    """Make the host what the previous stack's playbooks made of it."""
    host.run("useradd --create-home --uid 3000 --user-group mms && loginctl enable-linger mms")
    host.run("while ! [ -S /run/user/3000/bus ]; do sleep 0.1; done")
    write(host, f"{QUADLETS}/kometa.container", KOMETA)
    write(host, f"{QUADLETS}/mms.network", NETWORK)
    for name in OTHERS:
        write(host, f"{USER_UNITS}/{name}", TIMER if name.endswith("timer") else SERVICE)
    write(host, f"{CONFIG}/config.yml", CONFIG_YML)
    write(host, f"{CONFIG}/kometa.env", ENV)
    write(host, f"{CONFIG}/collections/own.yml", "collections: {}\n", user="root")
    write(host, f"{BACKUPS}/kometa-2025-10-01.tar.zst", "x", user="root")
    host.run(f"chown -R mms: {BACKUPS} {CONFIG}/collections; chown root: {CONFIG}/collections/own.yml")
    host.run("podman pull -q lscr.io/linuxserver/kometa:v2.4.4 && systemctl --user daemon-reload", user="mms")
    host.run(f"systemctl --user enable -q --now {OTHERS[1]} {OTHERS[3]}; systemctl --user start kometa", user="mms")
    wait_for_kometa(host)


@pytest.fixture(scope="module")
def previous(sandbox: Sandbox) -> Iterator[Host]:
    """A host that runs the previous stack, until the last test."""
    with sandbox.host("ready", name="previous") as host:
        build_previous_stack(host)
        yield host


def test_what_cannot_be_told_is_refused_before_anything_changes(previous: Host, tmp_path: Path) -> None:
    pyinfra = Pyinfra(tmp_path, previous)
    state = f"cd ~ && ls -laR {QUADLETS} {USER_UNITS} .local/state; podman ps --format '{{{{.ID}}}}'"
    write(previous, f"{USER_UNITS}/kometa.service", "[Service]\nExecStart=/usr/bin/sleep 600\n")
    write(previous, "/etc/containers/systemd/kometa.container", KOMETA, user="root")
    previous.run(f"sed -i s,%h/config/kometa:,%h/elsewhere:, {QUADLETS}/kometa.container", user="mms")
    before = previous.run(state, user="mms", check=False).stdout
    refused = pyinfra.run("deploy.py", "-y", status=1).text
    for said in ("hides the unit", "belongs to root", "has /home/mms/elsewhere at /config"):
        assert said in refused
    assert previous.run(state, user="mms", check=False).stdout == before

    previous.run(f"rm {USER_UNITS}/kometa.service /etc/containers/systemd/kometa.container")
    previous.run(f"sed -i s,%h/elsewhere:,%h/config/kometa:, {QUADLETS}/kometa.container", user="mms")
    previous.run("systemctl --user stop kometa; systemctl --user daemon-reload", user="mms")
    image = "lscr.io/linuxserver/kometa:v2.4.4"
    previous.run(f"podman run -d --name kometa --network none --entrypoint sleep {image} 600", user="mms")
    assert "that kometa.service has not made" in pyinfra.run("deploy.py", "-y", status=1).text
    assert previous.run("podman ps --format '{{.Names}}'", user="mms").stdout == "kometa\n"
    previous.run("podman rm -f -t 0 kometa; systemctl --user start kometa", user="mms")
    wait_for_kometa(previous)


def test_where_the_new_unit_is_not_healthy_the_previous_one_runs_again(
    previous: Host, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.registry.publish("broken", tag="broken")
    pyinfra = Pyinfra(tmp_path, previous, kometa_image="lscr.io/linuxserver/kometa:broken")
    assert "the previous ones run again" in pyinfra.run("deploy.py", "-y", status=1).text
    assert "Ansible managed" in previous.run(f"cat {QUADLETS}/kometa.container").stdout
    wait_for_kometa(previous)
    previous.run("rm -r ~/.local/state/kometa-host", user="mms")
    previous.run(f"podman unshare sh -c 'cat >{CONFIG}/config.yml'", user="mms", input=CONFIG_YML.encode())


def test_units_config_and_backups_are_taken_over_in_place_and_others_keep_theirs(
    previous: Host, tmp_path: Path
) -> None:
    pyinfra = Pyinfra(tmp_path, previous)
    others = previous.run(OF_OTHERS, user="mms").stdout
    previewed = pyinfra.run("deploy.py", "--dry")
    outcome = pyinfra.run("deploy.py", "-y")
    for said in (
        "taken over: /home/mms/.config/containers/systemd/kometa.container",
        "left to others: mms.network",
        "left to others: mms-autodeploy-interactive.service, mms-autodeploy-interactive.timer, mms-backup.service",
        "1 previous backups",
        "no longer used: /home/mms/config/kometa/kometa.env",
    ):
        assert said in outcome.text
        assert said in previewed.text
    assert "previous-token" not in outcome.text + previewed.text
    assert previous.run(OF_OTHERS, user="mms").stdout == others
    assert "Written by kometa-host" in previous.run(f"head -n1 {QUADLETS}/kometa.container").stdout
    config = previous.run(f"cat {CONFIG}/config.yml; ls {CONFIG}/collections {BACKUPS}").stdout
    for kept in ("own: kept", "own.yml", "kometa-2025-10-01.tar.zst"):
        assert kept in config
    saved = previous.run(
        "cd ~/.local/state/kometa-host/replaced && cat */*/config.yml */*/kometa.container", user="mms"
    )
    assert "previous-token" in saved.stdout
    assert "# Ansible managed" in saved.stdout
    assert not previous.run(f"podman unshare find {CONFIG} ! -uid 3000", user="mms").stdout
    timers = previous.run("systemctl --user list-timers --no-legend", user="mms").stdout
    assert "mms-autodeploy-interactive-kometa.timer" in timers
    wait_for_kometa(previous)
    assert pyinfra.deploy() == set()
    assert "is the newest" in pyinfra.run("operations.autodeploy.run", "-y").text

    previous.run(
        f"cd {USER_UNITS}; systemctl --user disable -q --now {OTHERS[3]}; rm {OTHERS[2]} {OTHERS[3]}", user="mms"
    )
    assert pyinfra.deploy() == {"Timers"}
    assert previous.run(f"ls {USER_UNITS}", user="mms").stdout.count("mms-autodeploy") == 2
    pyinfra.run("destroy.py", "-y")
    assert previous.run(f"ls {QUADLETS} {USER_UNITS}", user="mms").stdout.split()[1:2] == ["mms.network"]
    assert previous.run("podman network exists mms && echo there", user="mms").stdout == "there\n"
