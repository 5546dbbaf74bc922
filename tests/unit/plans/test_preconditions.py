"""What stands in the way of a deploy is said before it begins, all of it at once."""

import json

import pytest

from kometa_host.errors import UserError
from kometa_host.plans import preconditions
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import Observed
from tests.unit.told import host

SETTINGS = Settings()
PLEX = "lscr.io/linuxserver/plex:latest"


def plex(name: str = "plex", image: str = PLEX, network: str = "mms", state: str = "running") -> str:
    return json.dumps([{"Names": [name], "State": state, "Image": image, "ImageID": "1", "Networks": [network]}])


def refusal(found: Observed, settings: Settings = SETTINGS) -> str:
    with pytest.raises(UserError) as caught:
        preconditions.refuse_unmet(settings, found)
    return str(caught.value)


def test_an_empty_host_can_be_deployed_to() -> None:
    preconditions.refuse_unmet(SETTINGS, host())


def test_a_host_with_plex_on_the_network_under_its_name_can_be_deployed_to() -> None:
    preconditions.refuse_unmet(SETTINGS, host(containers=plex()))


def test_all_problems_are_said_at_once() -> None:
    found = host(
        podman_version="podman version 3.0.1", files__config__mountpoint="yes", group="media:x:3000:",
        containers=plex("movies"), networks='[{"driver": "bridge", "dns_enabled": false}]',
    )  # fmt: skip
    text = refusal(found)
    for part in ("gid 3000 belongs to", "Podman 3.0.1", "is a mount point itself", "but movies use it",
                 "Set kometa_plex_url to http://movies:32400"):  # fmt: skip
        assert part in text


@pytest.mark.parametrize("image", [PLEX, "docker.io/plexinc/pms-docker", "ghcr.io/home/plex@sha256:0", "x.io/a/plex:1"])
def test_plex_on_the_network_has_to_be_called_by_its_name(image: str) -> None:
    settings = Settings(kometa_plex_url="http://192.168.1.5:32401")
    text = refusal(host(containers=plex("plex", image)), settings)
    assert "kometa_plex_url is http://192.168.1.5:32401, but Plex runs on this host as the container plex" in text
    assert "Set kometa_plex_url to http://plex:32401" in text


@pytest.mark.parametrize(
    "containers",
    [
        plex("other", "docker.io/a/plexus:1"),
        plex("other", "docker.io/plex/tautulli:1"),
        plex("other", network="media"),
        plex("other", state="exited"),
        plex("PLEX"),
    ],
)
def test_what_is_no_plex_or_elsewhere_or_ended_or_called_alike_is_in_nobodys_way(containers: str) -> None:
    preconditions.refuse_unmet(SETTINGS, host(containers=containers))


def test_one_of_several_plex_may_be_the_one_that_is_called() -> None:
    both = json.loads(plex("first")) + json.loads(plex("plex"))
    preconditions.refuse_unmet(SETTINGS, host(containers=json.dumps(both)))
