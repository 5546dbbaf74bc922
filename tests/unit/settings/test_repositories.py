"""What a host in pull mode may be told about its repository."""

import subprocess
from pathlib import Path

import pytest

from kometa_host.errors import SettingsError
from kometa_host.settings import repositories
from kometa_host.settings.refusals import RefusalError
from kometa_host.settings.variables import Settings
from kometa_host.state import autodeploy_files

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEYVOUbRGzzHwdHjVbLpJpvPRaoG8BgPWx83dbUkWrmn"


def pulling(**more: object) -> Settings:
    wanted = {
        "kometa_autodeploy_source": "git",
        "kometa_autodeploy_repository": "https://git.example/me/host.git",
        "kometa_autodeploy_signers": [KEY],
        "kometa_autodeploy_host": "tower.lan",
    }
    return Settings.from_data({**wanted, **more}, "tower.lan")


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example/me/host.git", "ssh://git@git.example:2222/me/host", "git@git.example:me/host.git",
        "/srv/git/host.git", "http://10.0.0.1:8080/host.git", "git://git.example/host", "user.name@nas:host",
    ],
)  # fmt: skip
def test_urls_of_git_are_taken(url: str) -> None:
    assert repositories.checked_repository(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/x", "--upload-pack=x", "host.git", "ftp://git.example/x", "https://git.example", "a b",
        "-o@x:y", "git@-x:y", "git@x:-y", "ssh://-oProxyCommand=x/y", "https://x/y\nz", "file:///srv/x",
    ],
)  # fmt: skip
def test_what_git_would_take_for_something_else_is_refused(url: str) -> None:
    with pytest.raises(RefusalError):
        repositories.checked_repository(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter2@git.example/x", "https://ghp_hunter2@git.example/x", "me:hunter2@git.example:x",
        "https://git.example/x.git?private_token=hunter2",
    ],
)  # fmt: skip
def test_a_url_with_a_password_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(RefusalError) as refused:
        repositories.checked_repository(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", ["main", "hosts/tower", "v1.2"])
def test_branches_are_taken(name: str) -> None:
    assert repositories.checked_branch(name) == name


@pytest.mark.parametrize("name", ["", "-f", "a..b", "a b", "a:b", "x.lock", "/a", "a/", "@", "a@{1}", "a*"])
def test_what_is_no_branch_is_refused(name: str) -> None:
    with pytest.raises(RefusalError):
        repositories.checked_branch(name)


def test_signers_become_the_file_that_ssh_keygen_reads(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me, * here", "-f", key], check=True)
    signers = repositories.checked_signers([key.with_suffix(".pub").read_text(), KEY, KEY])
    assert len(signers) == 2
    (tmp_path / "allowed").write_text(repositories.allowed_signers(signers))
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", key, tmp_path / "allowed"], check=True)
    signature, allowed = str(tmp_path / "allowed.sig"), str(tmp_path / "allowed")
    find = ["ssh-keygen", "-Y", "find-principals", "-s", signature, "-f", allowed]
    assert subprocess.run(find, check=True, capture_output=True).stdout == b"*\n"


@pytest.mark.parametrize(
    "key",
    [
        "AAAA", "ssh-ed25519", "ssh-ed25519 AAAA", f"{KEY}\n{KEY}", "ssh-rsa " + KEY.split()[1], "~/.ssh/id.pub", 7,
        "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2",
    ],
)  # fmt: skip
def test_what_is_no_public_key_is_refused_and_not_repeated(key: object) -> None:
    with pytest.raises(RefusalError) as refused:
        repositories.checked_signers([key])
    assert "hunter2" not in str(refused.value)


def test_pull_mode_without_repository_or_signers_is_refused() -> None:
    with pytest.raises(SettingsError) as refused:
        pulling(kometa_autodeploy_repository=None, kometa_autodeploy_signers=[])
    variables = {problem.variable for problem in refused.value.problems}
    assert variables == {"kometa_autodeploy_repository", "kometa_autodeploy_signers"}
    assert pulling(kometa_autodeploy_signers=[], kometa_autodeploy_unsigned=True).follows_git


def test_only_a_host_in_pull_mode_gets_what_pulls() -> None:
    assert set(autodeploy_files.library_files(Settings())) == {"mms-autodeploy"}
    files = autodeploy_files.library_files(pulling())
    assert set(files) == {"mms-autodeploy", "allowed-signers"}
    assert files["allowed-signers"].text() == f'* namespaces="git" {KEY}\n'
    text = files["mms-autodeploy"].text()
    assert "inventory_host=tower.lan" in text
    assert "source=git" in text
    assert subprocess.run(["bash", "-n"], input=text.encode(), check=False).returncode == 0


def test_a_host_that_does_not_pull_knows_no_repository_whatever_the_settings_say() -> None:
    settings = Settings.from_data({"kometa_autodeploy_repository": "https://example.org/kometa.git"}, "host")
    lines = autodeploy_files.library_files(settings)["mms-autodeploy"].text().splitlines()
    assert "source=registry" in lines
    assert {"repository=''", "branch=''", "unsigned=''", "inventory_host=''"} <= set(lines)
