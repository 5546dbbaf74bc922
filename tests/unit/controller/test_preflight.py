"""The real pyinfra command refuses bad settings before it connects."""

import json
import subprocess
from logging import LogRecord
from pathlib import Path

import pytest

from kometa_host.controller import preflight
from kometa_host.controller.preflight import MASK, masked, name_in_secrets, no_host, problem_report
from kometa_host.errors import Problem
from tests import pyinfra_run
from tests.unit.project_copy import copied

DEPLOY = """
from pyinfra import host
from pyinfra.api import connectors
from kometa_host.controller.preflight import settings_of

print("network", settings_of(host).mms_network)
print("connectors known", connectors.get_all_connectors() is connectors.get_all_connectors())
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what pyinfra reads before it connects, with a deploy that prints a setting."""
    copied(tmp_path, "kometa_host", "group_data", "kometa", "operations", "config.py")
    with (tmp_path / "group_data" / "all.py").open("a") as variables:
        variables.write('kometa_secrets = {"plextoken": "made-up", "tmdbapikey": "made-up"}\n')
    (tmp_path / "deploy.py").write_text(DEPLOY)
    return tmp_path


def pyinfra(project: Path, hosts: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (project / "inventory.py").write_text(f"kometa = [{hosts}]\n")
    return pyinfra_run.run(project, "inventory.py", *arguments)


def test_all_problems_of_all_hosts_end_the_run_before_it_connects(project: Path) -> None:
    hosts = '("a.invalid", {"kometa_times": ["6am"]}), ("b.invalid", {"kometa_userns": "keep-id"})'
    run = pyinfra(project, hosts, "deploy.py", "-y", "--data", "mms_network=mms.network")
    assert run.returncode == 1
    assert "3 problems in the project; nothing was connected to or changed" in run.stderr
    assert "mms_network (all 2 hosts)" in run.stderr
    assert "kometa_times (a.invalid)" in run.stderr
    assert "kometa_userns (b.invalid)" in run.stderr
    assert "Connecting" not in run.stderr
    assert "Disconnecting" not in run.stderr
    assert "Traceback" not in run.stderr
    assert not (project / "pyinfra-debug.log").exists()


@pytest.mark.parametrize("command", ["deploy.py", "debug-inventory"])
def test_a_key_that_is_not_there_is_said_before_anything_connects(command: str, project: Path) -> None:
    hosts = '("a.invalid", {"ssh_key": "~/nowhere/id_ed25519"}), "b.invalid"'
    run = pyinfra(project, hosts, command, "-y")
    assert run.returncode == 1
    assert "ssh_key (a.invalid)\n    found: ~/nowhere/id_ed25519 does not exist on this machine\n" in run.stderr
    assert "Connecting" not in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ({}, "has a passphrase, and nobody is there to type it"),
        ({"ssh_key_password": "wrong"}, "cannot be opened: its passphrase (ssh_key_password) is another"),
    ],
)
def test_a_key_that_cannot_be_opened_is_said_without_a_traceback(
    password: dict[str, str], said: str, project: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "hunter2", "-f", key], check=True)
    entry = ("127.0.0.1", {"ssh_port": 9, "ssh_key": str(key), **password})
    run = pyinfra(project, repr(entry), "deploy.py", "-y")
    assert run.returncode == 1
    assert f"{key} (ssh_key) {said}" in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
    assert "hunter2" not in run.stderr


@pytest.mark.parametrize("inventory", ["inventory.py", "inventroy.py"])
def test_no_host_at_all_is_no_success(inventory: str, project: Path) -> None:
    (project / "inventory.py").write_text("kometa = []\n")
    run = pyinfra_run.run(project, inventory, "deploy.py", "-y")
    assert run.returncode == 1
    assert "the inventory names no host, or is no file that is there" in run.stderr
    assert "Traceback" not in run.stderr


def test_good_settings_reach_the_deploy(project: Path) -> None:
    run = pyinfra(project, '"@local"', "deploy.py", "-y", "--data", "mms_network=media")
    assert run.returncode == 0, run.stderr
    assert "network media" in run.stdout
    assert "connectors known True" in run.stdout  # config.py has had the faster answers installed


def test_hosts_outside_of_the_limit_are_not_checked(project: Path) -> None:
    hosts = '("a.invalid", {"kometa_times": ["6am"]}), "@local"'
    run = pyinfra(project, hosts, "deploy.py", "-y", "--limit", "@local")
    assert run.returncode == 0, run.stderr


def test_a_misspelt_variable_on_the_command_line_is_refused(project: Path) -> None:
    run = pyinfra(project, '"@local"', "deploy.py", "-y", "--data", "kometa-restart=now")
    assert run.returncode == 1
    assert "did you mean kometa_restart?" in run.stderr


