"""A deploy on a real host, with what can go wrong beside what goes right."""

import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kometa_host.settings.variables import Settings
from kometa_host.state import desired
from tests.host.driver import CONFIG, PROJECT, QUADLETS, SECRETS, Outcome, Pyinfra, far_time, wait_for_kometa
from tests.sandbox import Host, Sandbox
from tests.sandbox.shell import wait_until

IMAGE = "lscr.io/linuxserver/kometa"
SERVICE = "Service kometa"
LOCK = "~/.local/state/kometa-host/lock"
LINGERING = "Services of mms run without a login"
PASSWORD, WRONG = "sandbox", "wr0ng"  # of the sandbox's account careful
TREE = f"Config tree {CONFIG}"
STATE_OF_HOST = (
    f"cat {QUADLETS}/kometa.container; find {CONFIG} -name '*.yml' | sort | xargs cat; stat -c '%n %a %u' {CONFIG}"
)
KOMETA_PROCESS = "podman exec kometa pgrep -o -f '[k]ometa/kometa.py'; podman inspect -f '{{.State.StartedAt}}' kometa"


@pytest.fixture
def tree() -> Iterator[Path]:
    """A copy of the project's config tree in the project's folder, to be changed by a test."""
    folder = PROJECT / "build" / f"tree-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PROJECT / "kometa", folder)
    yield folder
    shutil.rmtree(folder)


def source(tree: Path) -> str:
    """The folder as kometa_config_source takes it."""
    return str(tree.relative_to(PROJECT))


def process(host: Host) -> str:
    """What distinguishes one life of Kometa from another."""
    return host.run(KOMETA_PROCESS, user="mms").stdout


def arguments_while(process: "subprocess.Popen[str]") -> set[str]:
    """The argument lists of all processes of this machine, its sandbox hosts included, until the process ends."""
    seen: set[str] = set()
    while process.poll() is None:
        for folder in Path("/proc").iterdir():
            with suppress(OSError):
                if folder.name.isdecimal():
                    seen.add((folder / "cmdline").read_text(errors="replace").replace("\0", " "))
        time.sleep(0.02)  # the host wants a processor, too
    return seen


@pytest.fixture
def plex(shared: Host) -> Iterator[None]:
    """The stand-in for Plex, beside Kometa on its network."""
    shared.start_plex()
    yield
    shared.run("podman rm -f plex", user="mms")


class TestWhoConnects:
    def test_an_admin_with_sudo_needs_nothing_more(self, shared: Host, tmp_path: Path) -> None:
        shared.run(f"chmod 600 {QUADLETS}/mms.network; dpkg --remove --force-depends zstd")
        changed = Pyinfra(tmp_path, shared, ssh_user="admin").deploy()
        assert changed == {"Quadlets", "Packages: Podman, age, zstd and what they need"}

    def test_an_admin_whose_sudo_wants_a_password_gives_it(self, shared: Host, tmp_path: Path) -> None:
        shared.run(f"chmod 600 {QUADLETS}/mms.network; loginctl disable-linger mms; systemctl stop user@3000")
        deploy = Pyinfra(tmp_path, shared, ssh_user="careful", _sudo_password=PASSWORD).start(
            "deploy.py", "-y", "--json"
        )
        shown = arguments_while(deploy)
        output, errors = deploy.communicate(timeout=120)
        assert Outcome(deploy.returncode, output, errors).changed() == {"Quadlets", LINGERING, SERVICE, "Timers"}, (
            errors
        )
        of_sudo = [line for line in shown if re.search(r"\bsudo\b", line)]
        assert of_sudo
        # the word is the name of a host as well, so only what sudo and the programs around it show is looked at
        assert not any(PASSWORD in line.split() for line in of_sudo)

    def test_an_admin_whose_password_is_missing_or_wrong_is_told_so(self, shared: Host, tmp_path: Path) -> None:
        missing = Pyinfra(tmp_path, shared, ssh_user="careful").run("deploy.py", "-y", status=1)
        assert "wants a password" in missing.text
        wrong = Pyinfra(tmp_path, shared, ssh_user="careful", _sudo_password=WRONG).run("deploy.py", "-y", status=1)
        assert "refused" in wrong.text
        # A lock such as pam_faillock's counts attempts: one word is one.
        assert shared.run("journalctl -q -t sudo -o cat").stdout.count("sudo:auth): authentication failure") == 1
        assert WRONG not in wrong.text

    def test_the_account_itself_does_all_that_needs_no_root_and_says_what_does(
        self, shared: Host, tmp_path: Path
    ) -> None:
        shared.run(
            "mkdir -p /home/mms/.ssh; cp /root/.ssh/authorized_keys /home/mms/.ssh; chown -R mms: /home/mms/.ssh"
        )
        shared.run(f"chmod 600 {QUADLETS}/mms.network")
        pyinfra = Pyinfra(tmp_path, shared, ssh_user="mms")
        assert pyinfra.deploy() == {"Quadlets"}
        shared.run("dpkg --remove --force-depends zstd")
        outcome = pyinfra.run("deploy.py", "-y", status=1)
        assert "installing zstd needs root, and the connection is mms's own" in outcome.text
        Pyinfra(tmp_path, shared).deploy()


