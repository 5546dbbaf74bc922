"""Which distributions can have a Quadlet, and what is installed on them."""

import pytest

from kometa_host.errors import UserError
from kometa_host.plans import packages as packages_plan
from kometa_host.settings.variables import Settings
from tests.unit.told import host

DEBIAN_12 = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
ALMA = 'ID="almalinux"\nID_LIKE="rhel centos fedora"\nPRETTY_NAME="AlmaLinux 9.6"\n'
BACKUPS = Settings(kometa_backup_recipients=("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",))
DEBIAN_13 = 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n'


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("podman version 5.4.2\n", (5, 4, 2)),
        ("podman version 4.9\n", (4, 9, 0)),
        ("podman version 6.0.0-dev\n", (6, 0, 0)),
        ("", None),
        ("podman: not found", None),
    ],
)
def test_the_version_of_podman_is_read(text: str, version: tuple[int, ...] | None) -> None:
    assert packages_plan.podman_version(text) == version


@pytest.mark.parametrize("version", ["4.7.0", "4.10.1", "10.0.0"])
def test_a_podman_with_quadlet_is_taken_on_any_distribution(version: str) -> None:
    packages_plan.refuse_old_podman(host(os_release=DEBIAN_12, podman_version=f"podman version {version}"))


def test_a_podman_without_quadlet_is_refused_before_and_after_its_installation() -> None:
    with pytest.raises(UserError, match=r"12 \(bookworm\) has Podman 4\.3\.1\. Kometa's service is a Quadlet"):
        packages_plan.refuse_old_podman(host(os_release=DEBIAN_12, podman_version="podman version 4.3.1"))
    with pytest.raises(UserError, match=r"has Podman 4\.6\.1\. .* Podman 4\.7 or newer"):
        packages_plan.refuse_old_podman(host(os_release=ALMA, podman_version="podman version 4.6.1"))
    with pytest.raises(UserError, match=r"12 \(bookworm\) offers Podman 4\.3\."):
        packages_plan.refuse_old_podman(host(os_release=DEBIAN_12))


@pytest.mark.parametrize("release", [DEBIAN_13, "", "ID=fedora\nVERSION_ID=43\n"])
def test_a_distribution_that_offers_quadlet_or_is_unknown_is_not_refused(release: str) -> None:
    packages_plan.refuse_old_podman(host(os_release=release))


def test_missing_programs_are_named() -> None:
    there = {f"command__{name}": "/usr/bin/x" for name in ("podman", "age", "zstd", "tar", "flock")}
    assert packages_plan.missing_commands(Settings(), host(**there)) == [
        *("newuidmap", "netavark", "aardvark-dns", "dbus-user-session", "python3", "pgrep")
    ]


@pytest.mark.parametrize("manager", packages_plan.MANAGERS.values())
def test_every_known_package_manager_brings_podman_and_age_only_for_backups(manager: str) -> None:
    name, packages = packages_plan.packages_of(BACKUPS, host(package_manager=manager))
    assert packages_plan.MANAGERS[name] == manager
    assert {"podman", "age", "zstd", "tar"} < set(packages)
    assert "age" not in packages_plan.packages_of(Settings(), host(package_manager=manager))[1]


@pytest.mark.parametrize(
    ("release", "family"),
    [
        (DEBIAN_13, "debian"),
        ("ID=raspbian\nID_LIKE=debian\n", "debian"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "debian"),
        ("ID=fedora\nVERSION_ID=43\n", "fedora"),
        (ALMA, "rhel"),
        ("ID=rhel\nID_LIKE=fedora\n", "rhel"),
        ('ID=opensuse-leap\nID_LIKE="suse opensuse"\n', "suse"),
        ("ID=manjaro\nID_LIKE=arch\n", "arch"),
        ("ID=alpine\n", None),
    ],
)
def test_a_distribution_is_known_by_its_name_or_by_what_it_is_like(release: str, family: str | None) -> None:
    assert packages_plan.family(host(os_release=release)) == family


