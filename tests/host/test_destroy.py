"""destroy.py takes off what deploy.py made, keeps the data unless told otherwise, and can be undone by a deploy."""

from __future__ import annotations

import pytest

from tests.host.driver import CONFIG, QUADLETS, Pyinfra, trigger_run, wait_for_kometa
from tests.sandbox import Host
from tests.sandbox.host import PLEX_IMAGE
from tests.sandbox.shell import wait_until

LEFT = (
    "podman ps -aq; podman images -q; podman network ls -q --filter name=mms; ls ~/.local/lib/kometa-host; "
    "find ~/.config -name 'kometa*' -o -name 'mms*'; systemctl --user list-unit-files 'kometa*' 'mms*' --no-legend; "
    "systemctl --user --failed --no-legend"
)
SUM = f"podman unshare sh -c 'cd {CONFIG} && find . -path ./logs -prune -o -type f -exec sha256sum {{}} + | sort'"
BACKUPS = "/data/backups/config/kometa"


def destroy(pyinfra: Pyinfra, *arguments: str) -> set[str]:
    """Destroy and return the operations that changed something."""
    return pyinfra.run("destroy.py", "-y", "--json", *arguments).changed()


def test_all_goes_but_the_data_and_a_deploy_brings_everything_back(shared: Host, pyinfra: Pyinfra) -> None:
    shared.run(f"podman unshare sh -c 'echo mine > {CONFIG}/mine.yml; chown 3000:3000 {CONFIG}/mine.yml'", user="mms")
    shared.run("install -d -o mms /srv/metrics; touch /srv/metrics/kometa.prom /srv/metrics/others.prom")
    noted = "~/.local/state/kometa-host/runs"
    shared.run(f"mkdir -p {noted}; echo /srv/metrics >{noted}/metrics-dir", user="mms")
    before = shared.run(SUM, user="mms").stdout
    predicted = pyinfra.run("destroy.py", "--dry", "--json").predicted()
    assert shared.run("systemctl --user is-active kometa", user="mms").stdout == "active\n"
    assert destroy(pyinfra) == predicted
    assert shared.run(LEFT, user="mms", check=False).stdout == ""
    assert shared.run("ls /srv/metrics").stdout == "others.prom\n"
    shared.run("podman run -d --name kometa --entrypoint sleep lscr.io/linuxserver/kometa:latest 600", user="mms")
    assert destroy(pyinfra) == set()
    assert shared.run("podman ps --format '{{.Names}}'", user="mms").stdout == "kometa\n"  # it is somebody else's
    shared.run("podman rm -f -t 0 kometa", user="mms")
    assert shared.run(SUM, user="mms").stdout == before
    assert "plextoken" in shared.run("podman secret ls", user="mms").stdout
    assert pyinfra.deploy()
    wait_for_kometa(shared)
    assert pyinfra.preview() == set()
    assert shared.run(SUM, user="mms").stdout == before
    assert not shared.run("ls ~/.local/state/kometa-host/replaced 2>/dev/null", user="mms", check=False).stdout


def test_without_its_user_manager_nothing_is_removed_and_the_remedy_helps(shared: Host, pyinfra: Pyinfra) -> None:
    shared.run("loginctl disable-linger mms; systemctl stop user@3000.service")
    refused = pyinfra.run("destroy.py", "-y", status=1).text
    assert "the user manager of mms does not run" in refused
    assert shared.run(f"ls {QUADLETS}").stdout
    shared.run("loginctl enable-linger mms && systemctl start user@3000.service")
    assert "Service kometa and its container" in pyinfra.run("destroy.py", "--dry", "--json").predicted()
    wait_for_kometa(shared)


def test_a_run_in_progress_is_not_killed_unless_told_so(shared: Host, pyinfra: Pyinfra) -> None:
    shared.start_plex()
    trigger_run(shared, 600)
    begun = f"podman unshare grep -q 'Processing item' {CONFIG}/logs/meta.log"
    wait_until(lambda: shared.run(begun, user="mms", check=False).returncode == 0, "a run")
    refused = pyinfra.run("destroy.py", "-y", status=1)
    assert "a run is in progress since" in refused.text
    assert "nothing was changed" in refused.text
    assert shared.run("systemctl --user is-active kometa", user="mms").stdout == "active\n"
    assert "Service kometa and its container" in destroy(pyinfra, "--data", "kometa_restart=now")
    shared.run(f"podman unshare rm {CONFIG}/.standin-run-seconds; podman rm -f plex; podman rmi {PLEX_IMAGE}", "mms")
    pyinfra.deploy()