class TestPlexOnTheHostItself:
    def test_its_own_address_is_refused_and_the_name_in_the_remedy_works(self, shared: Host, tmp_path: Path) -> None:
        shared.session.registry.publish("plex")
        image = "docker.io/plexinc/pms-docker:latest"
        shared.run(f"podman run --quiet --detach --replace --name outside --network host {image}", user="mms")
        try:
            outcome = Pyinfra(tmp_path, shared, kometa_plex_url=f"http://{shared.address}:32400").run(
                "deploy.py", "--dry", status=1
            )
            assert "an address of this host itself" in outcome.text
            assert "Set kometa_plex_url to http://host.containers.internal:32400" in outcome.text
            asked = "podman exec kometa curl -sf --retry 5 --retry-connrefused -o /dev/null http://%s:32400/identity"
            shared.run(asked % "host.containers.internal", user="mms")
            refused = shared.run(asked.replace("--retry 5 ", "") % shared.address, user="mms", check=False)
            assert refused.returncode == 7
        finally:
            shared.run("podman rm -f outside", user="mms")


class TestImages:
    def test_an_image_that_the_registry_lacks_changes_nothing(self, shared: Host, tmp_path: Path) -> None:
        before = shared.run(STATE_OF_HOST).stdout, process(shared)
        outcome = Pyinfra(tmp_path, shared, kometa_image=f"{IMAGE}:v9.9.9").run("deploy.py", "-y", status=1)
        assert f"the image {IMAGE}:v9.9.9 could not be pulled; nothing was changed" in outcome.text
        assert (shared.run(STATE_OF_HOST).stdout, process(shared)) == before

    def test_a_registry_that_is_down_changes_nothing_and_the_next_deploy_heals(
        self, sandbox: Sandbox, shared: Host, tmp_path: Path
    ) -> None:
        sandbox.registry.publish("good2", tag="v2.5.0")
        pyinfra = Pyinfra(tmp_path, shared, kometa_image=f"{IMAGE}:v2.5.0")
        before = shared.run(STATE_OF_HOST).stdout, process(shared)
        sandbox.registry.stop()
        try:
            pyinfra.run("deploy.py", "-y", status=1)
        finally:
            sandbox.registry.start()
        assert (shared.run(STATE_OF_HOST).stdout, process(shared)) == before
        assert pyinfra.deploy() == {f"Image {IMAGE}:v2.5.0", "Quadlets", SERVICE}
        assert Pyinfra(tmp_path, shared).deploy() == {"Quadlets", SERVICE}

    # one that lives without Kometa is met by a takeover, too; see test_takeover.py
    @pytest.mark.parametrize("variant", [pytest.param("broken", marks=pytest.mark.long), "crashing"])
    def test_an_image_in_which_kometa_does_not_live_is_undone(
        self, variant: str, sandbox: Sandbox, shared: Host, tmp_path: Path
    ) -> None:
        sandbox.registry.publish(variant, tag=variant)
        before = shared.run(STATE_OF_HOST).stdout
        outcome = Pyinfra(tmp_path, shared, kometa_image=f"{IMAGE}:{variant}").run("deploy.py", "-y", status=1)
        assert "the previous ones run again" in outcome.text
        assert "The last lines of its log" in outcome.text
        assert shared.run(STATE_OF_HOST).stdout == before
        assert f"{IMAGE}:latest" in shared.run("podman ps --format '{{.Image}}'", user="mms").stdout
        Pyinfra(tmp_path, shared).deploy()