def test_the_order_is_command_line_host_group(project: Path) -> None:
    run = pyinfra(project, '("@local", {"mms_network": "of-host"})', "deploy.py", "-y")
    assert "network of-host" in run.stdout
    run = pyinfra(project, '("@local", {"mms_network": "of-host"})', "deploy.py", "-y", "--data", "mms_network=of-line")
    assert "network of-line" in run.stdout


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_debug_inventory_shows_names_of_secrets_and_no_values(project: Path, options: tuple[str, ...]) -> None:
    data = {"kometa_secrets": {"plextoken": "hunter2"}, "ssh_password": "hunter3", "_sudo_password": "hunter4"}
    hosts = repr(("a.invalid", data))
    run = pyinfra(project, hosts, "debug-inventory", *options)
    assert run.returncode == 0, run.stderr
    shown = run.stdout + run.stderr
    assert "plextoken" in shown
    assert "hunter" not in shown
    if options:
        assert json.loads(run.stdout)[0]["data"]["ssh_password"] == MASK


def test_a_bad_secret_is_refused_without_showing_it(project: Path) -> None:
    hosts = '("a.invalid", {"kometa_secrets": {"plextoken": "hunter2\\n"}})'
    run = pyinfra(project, hosts, "debug-inventory")
    assert run.returncode == 1
    assert "kometa_secrets" in run.stderr
    assert "hunter2" not in run.stdout + run.stderr


def test_passwords_keep_their_value_for_pyinfra_itself(project: Path) -> None:
    (project / "deploy.py").write_text("from pyinfra import host\nprint('length', len(host.data.ssh_password))\n")
    run = pyinfra(project, '("@local", {"ssh_password": "hunter42"})', "deploy.py", "-y")
    assert "length 8" in run.stdout


@pytest.mark.parametrize("command", ["debug-inventory", "deploy.py"])
def test_what_pyinfra_logs_with_debug_has_no_secret(project: Path, command: str) -> None:
    with (project / "group_data" / "all.py").open("a") as variables:
        variables.write('kometa_secrets = {"plextoken": "canary-in-group-data"}\n')
    run = pyinfra(project, '("@local", {"kometa_secrets": {"a": "canary-in-inventory"}})', command, "--debug", "--dry")
    assert "Adding data to group" in run.stderr + run.stdout
    assert "canary" not in run.stderr + run.stdout


def test_what_is_masked_are_secrets_alone() -> None:
    data = {
        "kometa_secrets": {"plextoken": "hunter2"},
        "kometa_secrets_file": "secrets.yml.age",
        "kometa_notify_url": "https://hc.example/hunter2",
        "ssh_key_password": "hunter2",
        "ssh_password": None,
        "ssh_user": "mms",
        "kometa_secret": ["hunter2"],
    }
    assert masked(data) == {
        "kometa_secrets": {"plextoken": MASK},
        "kometa_secrets_file": "secrets.yml.age",
        "kometa_notify_url": f"https://hc.example/{MASK}",
        "ssh_key_password": MASK,
        "ssh_password": None,
        "ssh_user": "mms",
        "kometa_secret": MASK,
    }


def test_a_problem_of_many_hosts_is_said_once() -> None:
    problem = Problem("mms_user", "root", "name another")
    names = [f"h{number}" for number in range(7)]
    assert problem_report({problem: names}, 9).count("mms_user") == 1
    assert "(h0, h1, h2, h3, h4 and 2 more)" in problem_report({problem: names}, 9)
    assert "(all 7 hosts)" in problem_report({problem: names}, 7)
    assert "(h0)" in problem_report({problem: names[:1]}, 1)


@pytest.mark.parametrize(
    ("inventory_name", "pulls_as", "name"),
    [("tower", None, "tower"), ("tower", "nas", "tower"), ("@local", "nas", "nas"), ("@local", None, "@local")],
)
def test_a_host_is_looked_up_by_the_inventory_s_name(inventory_name: str, pulls_as: str | None, name: str) -> None:
    assert name_in_secrets(inventory_name, pulls_as) == name


def test_nothing_of_what_a_host_says_is_obeyed_by_the_terminal() -> None:
    said = "\x1b[1mhost\x1b[0m \x1b[31mred\x1b[0m \x1b]52;c;AAAA\x07 \x1b[8mhidden\x1b[30mblack\n\x1b[2Jline"
    record = LogRecord("pyinfra", 20, "", 0, "%s", (said,), None)
    assert preflight._escape_logged(record)
    assert record.getMessage() == (
        "\x1b[1mhost\x1b[0m \x1b[31mred\x1b[0m \\x1b]52;c;AAAA\\x07 \\x1b[8mhidden\\x1b[30mblack\n\\x1b[2Jline"
    )


def test_a_run_without_a_host_says_whether_the_inventory_or_the_limit_has_none() -> None:
    assert "--limit names none of the inventory's hosts (tower, nas)" in no_host(["tower", "nas"])
    assert "the inventory names no host, or is no file that is there" in no_host([])