@pytest.mark.long
def test_a_network_that_others_use_stays_with_its_quadlet_until_they_have_gone(shared: Host, pyinfra: Pyinfra) -> None:
    shared.start_plex()
    kept = "podman network exists mms && ls ~/.config/containers/systemd"
    changed = destroy(pyinfra)
    assert "Network mms" not in changed
    assert shared.run(kept, user="mms").stdout == "mms.network\n"
    assert shared.run("systemctl --user is-active mms-network", user="mms").stdout == "active\n"
    assert destroy(pyinfra) == set()
    shared.run("podman rm -f plex", user="mms")
    assert {"Network mms", "Quadlets"} <= destroy(pyinfra)
    shared.run("podman rmi -a -f", user="mms")
    assert shared.run(LEFT, user="mms", check=False).stdout == ""
    pyinfra.deploy()


def test_data_go_only_when_the_name_of_the_host_confirms_it(shared: Host, pyinfra: Pyinfra) -> None:
    archives = "kometa-2026-01-01T000000Z.tar.zst.age kometa-2025-01-01.tar.zst"
    shared.run(f"mkdir -p {BACKUPS} && cd {BACKUPS} && touch {archives} radarr-2025-01-01.tar.zst && chown -R mms: .")
    shared.run("echo a note > ~/note", user="mms")
    data = ("--data", "destroy_data=true")
    listed = pyinfra.run("destroy.py", "--dry", *data)
    for name in (CONFIG, *archives.split(), "plextoken, tmdbapikey"):
        assert name in listed.text
    assert "radarr" not in listed.text
    for wrong in ((), ("--data", "destroy_confirm=other-host")):
        assert "nothing was changed" in pyinfra.run("destroy.py", "-y", *data, *wrong, status=1).text
    refused = pyinfra.run("destroy.py", "-y", *data, status=1, typed="other-host\n").text
    assert f"type the host's name ({shared.name}) to delete them" in refused
    assert "nothing was changed" in refused
    assert shared.run("systemctl --user is-active kometa", user="mms").stdout == "active\n"
    assert "write" in pyinfra.run("destroy.py", "-y", "--data", "destroy_data=maybe", status=1).text.lower()

    confirmed = (*data, "--data", f"destroy_confirm={shared.name}")
    assert "Account mms" not in destroy(pyinfra, *confirmed)
    assert shared.run(LEFT, user="mms", check=False).stdout == ""
    assert shared.run(f"ls {BACKUPS}").stdout == "radarr-2025-01-01.tar.zst\n"
    assert shared.run("cat ~/note", user="mms").stdout == "a note\n"
    assert shared.run("podman secret ls -q; ls -A ~/.local/state ~/config", user="mms").stdout.split() == [
        "/home/mms/.local/state:",
        "/home/mms/config:",
    ]

    shared.run("rm ~/note", user="mms")
    jobs = "/var/spool/cron/crontabs/mms /var/spool/cron/atjobs/a1"
    shared.run(f"mkdir -p /var/spool/cron/crontabs /var/spool/cron/atjobs; touch {jobs}; chown mms: {jobs}")
    shared.run("setsid setpriv --reuid 102999 --clear-groups sleep 900 </dev/null >/dev/null 2>&1 &")
    typed = pyinfra.run("destroy.py", "-y", "--json", *data, typed=f"{shared.name}\n")
    assert typed.changed() == {"Account mms"}
    assert shared.run("getent passwd mms; ls /home/mms; pgrep -u 102999", check=False).stdout == ""
    assert shared.run(f"ls {jobs}", check=False).stdout == ""
    assert destroy(pyinfra, *confirmed) == set()  # the last test: the host has no account now