class TestRestarts:
    @pytest.mark.usefixtures("plex")
    def test_a_run_in_progress_is_not_killed_unless_told_so(self, shared: Host, tmp_path: Path) -> None:
        shared.run(f"podman unshare sh -c 'echo 600 >{CONFIG}/.standin-run-seconds'", user="mms")
        shared.run("podman exec kometa touch /config/.standin-run-now", user="mms")
        shared.run(f"until grep -q Starting {CONFIG}/logs/meta.log; do sleep 0.2; done")
        before = process(shared)
        # Eastward: by the wanted zone's clock the run would have begun many hours ago.
        pyinfra = Pyinfra(tmp_path, shared, mms_timezone="Asia/Tokyo")
        postponed = pyinfra.run("deploy.py", "-y")
        assert "restart postponed: its Quadlet has changed, but a run is in progress since" in postponed.text
        assert process(shared) == before
        assert pyinfra.deploy() == set()
        assert pyinfra.deploy("--data", "kometa_restart=now") == {SERVICE}
        assert process(shared) != before
        shared.run(f"podman unshare rm -f {CONFIG}/.standin-run-seconds", user="mms")
        Pyinfra(tmp_path, shared).deploy()

    def test_a_change_of_the_config_alone_restarts_nothing(self, shared: Host, tmp_path: Path, tree: Path) -> None:
        before = process(shared)
        (tree / "collections" / "more.yml").write_text("collections: {}\n")
        assert Pyinfra(tmp_path, shared, kometa_config_source=source(tree)).deploy() == {TREE}
        assert process(shared) == before
        assert Pyinfra(tmp_path, shared).deploy() == {TREE}
        assert "more.yml" not in shared.run(f"ls {CONFIG}/collections").stdout


class TestConfigTree:
    def test_a_thousand_assets_with_odd_names_arrive_in_one_go(self, shared: Host, tmp_path: Path, tree: Path) -> None:
        for number in range(1000):
            folder = tree / "assets" / f"Amélie {number % 50} (2001)"
            folder.mkdir(exist_ok=True)
            (folder / f"päge 'n' \"{number}\" $x.jpg").write_bytes(b"%d" % number)
        pyinfra = Pyinfra(tmp_path, shared, kometa_config_source=source(tree))
        assert pyinfra.deploy() == {TREE}
        assert pyinfra.preview() == set()
        count = shared.run(f"find {CONFIG}/assets -type f -user 102999 -group 102999 -perm 600 | wc -l").stdout
        assert int(count) == 1000
        assert Pyinfra(tmp_path, shared).deploy() == {TREE}
        assert shared.run(f"find {CONFIG}/assets -type f | wc -l").stdout == "0\n"

    def test_a_hostile_file_name_is_refused_before_anything_connects(
        self, tmp_path: Path, shared: Host, tree: Path
    ) -> None:
        (tree / "collections" / "a\nb.yml").write_text("collections: {}\n")
        outcome = Pyinfra(tmp_path, shared, kometa_config_source=source(tree)).run("deploy.py", "-y", status=1)
        assert "Connected" not in outcome.text
        assert "a\\nb.yml" in outcome.text

    def test_a_full_disk_changes_nothing(self, sandbox: Sandbox, shared: Host, tmp_path: Path, tree: Path) -> None:
        (tree / "assets" / "poster.jpg").write_bytes(os.urandom(60_000_000))
        (tree / "config.yml").write_text((tree / "config.yml").read_text().replace("60", "61"))
        # a home of its own, with room for 40 MB
        shared.run(
            "mkdir -p /full && mount -t tmpfs -o size=40m tmpfs /full"
            " && mkdir /full/config && chown -R mms: /full/config"
        )
        where = {"kometa_config_dir": "/full/config/kometa"}
        Pyinfra(tmp_path, shared, **where).deploy()
        state = "find /full -name .. -o -type f -print | sort | grep -v /logs/ | xargs cat"
        before = shared.run(state).stdout, process(shared)
        outcome = Pyinfra(tmp_path, shared, kometa_config_source=source(tree), **where).run("deploy.py", "-y", status=1)
        assert "nothing was changed" in outcome.text
        assert (shared.run(state).stdout, process(shared)) == before
        assert shared.run("ls /full/config").stdout == "kometa\n"
        Pyinfra(tmp_path, shared).deploy()
        shared.run("umount -l /full")

    def test_a_link_in_place_of_a_directory_leads_no_write_astray(self, shared: Host, tmp_path: Path) -> None:
        shared.run(
            f"cd /; rm -r {CONFIG}/collections; mkdir -p /home/mms/target; ln -s /home/mms/target {CONFIG}/collections"
        )
        outcome = Pyinfra(tmp_path, shared).run("deploy.py", "-y", status=1)
        assert "shall be a directory, but something else is there" in outcome.text
        assert shared.run("ls /home/mms/target").stdout == ""
        shared.run(f"rm {CONFIG}/collections")
        Pyinfra(tmp_path, shared).deploy()


