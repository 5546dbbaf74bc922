"""A Kometa of Docker moves in: read over SSH, deployed, run, with its mounts, its limit and its tokens."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.driver import CONFIG, PROJECT, QUADLETS, SECRETS, wait_for_kometa
from tests.sandbox import Host

APPDATA = "/opt/appdata/kometa"
TOKENS = ("made-up-access-token", "made-up-refresh-token")
CONFIG_YML = f"""\
libraries:                       # as in Plex
  Movies:
    metadata_path:
    - file: config/Movies.yml
    - folder: config/linked
plex:
  url: http://plex:32400
  token: {SECRETS["plextoken"]}
tmdb:
  apikey: {SECRETS["tmdbapikey"]}
settings:
  asset_directory: /art
trakt:
  client_id: made-up-client-id
  client_secret: made-up-client-secret
  authorization:
    access_token: {TOKENS[0]}
    refresh_token: {TOKENS[1]}
    scope: public
"""
COLLECTION = "collections:\n  All:\n    plex_all: true\n"
COMPOSE = """\
services:
  kometa:
    image: kometateam/kometa
    environment: [TZ=Europe/Berlin, "KOMETA_TIME=04:30"]
    volumes: ["./config:/config", "/srv/art:/art:ro"]
"""


@pytest.fixture
def clone(tmp_path: Path, shared: Host) -> Path:
    """A fresh clone of the project whose inventory has the host."""
    clone = tmp_path / "clone"
    names = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, clone / name)
    (clone / "inventory.py").write_text(f"hosts = [({shared.name!r}, {shared.pyinfra_data!r})]\n")
    return clone


@pytest.fixture
def appdata(shared: Host) -> None:
    """What a container of Docker left on the host, with what Kometa wrote there itself."""
    shared.start_plex()
    shared.run(
        f"mkdir -p {APPDATA}/config/logs {APPDATA}/config/more /srv/art && chmod 755 /srv/art"
        f" && echo x > {APPDATA}/config/logs/meta.log"
    )
    for name, text in {"config/config.yml": CONFIG_YML, "docker-compose.yml": COMPOSE,
                       "config/Movies.yml": COLLECTION, "config/more/Own.yml": COLLECTION}.items():  # fmt: skip
        shared.run(f"cat > {APPDATA}/{name}", input=text.encode())
    shared.run(f"ln -sfn more {APPDATA}/config/linked; ln -sfn /etc/shadow {APPDATA}/config/shadow.yml")


def command(clone: Path, host: Host, *words: str, status: int | None = 0) -> str:
    """Run a command of the clone, with an ssh that reaches the host; return all that it printed."""
    folder = clone.parent / "bin"
    folder.mkdir(exist_ok=True)
    ssh = folder / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {" ".join(host.ssh_options)} "$@"\n')
    ssh.chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(clone), "PYINFRA_PROGRESS": "off",
        **({"KOMETA_AGE_IDENTITY": "age-identity.txt"} if (clone / "age-identity.txt").exists() else {}),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=clone, env=environment, capture_output=True, text=True, timeout=300
    )
    shown = done.stdout + done.stderr
    assert status is None or done.returncode == status, shown
    for secret in (*SECRETS.values(), *TOKENS, "made-up-client-secret"):
        assert secret not in shown
    return shown


def deploy(clone: Path, host: Host) -> str:
    return command(clone, host, "pyinfra", "inventory.py", "deploy.py", "-y")


def on_host(host: Host) -> str:
    return host.run(f"cat {QUADLETS}/kometa.container; podman unshare cat {CONFIG}/config.yml", user="mms").stdout


@pytest.mark.usefixtures("appdata")
def test_a_kometa_of_docker_moves_in_and_runs(shared: Host, clone: Path) -> None:
    before = shared.run(f"find {APPDATA} -type f | sort | xargs sha256sum").stdout
    shown = command(clone, shared, "tools.adopt", f"root@{shared.address}:{APPDATA}")
    assert 'kometa_times = ["04:30"]' in shown
    assert "links that lead out of the source, or to nothing, are not followed: config/shadow.yml" in shown
    for name in ("more/Own.yml", "linked/Own.yml"):
        assert (clone / "kometa" / name).read_text() == COLLECTION
    assert shared.run(f"find {APPDATA} -type f | sort | xargs sha256sum").stdout == before
    assert "nothing was changed" in command(clone, shared, "tools.adopt", f"root@{shared.address}:{APPDATA}")
    assert "are in order" in command(clone, shared, "tools.check")

    deploy(clone, shared)
    wait_for_kometa(shared)
    found = on_host(shared)
    for line in ("Volume=/srv/art:/art:ro", "Environment=TZ=Europe/Berlin"):
        assert line in found
    assert TOKENS[0] in found
    assert SECRETS["plextoken"] not in found
    mounted = "{{range .Mounts}}{{.Destination}} {{end}}"
    mounts = shared.run(f"podman inspect kometa --format '{mounted}'", user="mms").stdout
    assert sorted(mounts.split()) == ["/art", "/config"]
    assert "no warnings" in command(clone, shared, "pyinfra", "inventory.py", "operations.kometa.run_once", "-y")

    kept = on_host(shared).replace(TOKENS[0], "refreshed-by-kometa")
    shared.run(f"podman unshare sed -i s/{TOKENS[0]}/refreshed-by-kometa/ {CONFIG}/config.yml", user="mms")
    deploy(clone, shared)
    assert on_host(shared) == kept


@pytest.mark.usefixtures("appdata")
@pytest.mark.long
def test_a_shape_that_is_taken_out_is_undone_and_what_is_not_there_is_refused(shared: Host, clone: Path) -> None:
    variables = clone / "group_data" / "all.py"
    plain = variables.read_text() + f"kometa_secrets = {SECRETS!r}\n"
    variables.write_text(plain + 'kometa_quadlet = {"Container": {"DNS": "192.0.2.1"}, "Service": {"CPUWeight": 20}}\n')
    assert "+DNS=192.0.2.1" in command(clone, shared, "pyinfra", "inventory.py", "deploy.py", "--dry", "--diff")
    deploy(clone, shared)
    assert "DNS=192.0.2.1" in on_host(shared)
    variables.write_text(plain + 'kometa_volumes = ["/srv/nosuch:/art"]\n')
    refused = command(clone, shared, "pyinfra", "inventory.py", "deploy.py", "-y", status=1)
    assert "kometa_volumes names /srv/nosuch, which" in refused
    assert "DNS=192.0.2.1" in on_host(shared)
    variables.write_text(plain)
    shared.run(
        f"mkdir -p {QUADLETS}/kometa.container.d; echo '[Container]' > {QUADLETS}/kometa.container.d/my.conf",
        user="mms",
    )
    deploy(clone, shared)
    assert "DNS=" not in on_host(shared)
    assert "CPUWeight" not in on_host(shared)
    assert "left alone: kometa.container.d/my.conf" in command(clone, shared, "tools.doctor", status=None)
