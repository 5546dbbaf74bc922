"""The real pyinfra command opens the secrets file once and checks it with everything else before it connects."""

import os
import shutil
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import pytest

from tests import pyinfra_run
from tests.unit.project_copy import copied

DEPLOY = """
from pyinfra import host
from kometa_host.controller.preflight import settings_of

names = {name: value.get_secret_value() for name, value in settings_of(host).kometa_secrets.items()}
print("secrets of", host.name, names)
print("addresses", [address.get_secret_value() for address in settings_of(host).kometa_notify])
"""
IDENTITY = pyrage.x25519.Identity.generate()
SECRETS = """\
plextoken: common
tmdbapikey: common
groups:
  media:
    plextoken: of-media
hosts:
  "@local":
    tmdbapikey: of-local
  "@elsewhere":
    tmdbapikey: of-nobody
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what pyinfra reads before it connects, with an encrypted file and a deploy that shows the secrets."""
    copied(tmp_path, "kometa_host", "group_data", "kometa", "operations", "config.py")
    (tmp_path / "deploy.py").write_text(DEPLOY)
    encrypt(tmp_path, SECRETS)
    (tmp_path / "age-identity.txt").write_text(str(IDENTITY))
    (tmp_path / "age-identity.txt").chmod(0o600)
    return tmp_path


def encrypt(project: Path, text: str) -> None:
    (project / "secrets.yml.age").write_bytes(pyrage.encrypt(text.encode(), [IDENTITY.to_public()]))


def pyinfra(project: Path, *arguments: str, identity: str = "age-identity.txt", hosts: str = '"@local"') -> str:
    """Run a command on the hosts and return what it printed; the last line is the exit status."""
    (project / "inventory.py").write_text(f"media = [{hosts}]\n")
    environment = {**os.environ, "KOMETA_AGE_IDENTITY": identity}
    done = pyinfra_run.run(project, "inventory.py", *arguments, environment=environment)
    assert "Traceback" not in done.stdout + done.stderr
    return f"{done.stdout}{done.stderr}\n{done.returncode}"


def test_a_host_gets_its_own_values_then_those_of_its_groups_then_those_of_all(project: Path) -> None:
    output = pyinfra(project, "deploy.py", "-y")
    assert "secrets of @local {'plextoken': 'of-media', 'tmdbapikey': 'of-local'}" in output
    assert "the section @elsewhere below hosts is for none of this inventory's hosts" in output


def test_what_the_inventory_gives_wins_over_the_file(project: Path) -> None:
    output = pyinfra(project, "deploy.py", "-y", hosts='("@local", {"kometa_secrets": {"plextoken": "direct"}})')
    assert "{'plextoken': 'direct', 'tmdbapikey': 'of-local'}" in output


def test_an_address_for_messages_has_secrets_of_the_file_and_they_are_used_there(project: Path) -> None:
    encrypt(project, f"{SECRETS}ntfytopic: quiet\n")
    addresses = ["ntfy://ntfy.sh/<<ntfytopic>>", "<<nosuch>>"]
    output = pyinfra(project, "deploy.py", "-y", hosts=f'("@local", {{"kometa_notify": {addresses[:1]}}})')
    assert "addresses ['ntfy://ntfy.sh/quiet']" in output
    assert "used nowhere" not in output
    hosts = f'("@local", {{"kometa_notify": {addresses}}})'
    assert pyinfra(project, "exec", "--", "true", identity="", hosts=hosts).endswith("\n0")
    refused = pyinfra(project, "deploy.py", "-y", hosts=hosts)
    assert "<<nosuch>>, a secret that there is not" in refused
    (project / "secrets.yml.age").unlink()
    assert "<<ntfytopic>>, a secret that there is not" in pyinfra(project, "deploy.py", "-y", hosts=hosts)


