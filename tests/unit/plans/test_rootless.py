"""What keeps an account from having containers is said before anything is made for it."""

import pytest

from kometa_host.errors import UserError
from kometa_host.plans import rootless
from kometa_host.settings.variables import Settings
from tests.unit.told import host

MACHINE = {"uid_map": "0 0 4294967295", "has_tun": "yes", "cgroup_type": "cgroup2fs"}
PODMAN = {"podman_version": "podman version 5.4.2"}


def refusal(**told: str) -> str:
    """What a deploy says about a host that tells this beside what a machine tells, empty if nothing."""
    try:
        rootless.refuse_impossible(Settings(), host(**{**MACHINE, **told}).host)
    except UserError as error:
        return str(error)
    return ""


def test_a_machine_and_a_container_with_enough_ids_are_good() -> None:
    assert refusal() == ""
    assert refusal(uid_map="0 100000 165536") == ""
    assert refusal(uid_map="0 100000 65536\n100000 200000 65536") == ""
    assert refusal(uid_map="0 100000 65536", subuid="mms:10000:50000") == ""
    rootless.refuse_impossible(Settings(), host().host)


def test_an_unprivileged_container_is_told_all_that_it_lacks_and_the_way_out() -> None:
    text = refusal(uid_map="0 100000 65536", has_tun="no")
    assert "a container with 65536 ids of its own" in text
    assert "100000 to 165535 are not among them" in text
    assert "/dev/net/tun is missing" in text
    assert "lxc.idmap: u 0 100000 165536" in text


def test_a_machine_without_the_device_is_not_told_of_proxmox() -> None:
    assert "Proxmox" not in refusal(has_tun="no")
    assert "Proxmox" in refusal(has_tun="no", container_manager="lxc")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"cgroup_type": "tmpfs"}, "control groups of version 1"),
        ({"sysctl__user__max_user_namespaces": "0"}, "set user.max_user_namespaces=15000"),
        ({"sysctl__kernel__unprivileged_userns_clone": "0"}, "set kernel.unprivileged_userns_clone=1"),
        (
            {"sysctl__kernel__apparmor_restrict_unprivileged_userns": "1", "podman_apparmor": "no", **PODMAN},
            "AppArmor forbids",
        ),
        ({"newuidmap_rights": "no", **PODMAN}, "newuidmap has lost its rights"),
    ],
)
def test_what_the_kernel_or_its_settings_forbid_is_named_with_the_remedy(told: dict[str, str], words: str) -> None:
    assert words in refusal(**told)


def test_a_host_without_systemd_is_told_so_and_nothing_else() -> None:
    text = refusal(has_systemd="no", has_tun="no")
    assert "does not run systemd (Unraid" in text
    assert "tun" not in text


def test_a_restriction_that_podman_has_a_profile_for_is_none() -> None:
    told = {"sysctl__kernel__apparmor_restrict_unprivileged_userns": "1", "podman_apparmor": "yes", **PODMAN}
    assert refusal(**told) == ""