class TestQuadlets:
    def test_a_set_that_the_generator_refuses_changes_nothing(self, shared: Host, tmp_path: Path) -> None:
        before = shared.run(STATE_OF_HOST).stdout, process(shared)
        shared.run(f"echo 'no key, no value' >{QUADLETS}/theirs.container")
        outcome = Pyinfra(tmp_path, shared, kometa_times=[far_time(1)]).run("deploy.py", "-y", status=1)
        assert "theirs.container" in outcome.text
        assert "nothing was changed" in outcome.text
        shared.run(f"rm {QUADLETS}/theirs.container")
        assert (shared.run(STATE_OF_HOST).stdout, process(shared)) == before

    def test_another_network_takes_the_place_of_the_previous(self, shared: Host, tmp_path: Path) -> None:
        pyinfra = Pyinfra(tmp_path, shared, mms_network="media")
        assert pyinfra.deploy() == {"Quadlets", "Network media", SERVICE, "Host scripts"}
        assert shared.run(f"ls {QUADLETS}").stdout.split() == ["kometa.container", "media.network"]
        assert pyinfra.deploy() == set()
        Pyinfra(tmp_path, shared).deploy()

    def test_a_network_of_the_wrong_kind_is_recreated(self, shared: Host, tmp_path: Path) -> None:
        shared.run(
            "systemctl --user stop kometa mms-network; podman network rm mms; podman network create --disable-dns mms",
            user="mms",
        )
        assert Pyinfra(tmp_path, shared).deploy() == {"Network mms", SERVICE}
        assert "true" in shared.run("podman network inspect -f '{{.DNSEnabled}}' mms", user="mms").stdout


