"""The sandbox itself: its hosts boot, break and heal, and its images behave and fail as the real ones do."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.driver import far_time
from tests.sandbox import Completed, Host, Sandbox, SandboxError
from tests.sandbox.address import NOT_UP, checkout_id, inventory_host, is_up, state_directory
from tests.sandbox.shell import process_start, wait_until

IMAGE = "lscr.io/linuxserver/kometa:latest"
CONFIG = "/home/mms/config/kometa"
IDS = "-e PUID=3000 -e PGID=3000 --tmpfs /run:U"
GOOD = """\
# a comment that stays
libraries:
  Movies:
    collection_files:
    - file: "/config/movies.yml"
plex:
  url: http://plex:32400
  token: <<plextoken>>
tmdb:
  apikey: <<tmdbapikey>>
"""
UNIT = f"""\
[Unit]
Wants=mms-network.service
[Container]
ContainerName=kometa
Image={IMAGE}
Network=mms.network
Tmpfs=/run:U
Volume={CONFIG}:/config:Z
Environment=PUID=3000 PGID=3000 TZ=America/New_York KOMETA_TIMES={far_time()} STANDIN_STOP_SECONDS=0.2
Environment=KOMETA_PLEXTOKEN=sandbox-plex-token KOMETA_TMDBAPIKEY=abc
AutoUpdate=registry
[Service]
Restart=always
[Install]
WantedBy=default.target
"""
VALIDATE = b"""\
import logging, sys
sys.path.insert(0, "/app/kometa")
from modules import util
util.logger = logging.getLogger()
from modules.validator import ConfigValidator
passed, errors, warnings = ConfigValidator(
    None, "/config", {"config_file": sys.argv[1]}, {}, validate_schema=True, schema_path="/app/kometa/json-schema"
).validate()
print(*errors, sep="\\n")
sys.exit(not passed)
"""


def make_account(host: Host) -> None:
    """Make the account mms with lingering and a directory for the configuration."""
    host.run("useradd --create-home --uid 3000 --user-group mms && loginctl enable-linger mms")
    host.run("while ! [ -S /run/user/3000/bus ]; do sleep 0.1; done")
    host.run("mkdir -p .config/containers/systemd config/kometa", user="mms")


def write_config(host: Host, text: str, name: str = "config.yml") -> None:
    """Write a file of /config, as root in mms's user namespace."""
    target = shlex.quote(f"{CONFIG}/{name}")
    host.run(f"podman unshare sh -c 'cat > {target}'", user="mms", input=text.encode())


def put_unit(host: Host, text: str) -> None:
    """Write kometa.container and mms.network and reload."""
    folder = "~/.config/containers/systemd"
    network = f"printf '[Network]\\nNetworkName=mms\\n' > {folder}/mms.network"
    command = f"cat > {folder}/kometa.container; {network}; systemctl --user daemon-reload"
    host.run(command, user="mms", input=text.encode())


@pytest.fixture(scope="module")
def host(sandbox: Sandbox) -> Iterator[Host]:
    """A ready host with mms, Plex, and the service kometa running on a good configuration."""
    with sandbox.host("ready", name="sandbox-test") as made:
        make_account(made)
        put_unit(made, UNIT)
        made.run(f"podman pull --quiet {IMAGE}; systemctl --user start mms-network", user="mms")
        made.start_plex()
        write_config(made, GOOD)
        write_config(made, "collections: {}\n", "movies.yml")
        start(made)
        yield made


def start(host: Host) -> None:
    """Start the service and wait for Kometa."""
    host.run("systemctl --user restart kometa", user="mms")
    wait_until(lambda: alive(host), "Kometa runs")


def alive(host: Host) -> bool:
    """Tell whether Kometa's process runs in the container."""
    return host.run("podman exec kometa pgrep -f '[k]ometa/kometa.py'", user="mms", check=False).returncode == 0


def container(host: Host, options: str) -> Completed:
    """Run a container of the image on the service's configuration to its end."""
    text = f"podman run --rm --network mms {IDS} -v {CONFIG}:/config:Z {options} {IMAGE}"
    return host.run(text, user="mms", check=False)


def printed(host: Host, options: str, last: str) -> str:
    """Return what a container of the image that never ends prints until `last` is in it; the container is removed."""

    def so_far() -> str:
        shown = host.run("podman logs staying", user="mms")
        return shown.stdout + shown.stderr

    host.run(f"podman run --detach --name staying {options} {IMAGE}", user="mms")
    try:
        wait_until(lambda: last in so_far(), f"the container says {last!r}")
        return so_far()
    finally:
        host.run("podman rm --force --time 0 staying", user="mms")