def test_a_missing_identity_is_told_with_all_other_problems_before_anything_connects(project: Path) -> None:
    hosts = '("a.invalid", {"kometa_times": ["6am"]}), ("b.invalid", {})'
    output = pyinfra(project, "deploy.py", "-y", identity="", hosts=hosts)
    assert "2 problems in the project; nothing was connected to or changed" in output
    assert "export KOMETA_AGE_IDENTITY=" in output
    assert "kometa_times (a.invalid)" in output
    assert "Connecting" not in output
    assert output.endswith("\n1")


@pytest.mark.parametrize("command", [("debug-inventory",), ("exec", "--", "true"), ("fact", "server.Date")])
def test_what_needs_no_secret_needs_no_identity(project: Path, command: tuple[str, ...]) -> None:
    assert pyinfra(project, *command, identity="").endswith("\n0")


def test_what_needs_no_secret_runs_with_an_identity_for_something_else(project: Path) -> None:
    (project / "age-identity.txt").write_text(str(pyrage.x25519.Identity.generate()))
    assert pyinfra(project, "exec", "--", "true").endswith("\n0")
    assert "no identity in age-identity.txt opens it" in pyinfra(project, "deploy.py", "-y")


def test_a_deploy_without_a_secrets_file_needs_no_identity(project: Path) -> None:
    (project / "secrets.yml.age").unlink()
    hosts = '("@local", {"kometa_secrets": {"plextoken": "x", "tmdbapikey": "y"}})'
    assert pyinfra(project, "deploy.py", "-y", identity="", hosts=hosts).endswith("\n0")


def test_mistakes_in_the_file_are_told_by_line_and_without_values(project: Path) -> None:
    encrypt(project, "plextoken: 'hunter2 '\ntmdbapikey: [hunter3]\n")
    output = pyinfra(project, "deploy.py", "-y")
    assert "secrets.yml.age, line 1" in output
    assert "secrets.yml.age, line 2" in output
    assert "hunter" not in output


def test_a_placeholder_without_a_secret_is_refused_and_a_secret_without_use_is_said(project: Path) -> None:
    encrypt(project, "plextoken: x\nspare: y\n")
    output = pyinfra(project, "deploy.py", "-y")
    assert "there is no secret of this name" in output
    assert "kometa/config.yml, line" in output
    encrypt(project, "plextoken: x\ntmdbapikey: z\nspare: y\n")
    output = pyinfra(project, "deploy.py", "-y")
    assert "the secret spare is used nowhere" in output
    assert output.endswith("\n0")


def test_a_token_in_clear_in_the_tree_is_refused_unless_it_is_allowed(project: Path) -> None:
    config = project / "kometa" / "config.yml"
    token = "abcdef0123456789" * 2
    text = config.read_text()
    config.write_text(text.replace("apikey: <<tmdbapikey>>", f"apikey: {token}"))
    encrypt(project, "plextoken: x\n")
    output = pyinfra(project, "deploy.py", "-y")
    assert "write `apikey: <<tmdbapikey>>`" in output
    assert token not in output
    config.write_text(text.replace("apikey: <<tmdbapikey>>", f"apikey: {token}  # kometa-host: allow"))
    assert pyinfra(project, "deploy.py", "-y").endswith("\n0")


def test_a_config_tree_that_is_not_there_is_told(project: Path) -> None:
    shutil.rmtree(project / "kometa")
    output = pyinfra(project, "deploy.py", "-y")
    assert "config tree kometa" in output
    assert output.endswith("\n1")


@pytest.mark.parametrize(
    ("section", "writes"),
    [("", False), ("trakt:\n  client_id: <<id>>\n", True), ("mal:\n  client_id: x\n", True), ("trakt:\n", False)],
)
def test_kometa_may_write_to_config_yml_only_for_tokens_that_expire(section: str, writes: bool) -> None:
    from kometa_host.state.desired import has_tokens_to_refresh

    assert has_tokens_to_refresh(f"# trakt\nplex:\n  url: x\n{section}") is writes