class TestHosts:
    def test_a_host_that_cannot_be_reached_does_not_hinder_another(self, shared: Host, tmp_path: Path) -> None:
        pyinfra = Pyinfra(tmp_path, shared)
        shared.run(f"chmod 600 {QUADLETS}/mms.network")
        inventory = pyinfra.inventory()
        entry = ("gone", {"ssh_hostname": "gone.invalid", "ssh_user": "root", "kometa_secrets": SECRETS})
        inventory.write_text(inventory.read_text() + f"hosts.append({entry!r})\n")
        pyinfra.inventory = lambda: inventory  # type: ignore[method-assign]
        outcome = pyinfra.run("deploy.py", "-y", status=1)
        assert "[gone]" in outcome.text
        assert Pyinfra(tmp_path, shared).preview() == set()

    def test_a_wrong_key_is_said_plainly(self, shared: Host, tmp_path: Path) -> None:
        key = tmp_path / "key"
        os.system(f"ssh-keygen -q -t ed25519 -N '' -f {key}")  # noqa: S605
        outcome = Pyinfra(tmp_path, shared, ssh_key=str(key)).run("deploy.py", "-y", status=1)
        assert "Authentication" in outcome.text

    @pytest.mark.usefixtures("plex")
    def test_a_plex_of_this_host_is_called_by_its_container_name(self, shared: Host, tmp_path: Path) -> None:
        elsewhere = Pyinfra(tmp_path, shared, kometa_plex_url="http://192.168.1.5:32400")
        assert "Set kometa_plex_url to http://plex:32400" in elsewhere.run("deploy.py", "-y", status=1).text
        assert Pyinfra(tmp_path, shared).deploy() == set()

    def test_a_line_cut_in_the_middle_is_healed_by_the_next_deploy(self, shared: Host, tmp_path: Path) -> None:
        pyinfra = Pyinfra(tmp_path, shared, kometa_times=[far_time(1)])
        deploy = pyinfra.start("deploy.py", "-y")
        time.sleep(2.5)
        shared.cut_line()
        time.sleep(2)
        deploy.kill()
        deploy.wait()
        shared.mend_line()
        wait_for_kometa(shared)
        pyinfra.deploy()
        assert pyinfra.preview() == set()
        Pyinfra(tmp_path, shared).deploy()

    def test_a_start_without_a_network_succeeds_when_there_is_one_again(self, shared: Host) -> None:
        begin = "until ip link show host0 | grep -q NO-CARRIER; do sleep 0.1; done; systemctl --user start kometa"
        later = f"systemd-run --user --quiet sh -c '{begin}'"
        in_vain = "until [ $(systemctl --user show -P NRestarts kometa) -gt 0 ]; do sleep 0.2; done; touch ~/in-vain"
        shared.run(f"systemctl --user stop kometa; {later}; ({in_vain}) >/dev/null 2>&1 &", user="mms")
        shared.cut_line()
        tried = shared.tree / "home/mms/in-vain"
        wait_until(tried.exists, "it was tried in vain")
        shared.mend_line()
        wait_for_kometa(shared)
        tried.unlink()

    def test_a_deploy_waits_for_whoever_holds_the_lock(self, shared: Host, tmp_path: Path) -> None:
        hold = f"echo 'pyinfra on attic' >{LOCK}.holder; flock {LOCK} sh -c 'until [ -e ~/over ]; do sleep 0.1; done'"
        shared.run(f"({hold}) >/dev/null 2>&1 &", user="mms")
        shared.run(f"chmod 600 {QUADLETS}/mms.network; while flock -n {LOCK} true; do sleep 0.1; done", user="mms")
        deploy = Pyinfra(tmp_path, shared).start("deploy.py", "-y")
        shared.run("until pgrep -u mms -f '[f]lock -w'; do sleep 0.1; done; touch ~/over", user="mms")
        output, errors = deploy.communicate(timeout=600)
        assert deploy.returncode == 0, output + errors
        assert "waiting for pyinfra on attic" in output + errors
        assert Pyinfra(tmp_path, shared).preview() == set()
        shared.run("rm ~/over", user="mms")

    @pytest.mark.long
    def test_the_second_of_two_at_once_waits_for_the_first(self, shared: Host, tmp_path: Path) -> None:
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()
        for _ in range(5):  # one that was done before the other came so far has met nobody
            first = Pyinfra(tmp_path / "one", shared, kometa_times=[far_time(1)]).start("deploy.py", "-y")
            second = Pyinfra(tmp_path / "two", shared, kometa_times=[far_time(2)]).start("deploy.py", "-y")
            texts = [one.communicate(timeout=600) for one in (first, second)]
            assert [first.returncode, second.returncode] == [0, 0], texts
            if "waiting for pyinfra on" in str(texts):
                break
        else:
            pytest.fail(f"the two have never met: {texts}")
        Pyinfra(tmp_path, shared).deploy()
        assert Pyinfra(tmp_path, shared).preview() == set()


def test_ownership_is_put_right_without_following_links(shared: Host, tmp_path: Path) -> None:
    shared.run(
        f"cd /; podman unshare sh -c 'chown 0:0 {CONFIG}/collections; ln -s /home/mms/.bashrc {CONFIG}/assets/link'",
        user="mms",
    )
    arguments = ("operations.podman.unshare_chown", f"path={CONFIG}", "uid=3000", "gid=3000", "-y")
    Pyinfra(tmp_path, shared).run(*arguments)
    assert shared.run(f"stat -c %u {CONFIG}/collections {CONFIG}/assets/link /home/mms/.bashrc").stdout.split() == [
        "102999",
        "102999",
        "3000",
    ]
    again = Pyinfra(tmp_path, shared).run(*arguments)
    assert "No changes" in again.text
    shared.run(f"rm {CONFIG}/assets/link")