def validate(host: Host, name: str) -> Completed:
    """Let the validator of the image judge a file of /config: without network, writing nothing."""
    options = f"--network none --entrypoint python3 -v {CONFIG}:/config:ro"
    text = f"podman run --rm -i {options} {IMAGE} - /config/{name}"
    return host.run(text, user="mms", check=False, input=VALIDATE)


def once(host: Host, config: str, token: str = "sandbox-plex-token", options: str = "") -> str:  # noqa: S107
    """Run Kometa once with `config` in a directory of its own; return meta.log with all that the container printed."""
    host.run("podman unshare rm -rf /home/mms/once; mkdir /home/mms/once", user="mms")
    host.run("podman unshare sh -c 'cat > /home/mms/once/config.yml'", user="mms", input=config.encode())
    done = host.run(
        f"podman run --rm --network mms {IDS} -v /home/mms/once:/config:Z -e KOMETA_RUN=true -e STANDIN_RUN_SECONDS=0"
        f" -e KOMETA_PLEXTOKEN={token} -e KOMETA_TMDBAPIKEY=abc -e KOMETA_TMDB_KEY=abc {options} {IMAGE}",
        user="mms",
    )
    return host.run("cat /home/mms/once/logs/meta.log").stdout + done.stdout + done.stderr


def read(host: Host, name: str) -> str:
    """Return a file of /config, empty where there is none."""
    return host.run(f"cat {CONFIG}/{name} 2>/dev/null || true").stdout


# -- the host ---------------------------------------------------------------------------------------------------------


def test_accounts_log_in_as_they_should(host: Host) -> None:
    assert host.run("id -un", user="admin").stdout == "admin\n"
    assert host.run("sudo -n id -un", user="admin").stdout == "root\n"
    assert host.run("sudo -n true", user="careful", check=False).returncode == 1
    assert host.run("sudo -S id -un", user="careful", input=b"sandbox\n").stdout == "root\n"
    assert host.run("echo $HOME $XDG_RUNTIME_DIR", user="mms").stdout == "/home/mms /run/user/3000\n"


def test_a_failing_command_raises_with_its_output(host: Host) -> None:
    with pytest.raises(SandboxError, match="exit status 3\nwhy"):
        host.run("echo why; exit 3")
    assert host.run("head -c 2 /dev/zero").stdout_bytes == b"\0\0"


def test_the_system_is_healthy(host: Host) -> None:
    assert host.run("systemctl is-system-running --wait", check=False).stdout == "running\n"
    assert host.run("systemctl is-active network-online.target").stdout == "active\n"
    assert host.run("date +%Z; locale | grep LANG=").stdout == "UTC\nLANG=C.UTF-8\n"
    assert host.run("stat -c %a /dev/fuse /dev/net/tun").stdout == "666\n666\n"


def test_a_cut_line_makes_connections_hang_and_mending_lets_them_go_on(host: Host) -> None:
    host.run("true")
    host.cut_line()
    try:
        with pytest.raises(SandboxError, match="took more than"):
            host.run("true", timeout=1)
    finally:
        host.mend_line()
    assert host.run("echo back").stdout == "back\n"


@pytest.mark.long  # a deploy to a bare host does it, too; see test_preview.py
def test_a_bare_host_installs_from_the_package_mirror(sandbox: Sandbox) -> None:
    with sandbox.host("bare") as bare:
        assert not bare.run("ls /usr/bin/podman /usr/bin/age /usr/bin/zstd /usr/bin/curl", check=False).stdout
        update = bare.run("apt-get update")
        assert not re.search("^[WE]:", update.stdout + update.stderr, re.M)
        bare.run("apt-get install -y --no-install-recommends age zstd acl")
        simulated = bare.run("apt-get install -s podman uidmap slirp4netns fuse-overlayfs passt curl sqlite3")
        assert "Inst podman" in simulated.stdout
    assert not bare.folder.exists()


@pytest.mark.long  # that a deploy is needed for it: see test_variants.py
def test_without_network_online_a_user_quadlet_waits(sandbox: Sandbox, host: Host) -> None:
    host.save("with-mms")
    with sandbox.host("with-mms", network_online=False) as trap:
        trap.run("while ! [ -S /run/user/3000/bus ]; do sleep 0.1; done")
        assert trap.run("systemctl is-active network-online.target", check=False).stdout == "inactive\n"
        assert trap.run("timeout 5 systemctl --user start kometa", user="mms", check=False).returncode == 124
        trap.run("systemctl start network-online.target")
        wait_until(lambda: alive(trap), "Kometa runs")


