"""A preview names exactly what the following run then changes."""

from pathlib import Path

import pytest

from tests.host.driver import CONFIG, QUADLETS, Pyinfra
from tests.sandbox import Host, Sandbox

PODMAN = "runuser -u mms -- env XDG_RUNTIME_DIR=/run/user/3000 podman"
SYSTEMCTL = "runuser -u mms -- env XDG_RUNTIME_DIR=/run/user/3000 systemctl --user"
SERVICE = "Service kometa"
TREE = f"Config tree {CONFIG}"
OWNERS = "Config tree belongs to 3000:3000 in the container"

# what a tired person does to a host, and the operations that mend it
BREAKS = {
    "a unit's text": (f"echo '# mine' >>{QUADLETS}/kometa.container", {"Quadlets", SERVICE}),
    "a unit's mode": (f"chmod 600 {QUADLETS}/mms.network", {"Quadlets"}),
    "a deleted unit": (f"rm {QUADLETS}/kometa.container", {"Quadlets", SERVICE}),
    "a unit that systemd has forgotten": (
        f"mv {QUADLETS}/kometa.container /tmp; {SYSTEMCTL} daemon-reload; mv /tmp/kometa.container {QUADLETS}",
        {"Quadlets"},
    ),
    "an owner deep in the tree": (f"chown root:root {CONFIG}/logs/meta.log", {OWNERS}),
    "a mode of a file of ours": (f"chmod 644 {CONFIG}/config.yml", {TREE}),
    "a mode of the tree": (f"chmod 755 {CONFIG}", {TREE}),
    "a deleted config file": (f"rm {CONFIG}/collections/movies.yml", {TREE}),
    "a deleted config.yml": (f"rm {CONFIG}/config.yml", {TREE}),
    "a directory in place of nothing": (f"rm -r {CONFIG}/collections", {TREE}),
    "a foreign edit of config.yml": (
        f"sed -i 's#http://plex:32400#https://plex.example.org#' {CONFIG}/config.yml",
        {TREE},
    ),
    "a config.yml that is no YAML": (f"echo '[' >{CONFIG}/config.yml", {TREE}),
    "an edited file with its old times": (
        f"cp -p {CONFIG}/collections/movies.yml /tmp/m; tr a b </tmp/m >{CONFIG}/collections/movies.yml;"
        f" touch -r /tmp/m {CONFIG}/collections/movies.yml",
        {TREE},
    ),
    "a stopped service": (f"{SYSTEMCTL} stop kometa.service", {SERVICE}),
    "a frozen container": (f"{PODMAN} pause kometa", {SERVICE}),
    "a Kometa that halted for lack of config.yml": (
        f"rm {CONFIG}/config.yml; {SYSTEMCTL} restart kometa.service",
        {TREE, SERVICE},
    ),
    "a missing network": (f"{SYSTEMCTL} stop kometa.service; {PODMAN} network rm -f mms", {"Network mms", SERVICE}),
    "lingering off": (
        "loginctl disable-linger mms; systemctl stop user@3000.service",
        {"Services of mms run without a login", SERVICE, "Timers"},
    ),
    "a missing program": ("dpkg --remove --force-depends zstd", {"Packages: Podman, age, zstd and what they need"}),
    "a missing image": (
        f"{SYSTEMCTL} stop kometa.service; {PODMAN} rmi -f lscr.io/linuxserver/kometa:latest",
        {"Image lscr.io/linuxserver/kometa:latest", SERVICE},
    ),
    "a missing secret": (f"{PODMAN} secret rm kometa-plextoken", {"Secrets", SERVICE}),
    "a foreign value in a secret": (
        f"printf x | {PODMAN} secret create --replace --label kometa-host.digest=00:00 kometa-plextoken -",
        {"Secrets", SERVICE},
    ),
    "a secret of ours that nobody wants": (
        f"printf x | {PODMAN} secret create --label kometa-host.digest=00:00 kometa-old -",
        {"Secrets no longer wanted"},
    ),
}
# what is done to a host at once: an operation that is foreseen has one cause
TOGETHER = (
    (
        "a unit's text",
        "an owner deep in the tree",
        "a mode of a file of ours",
        "a secret of ours that nobody wants",
        "a missing program",
    ),
    ("a unit's mode", "a mode of the tree", "a foreign value in a secret"),
    ("a deleted unit", "a deleted config file"),
    ("a unit that systemd has forgotten", "a deleted config.yml", "a missing secret"),
    ("a foreign edit of config.yml", "a stopped service"),
    ("a config.yml that is no YAML", "a missing network"),
    ("an edited file with its old times", "a frozen container"),
    ("a directory in place of nothing", "a missing image"),
    ("a Kometa that halted for lack of config.yml",),
    ("lingering off",),
)


