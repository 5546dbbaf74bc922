"""Compose files, Unraid templates and docker inspect tell what a host needs to be told."""

import json

import pytest

from kometa_host.adoption.container import Container, Mount, containers_in, dotenv
from kometa_host.adoption.host_settings import lines, settings_of

COMPOSE = """\
services:
  plex:
    image: lscr.io/linuxserver/plex
  kometa:
    image: kometateam/kometa:nightly
    environment:
      TZ: ${ZONE:-Europe/Berlin}
      KOMETA_TIME: 06:00
      PUID: 1000
      KOMETA_RUN: "false"
      KOMETA_PLEXTOKEN: ${TOKEN}
      KOMETA_RADARRROOT: /movies
      KOMETA_WIDTH: 120
    volumes:
      - ./kometa:/config
      - /srv/assets:/assets:ro
      - {type: bind, source: /srv/fonts, target: /fonts}
    mem_limit: 2g
    network_mode: host
"""


def compose() -> Container:
    (found,) = containers_in(COMPOSE, "compose.yml", {"TOKEN": "aB3dE6gH9jK2mN5pQ8sT"})
    return found


def test_a_compose_file_describes_the_container() -> None:
    found = compose()
    assert found.environment["KOMETA_TIME"] == "06:00"  # to YAML 1.1 a number
    assert found.environment["KOMETA_PLEXTOKEN"] == "aB3dE6gH9jK2mN5pQ8sT"
    assert found.config_source == "./kometa"
    assert Mount("/srv/assets", "/assets", read_only=True) in found.mounts
    assert Mount("/srv/fonts", "/fonts") in found.mounts
    assert found.host_network


def test_the_host_is_told_what_the_container_was() -> None:
    found = settings_of(compose())
    assert found.values == {
        "mms_timezone": "Europe/Berlin",
        "kometa_times": ["06:00"],
        "kometa_environment": {"KOMETA_RADARRROOT": "/movies", "KOMETA_WIDTH": "120"},
        "kometa_image": "lscr.io/linuxserver/kometa:nightly",
        "kometa_volumes": ["/srv/assets:/assets:ro", "/srv/fonts:/fonts"],
        "kometa_memory": "2G",
    }
    assert found.secrets == {"plextoken": "aB3dE6gH9jK2mN5pQ8sT"}
    assert list(lines({"kometa_times": ["06:00"]})) == ['kometa_times = ["06:00"]']


def test_docker_and_podman_inspect_are_read_one_after_the_other() -> None:
    item = {
        "Config": {
            "Image": "lscr.io/linuxserver/kometa:latest",
            "Env": ["TZ=Europe/Berlin", "PATH=/bin", "KOMETA_TIMES=6:00|18:30"],
        },
        "HostConfig": {"Memory": 1 << 30},
        "Mounts": [{"Type": "bind", "Source": "/mnt/user/appdata/kometa", "Destination": "/config", "RW": True}],
    }  # fmt: skip
    (found,) = containers_in(json.dumps([{"Config": {"Image": "plex"}}]) + json.dumps([item]), "inspect")
    assert found.config_source == "/mnt/user/appdata/kometa"
    assert settings_of(found).values == {
        "mms_timezone": "Europe/Berlin", "kometa_times": ["06:00", "18:30"], "kometa_memory": "1024M"
    }  # fmt: skip


def test_a_template_of_unraid_is_read() -> None:
    text = (
        '<?xml version="1.0"?><Container version="2"><Name>kometa</Name><Repository>kometateam/kometa</Repository>'
        '<Config Name="c" Target="/config" Type="Path" Mode="rw">/mnt/user/appdata/kometa</Config>'
        '<Config Name="t" Target="KOMETA_TIME" Default="03:00" Type="Variable"/></Container>'
    )
    (found,) = containers_in(text, "my-kometa.xml")
    assert (found.config_source, found.environment) == ("/mnt/user/appdata/kometa", {"KOMETA_TIME": "03:00"})


@pytest.mark.parametrize(
    "text", ["", "[", "<x", "a: [", "services: []\n", "- kometa\n", "[1]", "<!DOCTYPE x><Container/>"]
)
def test_other_files_describe_nothing(text: str) -> None:
    assert containers_in(text, "x") == []


def test_previous_variables_options_and_what_has_no_use() -> None:
    given = Container("x", environment={"PMM_TIME": "25:00", "PMM_NO_COUNTDOWN": "true", "KOMETA_TESTS": "true"})
    found = settings_of(given)
    assert found.values == {"kometa_environment": {"KOMETA_NO_COUNTDOWN": "true"}}
    assert [note.split()[0] for note in found.notes] == ["kometa_times", "KOMETA_TESTS"]
    assert settings_of(Container("x", arguments=["--time", "04:15"])).values == {"kometa_times": ["04:15"]}


def test_a_variable_whose_value_is_in_a_file_of_the_container_is_said() -> None:
    found = settings_of(Container("x", environment={"FILE__KOMETA_PLEXTOKEN": "/run/secrets/plex"}))
    assert found.values == {}
    assert found.notes[0].startswith("the container took KOMETA_PLEXTOKEN from the file /run/secrets/plex;")


def test_what_would_run_at_once_for_ever_and_what_kometa_writes_itself_is_left() -> None:
    given = Container(
        "x",
        environment={"KOMETA_TEST": "False", "KOMETA_RUN_COLLECTIONS": "Pixar"},
        mounts=[Mount("/l", "/config/logs")],
    )
    found = settings_of(given)
    assert found.values == {}
    assert [note.split()[0] for note in found.notes] == ["KOMETA_RUN_COLLECTIONS"]


def test_a_dotenv_file_is_read() -> None:
    assert dotenv("A=1\nexport B = 'x # y'\n# C=2\nD=\"z\" # note\nE=v # note\n") == {
        "A": "1", "B": "x # y", "D": "z", "E": "v"
    }  # fmt: skip