def test_after_a_power_cut_the_same_disk_boots_again(host: Host) -> None:
    host.run("echo kept > /root/kept && sync")
    before = host.run("cat /proc/sys/kernel/random/boot_id; cat /etc/machine-id; systemctl show -P UserspaceTimestamp")
    host.power_cut()
    assert not host.is_running()
    host.boot()
    assert host.run("cat /root/kept").stdout == "kept\n"
    after = host.run("cat /proc/sys/kernel/random/boot_id; cat /etc/machine-id; systemctl show -P UserspaceTimestamp")
    assert before.stdout != after.stdout
    wait_until(lambda: alive(host), "Kometa runs again by itself")
    host.run("podman start plex", user="mms")


def test_two_hosts_reach_each_other_and_have_known_keys(sandbox: Sandbox, host: Host) -> None:
    assert f"{host.address}," in sandbox.known_hosts.read_text()
    assert host.address != host.session.gateway
    assert checkout_id() in host.label


def ssh(host: Host, *options: str, to: str = "") -> int:
    """Return the exit status of an ssh to a host that runs nothing."""
    return subprocess.run(["ssh", *host.ssh_options, *options, f"root@{to or host.address}", "true"]).returncode


@pytest.mark.long  # connections go the same ways; see test_connection.py
def test_a_host_is_reached_by_ipv6_on_another_port_and_by_a_jump(sandbox: Sandbox, host: Host) -> None:
    with sandbox.host("bare") as hidden:
        assert ssh(hidden, "-p", "2222", to=hidden.address6) == 0
        hidden.let_in_only_from(host)
        assert ssh(hidden) == 255
        jump = " ".join(["ssh", *host.ssh_options, "-W", "%h:%p", f"root@{host.address}"])
        assert ssh(hidden, "-o", f"ProxyCommand={jump}") == 0


@pytest.mark.long  # a deploy is refused by one; see test_variants.py
def test_an_unprivileged_container_has_few_ids_and_no_devices(sandbox: Sandbox) -> None:
    with sandbox.host("bare", like="unprivileged") as few:
        assert few.run("cat /proc/self/uid_map").stdout.split()[2] == "65536"
        assert few.run("ls /dev/fuse /dev/net/tun", check=False).stdout == ""


def test_an_unknown_variant_is_refused_by_its_name(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="no variant is called 'unlikely'; there are volatile-journal, "):
        sandbox.host("bare", like="unlikely")


def test_a_slow_disk_holds_up_whoever_waits_for_it(host: Host) -> None:
    write = "timeout 3 dd if=/dev/zero of=/root/slow bs=1M count=30 conv=fsync"
    try:
        host.slow_disk(1_000_000)
    except SandboxError as error:
        pytest.skip(str(error))
    try:
        assert host.run(write, check=False).returncode == 124
    finally:
        host.slow_disk(0)
    host.run("rm /root/slow")


# -- the image's start ------------------------------------------------------------------------------------------------


def test_the_service_starts_and_owns_its_config(host: Host) -> None:
    log = host.run("podman logs kometa 2>&1", user="mms").stdout
    assert "[migrations] no migrations found" in log
    assert "User UID:    3000" in log
    assert "[ls.io-init] done." in log
    assert "until the next run" not in log
    owners = host.run(f"stat -c '%n %u %a' {CONFIG} {CONFIG}/config.yml {CONFIG}/UUID {CONFIG}/config.yml.template")
    assert all(" 102999 " in line for line in owners.stdout.splitlines())
    line = host.run("podman exec kometa pgrep -af '[k]ometa/kometa.py'", user="mms").stdout
    assert line.endswith(" python3 /app/kometa/kometa.py --config /config/config.yml\n")


def test_keep_id_fails_with_the_real_messages(host: Host) -> None:
    host.run("mkdir -p /home/mms/foreign", user="mms")
    keep_id = "-v /home/mms/foreign:/config:Z --userns=keep-id"
    shown = printed(host, f"--tmpfs /run:U {keep_id}", "unable to set supplementary group list")
    assert "s6-overlay-suexec: fatal: unable to exec /etc/s6-overlay/s6-rc.d/init/run: Operation not permitted" in shown
    assert "s6-applyuidgid: fatal: unable to set supplementary group list: Operation not permitted" in shown
    confined = host.run(f"podman run --rm --security-opt no-new-privileges {keep_id} {IMAGE}", user="mms", check=False)
    assert confined.returncode == 100
    assert "preinit: fatal: /run belongs to uid 0 instead of 3000" in confined.stdout