@pytest.fixture(scope="module")
def after_a_run(shared: Host) -> Host:
    """The module's host, on which Kometa has run once, so that there are logs, a cache and a config.yml of its own."""
    shared.run(
        "podman exec --user abc kometa python3 /app/kometa/kometa.py --run --config /config/config.yml", user="mms"
    )
    return shared


def test_a_bare_host_is_left_alone_by_a_preview_which_then_comes_true(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox.host("bare") as host:
        pyinfra = Pyinfra(tmp_path, host)
        ours_not = "-path /var/log -o -path /proc -o -path /tmp -o -path /run"
        listing = f"find / -xdev \\( {ours_not} \\) -prune -o -printf '%p %m %U %s %T@\\n' | sort"
        before = host.run(listing).stdout
        predicted = pyinfra.preview()
        assert host.run(listing).stdout == before
        assert pyinfra.deploy() == predicted
        assert "Service kometa" in predicted
        assert pyinfra.preview() == set()
        assert pyinfra.deploy() == set()


def test_each_break_is_tried_once_and_beside_none_that_needs_the_same_operation() -> None:
    assert sorted(name for names in TOGETHER for name in names) == sorted(BREAKS)
    for names in TOGETHER:
        operations = [operation for name in names for operation in BREAKS[name][1]]
        assert len(operations) == len(set(operations))


@pytest.mark.parametrize("names", TOGETHER, ids=" and ".join)
def test_what_is_broken_by_hand_is_predicted_and_mended(
    names: tuple[str, ...], after_a_run: Host, pyinfra: Pyinfra
) -> None:
    operations: set[str] = set()
    for command, mended_by in (BREAKS[name] for name in names):
        after_a_run.run(f"cd /; {command}")
        operations |= mended_by
    assert pyinfra.preview() == operations  # nothing of the case before
    assert pyinfra.deploy() == operations


def test_what_kometa_adds_to_its_config_is_kept_and_no_drift(after_a_run: Host, pyinfra: Pyinfra) -> None:
    added = after_a_run.run(f"cat {CONFIG}/config.yml").stdout
    assert "playlist_report" in added
    assert pyinfra.preview() == set()
    after_a_run.run(f"sed -i 's/http:..plex:32400/http:\\/\\/other:32400/' {CONFIG}/config.yml")
    pyinfra.deploy()
    mended = after_a_run.run(f"cat {CONFIG}/config.yml").stdout
    assert "http://plex:32400" in mended
    assert "playlist_report" in mended


def test_files_of_others_are_never_touched(after_a_run: Host, pyinfra: Pyinfra) -> None:
    after_a_run.run(
        f"printf '[Container]\\nImage=localhost/none\\n' >{QUADLETS}/theirs.container; echo keep >{CONFIG}/theirs.yml;"
        f" chown --reference={CONFIG}/config.yml {CONFIG}/theirs.yml; echo '#' >>{QUADLETS}/kometa.container;"
        f" rm {CONFIG}/config.yml"
    )
    pyinfra.deploy()
    assert after_a_run.run(f"cat {CONFIG}/theirs.yml").stdout == "keep\n"
    assert "localhost/none" in after_a_run.run(f"cat {QUADLETS}/theirs.container").stdout
    after_a_run.run(f"cd /; rm {CONFIG}/theirs.yml {QUADLETS}/theirs.container; {SYSTEMCTL} daemon-reload")


def test_a_diff_shows_lines_of_texts_and_of_config_yml_only_that_it_differs(
    after_a_run: Host, pyinfra: Pyinfra
) -> None:
    after_a_run.run(
        f"sed -i 's/^Restart=.*/Restart=no/' {QUADLETS}/kometa.container;"
        f" sed -i 's/^  token: .*/  token: Xk3sv9Qw7LmN2pRtYbHz/' {CONFIG}/config.yml;"
        f" echo '# mine' >>{CONFIG}/collections/movies.yml"
    )
    text = pyinfra.run("deploy.py", "--dry", "--diff").text
    assert "-Restart=no" in text
    assert "+Restart=always" in text
    assert "-# mine" in text
    assert "config.yml: plex.token" in text
    assert "Xk3sv9Qw7LmN2pRtYbHz" not in text
    pyinfra.deploy()
