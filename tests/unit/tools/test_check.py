"""make check: the checks of a deploy for every host of the inventory, and no connection."""

import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from tests import pyinfra_run
from tests.unit.project_copy import copied
from tools import check as command

TWO_HOSTS = '("a.invalid", {"kometa_secrets": {"plextoken": "made-up", "tmdbapikey": "made-up"}}), "b.invalid"'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what pyinfra reads before it connects, with a secret for each host."""
    copied(tmp_path, "kometa_host", "group_data", "kometa", "tools", "config.py", "deploy.py")
    with (tmp_path / "group_data" / "all.py").open("a") as variables:
        variables.write('kometa_secrets = {"plextoken": "made-up", "tmdbapikey": "made-up"}\n')
    return tmp_path


def check(project: Path, *arguments: str, hosts: str = TWO_HOSTS, **environment: str) -> tuple[int, str]:
    """Run the pyinfra that the check is; return its exit status and all that it printed."""
    (project / "inventory.py").write_text(f"kometa = [{hosts}]\n")
    with patch.multiple(command, PROJECT=project, CONFIG=project / "tools/config_check.py"):
        typed = command.pyinfra_command(arguments)
    assert typed[1:3] == ["-m", "pyinfra"]
    done = pyinfra_run.run(project, *typed[3:], environment=environment)
    shown = done.stdout + done.stderr
    assert "Connecting" not in shown
    assert "Traceback" not in shown
    return done.returncode, shown


def test_a_good_project_is_in_order_says_the_command(project: Path) -> None:
    (project / "inventory.py").write_text(f"kometa = [{TWO_HOSTS}]\n")
    done = subprocess.run(
        [sys.executable, "-m", "tools.check"],
        cwd=project,
        env={},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stdout) == (0, "2 hosts: settings, secrets and config tree are in order\n")
    assert done.stderr == "--> Loading config...\n--> Loading inventory...\n"


def test_the_status_of_the_command_is_that_of_the_check() -> None:
    with patch.object(command, "pyinfra_command", return_value=["sh", "-c", "exit 1"]):
        assert command.main([]) == 1


def test_problems_of_all_hosts_are_said_as_a_deploy_says_them(project: Path) -> None:
    (project / "kometa" / "config.yml").write_text("libraries: [\n")
    status, shown = check(project, hosts='("a.invalid", {"kometa_times": ["6am"]}), "b.invalid"')
    assert status == 1
    assert "kometa_times (a.invalid)" in shown
    assert "kometa/config.yml, line 2 (b.invalid)" in shown


def test_a_missing_secret_is_a_problem_and_warnings_are_said_beside_it(project: Path) -> None:
    with (project / "kometa" / "config.yml").open("a") as config:
        config.write("settingz: {}\n")
    status, shown = check(project, "inventory.py", "--data", 'kometa_secrets={"plextoken": "made-up"}')
    assert status == 1
    assert "tmdbapikey" in shown
    assert "did you mean settings?" in shown


def test_hundreds_of_one_warning_are_told_in_a_few_lines(project: Path) -> None:
    titles = "".join(f"  C{number}:\n    sort_title: !{number}_x\n" for number in range(300))
    (project / "kometa" / "collections" / "movies.yml").write_text(f"collections:\n{titles}")
    status, shown = check(project)
    assert status == 0
    assert shown.count("is a tag of YAML") == 10
    assert "(and in 290 more places)" in shown


def test_a_secrets_file_without_an_identity_leaves_its_names_open(project: Path) -> None:
    (project / "secrets.yml.age").write_text("-----BEGIN AGE ENCRYPTED FILE-----\n")
    status, shown = check(project)
    assert status == 0
    assert "secrets.yml.age was not opened" in shown
    assert "KOMETA_AGE_IDENTITY" in shown


def test_an_identity_that_does_not_open_the_secrets_file_is_a_problem(project: Path) -> None:
    (project / "secrets.yml.age").write_text("-----BEGIN AGE ENCRYPTED FILE-----\n")
    status, shown = check(project, KOMETA_AGE_IDENTITY="no-such-file.txt")
    assert status == 1
    assert "there is no file no-such-file.txt" in shown


def test_the_limit_is_one_of_pyinfra(project: Path) -> None:
    hosts = '("a.invalid", {"kometa_times": ["6am"]}), "b.invalid"'
    assert check(project, "--limit", "b.invalid", hosts=hosts)[0] == 0
    assert check(project, "inventory.py", "--limit", "a.invalid", hosts=hosts)[0] == 1