def test_without_config_yml_it_halts_but_stays_up(host: Host) -> None:
    host.run("mkdir -p /home/mms/empty", user="mms")
    assert printed(
        host, f"{IDS} -v /home/mms/empty:/config:Z", "No config file found at /config/config.yml, halting init."
    )
    assert host.run("ls /home/mms/empty").stdout == "config.yml.template\n"


def test_a_bad_time_is_a_crash_loop_inside_a_running_container(host: Host) -> None:
    container(host, "--detach --name looping -e KOMETA_TIMES=6am")
    text = "modules.util.Failed: Argument Error: time argument invalid: 6am must be in the HH:MM format"
    try:
        wait_until(lambda: host.run("podman logs looping", user="mms").stderr.count(text) > 1, "a second start")
        assert host.run("podman inspect -f '{{.State.Status}}' looping", user="mms").stdout == "running\n"
    finally:
        host.run("podman rm --force --time 0 looping", user="mms")


# -- runs -------------------------------------------------------------------------------------------------------------


def test_a_scheduled_run_writes_its_markers_and_rewrites_config_yml(host: Host) -> None:
    write_config(host, GOOD)
    write_config(host, "1", ".standin-run-seconds")
    write_config(host, "", ".standin-run-now")
    wait_until(lambda: "Run Time: " in read(host, "logs/meta.log"), "a run")
    log = read(host, "logs/meta.log")
    assert re.search(r"\|\s+Starting (\d\d:\d\d )Run\s+\|", log)
    assert re.search(r"\|\s+Finished (\d\d:\d\d )Run\s+\|", log)
    assert re.search(r"Start Time: (\S+ \S+)\s+Finished: (\S+ \S+)\s+Run Time: (\S+)", log)
    assert "[CRITICAL]" not in log
    assert "sandbox-plex-token" not in log
    config = read(host, "config.yml")
    assert "# a comment that stays" in config
    assert "token: <<plextoken>>" in config
    assert "playlist_report: true" in config
    query = "sqlite3 /config/config.cache 'SELECT count(*) FROM guids'"
    assert int(host.run(f"podman exec kometa {query}", user="mms").stdout) > 0


def is_in_the_middle(log: str) -> bool:
    """Tell whether meta.log is that of a run that has begun and not ended."""
    return "Starting" in log and "Processing item 2" in log and "Finished" not in log


def test_a_run_that_is_stopped_has_no_finish(host: Host) -> None:
    write_config(host, "60", ".standin-run-seconds")
    write_config(host, "", ".standin-run-now")
    wait_until(lambda: is_in_the_middle(read(host, "logs/meta.log")), "a run in progress")
    host.run("systemctl --user stop kometa", user="mms")
    log = read(host, "logs/meta.log")
    assert is_in_the_middle(log)
    write_config(host, "0", ".standin-run-seconds")
    start(host)


def test_a_run_inside_the_service_rotates_the_logs(host: Host) -> None:
    command = "podman exec --user abc kometa python3 /app/kometa/kometa.py --run --config /config/config.yml"
    assert host.run(command, user="mms").returncode == 0
    before = read(host, "logs/meta.log")
    assert host.run(command, user="mms").returncode == 0
    assert read(host, "logs/meta-1.log") == before
    assert re.search(r"\|\s+Finished Run\s+\|", read(host, "logs/meta.log"))


def test_read_only_config_is_not_rewritten(host: Host) -> None:
    log = once(host, GOOD, options="-e KOMETA_READ_ONLY_CONFIG=true")
    assert "Finished Run" in log
    assert host.run("cat /home/mms/once/config.yml").stdout == GOOD


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("libraries: [a\n", "[CRITICAL] | YAML Error: while parsing a flow sequence"),
        (
            "plex:\n\turl: x\n",
            "[CRITICAL] | YAML Error: Tabs are not allowed in YAML files; only spaces are allowed.",
        ),
        ("", "[CRITICAL] | Config Error: tmdb sub-attribute apikey not found"),
        (GOOD.replace("tmdbapikey", "tmdb_key"), "[CRITICAL] | Config Error: tmdb sub-attribute apikey is blank"),
        (GOOD.replace("plex:", "flex:"), "[ERROR]    | Config Error: url attribute must be set under plex globally"),
        (GOOD.replace("<<plextoken>>", "wrong"), "[ERROR]    | Plex Error: Plex token is invalid"),
        (GOOD.replace("//plex:", "//localhost:"), "[ERROR]    | Plex Error: Plex URL is probably invalid"),
        (
            GOOD.replace("Movies:", "Films:"),
            "[ERROR]    | Plex Error: Plex Library 'Films' not found. Options: ['Movies', 'TV Shows']",
        ),
        (GOOD, "[ERROR]    | File Error: File does not exist /config/movies.yml"),
    ],
    ids=["yaml", "tab", "empty", "blank-key", "no-plex", "token", "refused", "library", "collection-file"],
)
def test_a_failed_run_says_what_the_real_one_says_and_exits_0(host: Host, config: str, expected: str) -> None:
    log = once(host, config)
    assert re.sub(" +", " ", expected) in re.sub(" +", " ", log)
    assert "Starting Run" in log
    assert "Finished Run" in log


