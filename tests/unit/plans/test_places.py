"""A home or a parent of the config tree that is another's is said before anything is made."""

from pathlib import Path
from subprocess import run

import pytest

from kometa_host.errors import UserError
from kometa_host.plans import places
from kometa_host.settings.variables import Settings
from tests.unit.told import host


def refusal(lines: str, config_dir: str = "/home/mms/config/kometa", **told: str) -> str:
    """What a deploy says where these directories are there, empty if nothing."""
    try:
        places.refuse_unwritable(Settings(kometa_config_dir=config_dir), host(places=lines, **told))
    except UserError as error:
        return str(error)
    return ""


def test_a_host_that_has_nothing_yet_is_good() -> None:
    assert refusal("0 0 755 /home\n0 0 755 /home") == ""
    assert refusal("") == ""


@pytest.mark.parametrize("owner", ["3000 3000 700", "102999 102999 755", "0 3000 775", "0 0 1777"])
def test_a_place_that_is_the_accounts_or_open_is_good(owner: str) -> None:
    told = f"3000 3000 700 /home/mms\n{owner} /home/mms/config"
    assert refusal(told, subuid="mms:100000:65536") == ""


def test_a_home_that_is_roots_is_refused_with_the_command() -> None:
    text = refusal("0 0 755 /home/mms\n0 0 755 /home/mms")
    assert "/home/mms is there and belongs to uid 0" in text
    assert "As root: chown -h 3000:3000 /home/mms;" in text


def test_the_accounts_own_ids_count_where_it_is_there() -> None:
    account = "mms:x:1001:1002::/home/mms:/bin/bash"
    assert refusal("1001 1002 700 /home/mms\n1001 1002 700 /home/mms", passwd=account) == ""
    assert "then chown -h 1001:1002 /home/mms/config; else" in refusal(
        "1001 1002 700 /home/mms\n0 0 755 /home/mms/config", passwd=account
    )


def test_an_account_that_is_there_tells_of_its_directories_itself() -> None:
    told = {"passwd": "mms:x:3000:3000::/home/mms:/bin/bash", "own_places": "0 0 755 /home/mms\n0 0 755 /home/mms"}
    assert "/home/mms is there and belongs to uid 0" in refusal("", **told)
    with pytest.raises(UserError, match="NFS"):
        places.refuse_network_file_system(Settings(), host(own_config_file_system="nfs"))


def test_whoever_follows_the_command_is_led_nowhere_by_a_link_of_the_accounts(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "config"
    victim.mkdir(mode=0o711)
    link.symlink_to(victim)
    account = "mms:x:1001:1002::/home/mms:/bin/bash"
    text = refusal(f"1001 1002 700 /home/mms\n0 0 755 {link}", f"{link}/kometa", passwd=account)
    command = text.partition("As root: ")[2].partition("; then deploy")[0]
    bash = ["bash", "-c", f'systemctl() {{ :; }}; install() {{ echo made "$@"; }}; id() {{ echo 1001; }}; {command}']
    assert run(bash, capture_output=True, text=True, check=True).stdout == (
        "a link is on the way: look where it leads\n"
    )
    link.unlink()
    assert run(bash, capture_output=True, text=True, check=True).stdout == f"made -d -o 1001 -g 1002 {link}\n"


def test_a_parent_outside_the_home_is_made_by_root_once() -> None:
    text = refusal("3000 3000 700 /home/mms\n0 0 755 /data", "/data/kometa/config")
    assert "/data is there and belongs to uid 0" in text
    assert "install -d -o 3000 -g 3000 /data/kometa;" in text
    assert "/data is there" in refusal("0 0 755 /home\n0 0 755 /data", "/data/kometa/config")


def test_what_an_access_control_list_allows_is_not_known_here() -> None:
    assert refusal("0 0 755+ /home/mms\n0 0 755+ /home/mms") == ""


@pytest.mark.parametrize(("kind", "name"), [("nfs", "NFS"), ("cifs", "CIFS"), ("smb2", "CIFS"), ("ext2/ext3", "")])
def test_a_config_tree_on_another_machine_is_refused_before_the_first_deploy(kind: str, name: str) -> None:
    wanted = Settings(kometa_config_dir="/mnt/nas/kometa")
    if not name:
        places.refuse_network_file_system(wanted, host(config_file_system=kind))
        return
    with pytest.raises(UserError, match=f"/mnt/nas/kometa is on {name}.*a directory on a disk"):
        places.refuse_network_file_system(wanted, host(config_file_system=f"{kind}\n"))
    places.refuse_network_file_system(wanted, host(config_file_system=kind, files__config__digest="0" * 64))


def test_an_answer_that_makes_no_sense_is_the_hosts_refusal() -> None:
    assert "the host's answer about its directories makes no sense" in refusal("nfs")
