"""What is taken over from a previous stack, what is left to others, what is refused."""

from __future__ import annotations

import json

import pytest

from kometa_host.errors import UserError
from kometa_host.plans import takeover
from kometa_host.settings.variables import Settings
from kometa_host.state import desired, watch_files
from kometa_host.state.observed import Observed
from tests.unit.told import host

SETTINGS = Settings()
QUADLET = "/home/mms/.config/containers/systemd/kometa.container"
NETWORK = "/home/mms/.config/containers/systemd/mms.network"
UNITS = "/home/mms/.config/systemd/user"
PREVIOUS = """\
[Unit]
After=plex.service
[Container]
ContainerName=kometa
Image=lscr.io/linuxserver/kometa:v2.4.4
UserNS=keep-id
Network=mms.network
Volume=%h/config/kometa:/config:Z
Environment=PUID=3000 "KOMETA_TIME=06:00" KOMETA_WIDTH=120
EnvironmentFile=/home/mms/config/kometa/kometa.env
"""


def with_files(files: dict[str, str], **told: str) -> Observed:
    """Return a host on which somebody else has written files of our names."""
    return host(**{f"foreign.{path}": text for path, text in files.items()}, **told)


def refusal(found: Observed, settings: Settings = SETTINGS) -> str:
    """Return why the host is refused."""
    with pytest.raises(UserError) as caught:
        takeover.refuse_unclear(settings, found)
    return str(caught.value)


def test_a_host_without_a_previous_stack_is_neither_refused_nor_reported() -> None:
    takeover.refuse_unclear(SETTINGS, host())
    assert takeover.report(SETTINGS, host()) == []


def test_a_previous_kometa_at_our_config_directory_is_taken_over_and_reported() -> None:
    found = with_files(
        {QUADLET: PREVIOUS, NETWORK: "[Network]\nNetworkName=mms\n"},
        **{
            "previous-units": "mms-backup.service\nmms-backup.timer",
            "previous-variables": "PUID\nKOMETA_PLEXTOKEN",
            "previous-archives": "kometa-2025-01-01.tar.zst\nkometa-2025-01-02.tar.zst.age",
        },
    )
    takeover.refuse_unclear(SETTINGS, found)
    text = "\n".join(takeover.report(SETTINGS, found))
    for part in (QUADLET, "mms.network", "mms-backup.service, mms-backup.timer", "2 previous backups", "kometa.env",
                 "1 of them are not encrypted, such as kometa-2025-01-01.tar.zst",
                 "no longer set: KOMETA_PLEXTOKEN, KOMETA_WIDTH."):  # fmt: skip
        assert part in text


def test_variables_that_are_set_otherwise_now_are_not_lost() -> None:
    settings = Settings.from_data(
        {"kometa_secrets": {"plextoken": "x"}, "kometa_environment": {"KOMETA_WIDTH": "120"}}, "host"
    )
    assert takeover.lost_variables(settings, PREVIOUS, ["KOMETA_PLEXTOKEN", "TZ"]) == set()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("%h/config/kometa", "/home/mms/other"), "has /home/mms/other at /config"),
        (("%h/config/kometa", "kometa.volume"), "has kometa.volume at /config"),
        (("Volume=", "#Volume="), "has nothing at /config"),
        (("linuxserver/kometa", "linuxserver/radarr"), "which is not Kometa"),
    ],
)
def test_a_quadlet_that_does_not_tell_whose_data_it_has_is_refused(change: tuple[str, str], words: str) -> None:
    assert words in refusal(with_files({QUADLET: PREVIOUS.replace(*change)}))


@pytest.mark.parametrize("text", ["[Network]\n", "[Network]\nNetworkName=media\n"])
def test_a_network_quadlet_of_others_with_another_name_is_refused(text: str) -> None:
    assert "set mms_network to another name" in refusal(with_files({NETWORK: text}))


def test_a_unit_file_that_hides_the_quadlet_is_refused() -> None:
    assert "hides the unit" in refusal(with_files({f"{UNITS}/kometa.service": "[Service]\n"}))


def test_a_unit_and_a_volume_behind_a_symbolic_link_are_our_own() -> None:
    links = "/home/mms\t/var/home/mms\n/home/mms/config/kometa\t/var/home/mms/config/kometa"
    unit = f"Id=kometa.service\nLoadState=loaded\nSourcePath=/var{QUADLET}"
    takeover.refuse_unclear(SETTINGS, host(units=unit, links=links))
    volume = PREVIOUS.replace("%h/config", "/var/home/mms/config")
    takeover.refuse_unclear(SETTINGS, with_files({QUADLET: volume}, links=links))
    assert "comes from /var/home" in refusal(host(units=unit))


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("Id=kometa.service\nLoadState=masked\nFragmentPath=/dev/null", "unmask kometa.service"),
        (
            "Id=kometa.service\nLoadState=loaded\nFragmentPath=/etc/systemd/user/kometa.service",
            "comes from /etc/systemd",
        ),
        (
            f"Id=kometa.service\nLoadState=loaded\nSourcePath={QUADLET.replace('kometa.c', 'sub/kometa.c')}",
            "/sub/kometa",
        ),
    ],
)
def test_a_unit_from_elsewhere_is_refused(unit: str, words: str) -> None:
    assert words in refusal(host(units=unit))


def test_our_own_unit_is_not_refused() -> None:
    takeover.refuse_unclear(SETTINGS, host(units=f"Id=kometa.service\nLoadState=loaded\nSourcePath={QUADLET}"))


def test_a_container_that_the_unit_has_not_made_is_refused() -> None:
    container = {"Names": ["kometa"], "State": "running", "Image": "x/kometa", "ImageID": "1", "Labels": None}
    assert "podman rm -f kometa" in refusal(host(containers=json.dumps([container])))


def test_a_kometa_of_root_is_refused() -> None:
    assert "/etc/containers/systemd/kometa.container" in refusal(
        host(system_units="/etc/containers/systemd/kometa.container")
    )


def test_a_backup_unit_of_others_is_refused_with_all_the_rest() -> None:
    settings = Settings(kometa_backup_recipients=("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",))
    files = {f"{UNITS}/kometa-backup.timer": "[Timer]\n", f"{UNITS}/kometa.service": ""}
    text = refusal(with_files(files), settings)
    assert "kometa-backup.timer is somebody else's" in text
    assert "hides the unit" in text


def test_the_networks_quadlet_and_update_units_of_others_are_left_to_them() -> None:
    timer = f"{UNITS}/mms-autodeploy-interactive.timer"
    found = with_files({NETWORK: "[Network]\nNetworkName=mms\n", timer: "[Timer]\n"})
    takeover.refuse_unclear(SETTINGS, found)
    assert list(takeover.own_quadlets(desired.quadlets(SETTINGS), SETTINGS, found).files) == ["kometa.container"]
    assert set(takeover.own_units(desired.units(SETTINGS), SETTINGS, found).files) == {
        "mms-autodeploy-interactive-kometa.service",
        "mms-autodeploy-interactive-kometa.timer",
        *watch_files.UNITS,
    }
    assert takeover.own_units(desired.units(SETTINGS), SETTINGS, host()) == desired.units(SETTINGS)


def test_a_podman_that_was_first_used_without_a_session_is_refused_with_the_way_out() -> None:
    text = refusal(host(temporary_storage="/tmp/storage-run-3000/\n"))  # noqa: S108
    assert "keeps its state in /tmp/storage-run-3000," in text
    assert "podman system reset" in text