def test_a_secret_that_ends_in_a_newline_is_printed_as_by_the_real_one(host: Host) -> None:
    log = once(host, GOOD, token="'inclear\n'")  # noqa: S106
    assert "return character(s) in header value: 'inclear\\n'" in log


def test_the_validator_judges_without_network(host: Host) -> None:
    good = validate(host, "config.yml")
    assert good.returncode == 0, good.stdout + good.stderr
    write_config(host, "libraries:\n  Movies:\n    collection_files:\n    - file: /config/nosuch.yml\n", "bad.yml")
    bad = validate(host, "bad.yml")
    assert bad.returncode == 1
    assert "library 'Movies' collection_files: path not found: /config/nosuch.yml" in bad.stdout
    assert "'plex' is a required property" in bad.stdout


def test_plex_lets_in_those_with_the_token(host: Host) -> None:
    ask = "podman exec kometa curl -s -o /dev/null -w '%{http_code}' "
    assert host.run(f"{ask} http://plex:32400/identity", user="mms").stdout == "200"
    assert host.run(f"{ask} http://plex:32400/library/sections", user="mms").stdout == "401"
    header = "-H 'X-Plex-Token: sandbox-plex-token'"
    assert host.run(f"{ask} {header} http://plex:32400/library/sections", user="mms").stdout == "200"


# -- the registry -----------------------------------------------------------------------------------------------------


def pulled(host: Host, pull: bool = True) -> Completed:
    """Pull the image and return what `podman image inspect` says is its digest."""
    text = f"podman image inspect --format '{{{{.Digest}}}}' {IMAGE}"
    return host.run(f"podman pull --quiet {IMAGE} >/dev/null && {text}" if pull else text, user="mms", check=False)


def test_versions_of_the_image_come_and_go(sandbox: Sandbox, host: Host) -> None:
    registry = sandbox.registry
    first = registry.digest("latest")
    second = registry.publish("good2")
    assert first != second == registry.digest("latest")
    assert pulled(host).stdout.strip() == second
    broken = registry.publish("broken")
    assert pulled(host).stdout.strip() == broken
    assert printed(host, f"--network mms {IDS} -v {CONFIG}:/config:Z", "ModuleNotFoundError")
    assert registry.publish("good") == first
    assert pulled(host).stdout.strip() == first
    assert {"latest", "v2.4.4"} <= set(registry.tags())


def test_a_missing_tag_and_a_registry_that_is_down_fail_the_pull(sandbox: Sandbox, host: Host) -> None:
    registry = sandbox.registry
    registry.remove_tag("latest")
    assert pulled(host).returncode == 125
    registry.publish("good")
    registry.stop()
    try:
        assert pulled(host).returncode == 125
        assert json.loads(host.run("podman images --format json", user="mms").stdout)
    finally:
        registry.start()
    assert pulled(host).returncode == 0


# -- the checkout's state ---------------------------------------------------------------------------------------------

KILLED = """
import os, signal
from tests.sandbox import Sandbox
sandbox = Sandbox().__enter__()
host = sandbox.host("bare")
print(host.label, host.folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_run_cleans_up_after_a_killed_one(sandbox: Sandbox) -> None:
    checkout = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, cwd=checkout, env=environment, check=False
    )
    label, folder = done.stdout.split()
    pid = int((Path(folder) / "machine.pid").read_text().split()[0])
    assert process_start(pid) is not None
    with Sandbox():
        assert not Path(folder).exists()
        assert not Path("/run/netns", label).exists()
        assert process_start(pid) is None


def test_the_inventory_has_a_host_even_when_none_is_up() -> None:
    name, data = inventory_host()
    assert name == "sandbox"
    assert (data["ssh_hostname"] == NOT_UP) is not is_up()
    assert str(state_directory()) in str(data.get("ssh_key", state_directory()))
