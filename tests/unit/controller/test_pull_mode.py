"""A host in pull mode as its own inventory."""

from pathlib import Path
from typing import Any

import pytest

from kometa_host.controller import pull_mode
from kometa_host.errors import UserError
from kometa_host.settings.secret import SecretStr

PODMAN = """#!/bin/sh
case "$*" in
    "secret ls --format {{.Name}}") printf 'kometa-plextoken\\nkometa-foreign\\nother\\n' ;;
    "secret inspect --showsecret kometa-plextoken kometa-foreign") cat <<'X'
[{"Spec": {"Name": "kometa-plextoken", "Labels": {"kometa-host.digest": "aa:bb"}}, "SecretData": "sesame"},
 {"Spec": {"Name": "kometa-foreign", "Labels": null}, "SecretData": "theirs"}]
X
    ;;
    *) echo "unknown: $*" >&2; exit 125 ;;
esac
"""
INVENTORY = """
import os
from pathlib import Path
media = [("tower.lan", {"ssh_user": "admin", "kometa_times": ["05:00"], "kometa_secrets": {"extra": "x"}}), "attic.lan"]
nightly = (["tower.lan"], {"kometa_times": ["09:00"], "kometa_autodeploy_group": "nightly"})
others = ["attic.lan"]
_hidden = ["tower.lan"]
number, ports, version = 7, [8080, 9090], (1, 2)
"""


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "podman").write_text(PODMAN)
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("KOMETA_AGE_IDENTITY", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 3000)
    path = tmp_path / "inventory.py"
    path.write_text(INVENTORY)
    return str(path)


def test_the_host_alone_is_left_with_its_groups_data_and_own_secrets(inventory: str) -> None:
    groups: dict[str, Any] = pull_mode.groups_of(inventory, "tower.lan")
    assert set(groups) == {"media", "nightly", "inventory"}
    # The host's own data are the same in each group, so that none wins over another; a group's stay the group's.
    [[(name, own)], [(_, again)], [(_, third)]] = [hosts for hosts, _ in groups.values()]
    assert own == again == third
    assert name == "@local"
    assert own["kometa_times"] == ["05:00"]
    assert own["kometa_secrets"] == {"plextoken": SecretStr("sesame"), "extra": "x"}
    assert own["kometa_autodeploy_host"] == "tower.lan"
    assert groups["nightly"][1] == {"kometa_times": ["09:00"], "kometa_autodeploy_group": "nightly"}


def test_root_has_none_of_the_accounts_secrets(inventory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    [(_, own)] = pull_mode.groups_of(inventory, "tower.lan")["nightly"][0]
    assert own["kometa_secrets"] == {"extra": "x"}
    assert "kometa_secrets_file" not in own


def test_secrets_that_are_none_are_none(inventory: str) -> None:
    Path(inventory).write_text('hosts = [("tower.lan", {"kometa_secrets": None})]')
    [(_, own)] = pull_mode.groups_of(inventory, "tower.lan")["hosts"][0]
    assert set(own["kometa_secrets"]) == {"plextoken"}


def test_a_host_that_the_inventory_does_not_have_is_said(inventory: str) -> None:
    with pytest.raises(UserError, match=r"has no host 'cellar'; it has attic\.lan, tower\.lan\. Set kometa_autodeploy"):
        pull_mode.groups_of(inventory, "cellar")


def test_an_inventory_that_fails_is_no_traceback(inventory: str) -> None:
    Path(inventory).write_text("import os\nhosts = [os.environ['NOWHERE']]")
    with pytest.raises(UserError, match=r"inventory\.py cannot be read: KeyError: 'NOWHERE'"):
        pull_mode.groups_of(inventory, "tower.lan")


def test_with_an_identity_the_secrets_file_is_opened_as_usual(inventory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOMETA_AGE_IDENTITY", "age-identity.txt")
    [(_, media)] = pull_mode.groups_of(inventory, "tower.lan")["media"][0]
    assert media["kometa_secrets"] == {"extra": "x"}
    assert "kometa_secrets_file" not in media


def test_a_podman_that_tells_nothing_is_said(inventory: str, tmp_path: Path) -> None:
    (tmp_path / "podman").write_text("#!/bin/sh\necho 'unknown flag: --showsecret' >&2; exit 125\n")
    with pytest.raises(UserError, match="unknown flag"):
        pull_mode.groups_of(inventory, "tower.lan")