def test_age_is_missed_only_for_backups_and_red_hats_relatives_are_told_of_epel() -> None:
    there = {f"command__{name}": "/usr/bin/x" for name in packages_plan.NEEDED}
    alma = {"os_release": ALMA, "package_manager": "dnf", "podman_version": "podman version 5.6.0", **there}
    packages_plan.refuse_unavailable(Settings(), host(**alma))
    with pytest.raises(UserError, match=r"age: missing, and AlmaLinux 9\.6 has it in EPEL alone"):
        packages_plan.refuse_unavailable(BACKUPS, host(**alma))
    packages_plan.refuse_unavailable(BACKUPS, host(**alma, has_epel="yes"))


def test_a_system_that_is_an_image_is_told_how_to_get_packages() -> None:
    with pytest.raises(UserError, match=r"rpm-ostree install --idempotent podman .*; systemctl reboot"):
        packages_plan.refuse_unavailable(Settings(), host(os_release="ID=fedora\n", is_ostree="yes"))


@pytest.mark.parametrize(
    ("podman", "told", "release", "needs"),
    [
        ("4.9.3", "", "", True),
        ("5.4.2", "", "", False),
        ("5.4.2", "slirp4netns", "", True),
        ("4.9.3", "pasta", "", False),
        ("", "", 'ID=ubuntu\nVERSION_ID="24.04"\n', True),
        ("", "", DEBIAN_13, False),
    ],
)
def test_podman_before_pasta_needs_slirp4netns(podman: str, told: str, release: str, needs: bool) -> None:
    version = f"podman version {podman}" if podman else ""
    found = host(podman_version=version, rootless_network=told, os_release=release, package_manager="apt-get")
    assert ("slirp4netns" in packages_plan.missing_commands(Settings(), found)) == needs
    assert ("slirp4netns" in packages_plan.packages_of(Settings(), found)[1]) == needs
    assert "slirp4netns" in packages_plan.needed(Settings())  # the look asks for all that may be needed


@pytest.mark.parametrize("manager", ["", "apk"])
def test_a_host_with_another_package_manager_is_told_what_to_install(manager: str) -> None:
    with pytest.raises(UserError, match=r"Alpine has none .* Install these yourself, .*: podman, newuidmap,"):
        packages_plan.packages_of(Settings(), host(os_release="ID=alpine\nPRETTY_NAME=Alpine", package_manager=manager))


def test_pings_and_a_repository_need_more() -> None:
    wanted = Settings(
        kometa_notify_url="https://hc.example/x",
        kometa_autodeploy_source="git",
        kometa_autodeploy_repository="/srv/host.git",
        kometa_autodeploy_unsigned=True,
    )
    there = {f"command__{name}": "/usr/bin/x" for name in packages_plan.NEEDED}
    assert packages_plan.missing_commands(Settings(), host(**there)) == []
    assert packages_plan.missing_commands(wanted, host(**there)) == ["curl", "git", "ssh-keygen", "python3-venv"]
    for manager in packages_plan.MANAGERS.values():
        _, packages = packages_plan.packages_of(wanted, host(package_manager=manager))
        assert {"curl"} < set(packages)
        assert any(name.startswith("git") for name in packages)


@pytest.mark.parametrize(
    ("release", "python"),
    [
        (f"{ALMA}VERSION_ID=9.6\n", "python3.11"),
        ('ID=opensuse-leap\nID_LIKE="suse opensuse"\nVERSION_ID=15.6\n', "python311"),
        (DEBIAN_13, None), ("ID=rhel\nVERSION_ID=10.1\n", None),
    ],
)  # fmt: skip
def test_pull_mode_brings_a_python_that_is_new_enough(release: str, python: str | None) -> None:
    pulls = Settings(
        kometa_autodeploy_source="git", kometa_autodeploy_repository="/srv/host.git", kometa_autodeploy_unsigned=True
    )
    found = host(os_release=release)
    newer = {"python3.11", "python311"}.intersection(packages_plan.packages_of(pulls, found)[1])
    assert newer == ({python} if python else set())
    assert python not in packages_plan.packages_of(Settings(), found)[1]