def test_what_root_has_left_in_the_tree_is_copied_or_named_and_never_given_away_by_root(
    shared: Host, tmp_path: Path
) -> None:
    arguments = ("operations.podman.unshare_chown", f"path={CONFIG}", "uid=3000", "gid=3000", "-y")
    shared.run(
        f"cd {CONFIG}; echo text >assets/' a file'; mkdir theirs; echo x >theirs/in; ln -s /etc/passwd assets/away"
    )
    outcome = Pyinfra(tmp_path, shared).run(*arguments)
    assert "left undone: giving away 3 entries" in outcome.text
    for named in ("65534:65534 theirs", "65534:65534 theirs/in", "65534:65534 assets/away", f"chown -hR mms: {CONFIG}"):
        assert named in outcome.text
    seen = shared.run(f"cd {CONFIG}; stat -c %u assets/' a file' theirs theirs/in /etc/passwd; cat assets/' a file'")
    assert seen.stdout.split() == ["102999", "0", "0", "0", "text"]
    assert "No changes" in Pyinfra(tmp_path, shared).run(*arguments).text
    shared.run(f"cd {CONFIG}; rm -r theirs assets/away assets/' a file'")


@pytest.mark.long  # the canary of test_secrets.py is looked for in more places than output
def test_secrets_reach_the_container_and_no_output(shared: Host, tmp_path: Path) -> None:
    value = "canary-4711-of-this-test"
    pyinfra = Pyinfra(tmp_path, shared, kometa_secrets=SECRETS | {"plextoken": value})
    for arguments in (("--dry", "--diff", "-vvv"), ("--debug-operations",), ("-y", "-vvv")):
        assert value not in pyinfra.run("deploy.py", *arguments, status=None).text
    assert value in shared.run("podman exec kometa printenv KOMETA_PLEXTOKEN", user="mms").stdout
    Pyinfra(tmp_path, shared).deploy()


# The real generator's unit, with printf in Podman's place: it writes its arguments to a file.
RUN_PRINTF = r"""
set -e
units=~/.config/systemd/user
mkdir -p ~/odd "$units" && cp ~/.config/containers/systemd/mms.network ~/odd && cat >~/odd/kometa.container
QUADLET_UNIT_DIRS=~/odd /usr/lib/systemd/user-generators/podman-user-generator --user --dryrun 2>/dev/null |
    sed -n 's,^ExecStart=[^ ]*podman run,ExecStart=/usr/bin/printf "%%s\\\\0" run,p' >~/odd/start
printf '[Service]\nType=oneshot\nStandardOutput=truncate:%s/odd/arguments\n' ~ >"$units/odd.service"
cat ~/odd/start >>"$units/odd.service"
systemctl --user daemon-reload
systemctl --user start odd.service
cat ~/odd/arguments
rm -r ~/odd "$units/odd.service"
systemctl --user daemon-reload
"""


def test_whatever_a_setting_holds_is_what_podman_gets(shared: Host) -> None:
    numbers = random.Random(315)  # noqa: S311  (not for secrets)
    odd = " \"'\\%$\\{}nthiu#;=|&<>*?~!`()[]^abHOME0é\U0001f3ac"
    values = ["".join(numbers.choices(odd, k=numbers.randrange(24))) for _ in range(315)]
    wanted = {f"KOMETA_ODD_{number}": value for number, value in enumerate(values)}
    text = desired.container_quadlet(Settings.from_data({"kometa_environment": wanted}, "host"))
    arguments = shared.run(RUN_PRINTF, user="mms", input=text.encode()).stdout.split("\0")
    given = [arguments[place + 1] for place, argument in enumerate(arguments) if argument == "--env"]
    assert {name: value for name, _, value in (entry.partition("=") for entry in given) if name in wanted} == wanted


def test_a_deploy_that_changes_nothing_costs_one_round_trip(shared: Host, tmp_path: Path) -> None:
    pyinfra = Pyinfra(tmp_path, shared)
    command = pyinfra.command("deploy.py", "-y")
    command[1:3] = ["-m", "tests.host.counted"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "SSH channels: 1\n" in done.stderr
