"""Where Plex is called by an address that leads a container to itself, or past the network, is said before a deploy."""

import json

import pytest

from kometa_host.errors import UserError
from kometa_host.plans import plex as plans
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import Observed
from tests.unit.told import host

SETTINGS = Settings()
PLEX = "lscr.io/linuxserver/plex:latest"
OWN = "192.168.1.10\nfd00::10"


def plex(name: str = "plex", image: str = PLEX, network: str = "mms", state: str = "running") -> str:
    """A container as Podman lists it."""
    return json.dumps([{"Names": [name], "State": state, "Image": image, "ImageID": "1", "Networks": [network]}])


def tower(podman: str = "5.4.2", network: str = "", **told: str) -> Observed:
    """A host named tower, with addresses of its own."""
    told = {"hosts_file": "127.0.1.1 tower media.home.arpa", "hostname": "tower", "own_addresses": OWN} | told
    version = f"podman version {podman}" if podman else ""
    return host(podman_version=version, rootless_network=network, **told)


def refusal(url: str, found: Observed) -> str:
    """What a deploy says about Plex at an address, empty if nothing."""
    try:
        plans.refuse_unreachable(Settings(kometa_plex_url=url), found)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "url",
    [
        "http://192.168.1.10:32400",
        "http://[fd00:0::10]:32400",
        "http://tower.lan:32400",
        "http://media.home.arpa:32400",
    ],
)
def test_the_hosts_own_address_under_pasta_is_refused_with_the_name_that_works(url: str) -> None:
    assert "an address of this host itself" in refusal(url, tower())
    assert "Set kometa_plex_url to http://host.containers.internal:32400" in refusal(url, tower())


@pytest.mark.parametrize(
    "url",
    [
        "http://192.168.1.11:32400",
        "http://nas.lan:32400",
        "http://tower:32400",
        "http://host.containers.internal:32400",
    ],
)
def test_another_machine_a_containers_name_and_the_name_for_the_host_are_good(url: str) -> None:
    assert refusal(url, tower()) == ""


@pytest.mark.parametrize(("podman", "network"), [("4.9.3", ""), ("5.4.2", "slirp4netns")])
def test_slirp4netns_reaches_the_hosts_own_address(podman: str, network: str) -> None:
    assert refusal("http://192.168.1.10:32400", tower(podman, network)) == ""


def test_a_host_without_podman_yet_will_have_pasta() -> None:
    assert "host.containers.internal" in refusal("http://192.168.1.10:32400", tower(podman=""))


def test_a_podman_without_a_name_for_the_host_is_told_what_remains() -> None:
    text = refusal("http://192.168.1.10:32401", tower("5.2.2"))
    assert "Podman 5.2.2 gives its containers no way" in text
    assert "install Podman 5.3 or newer" in text


def test_a_host_that_told_no_addresses_refuses_nothing() -> None:
    assert refusal("http://192.168.1.10:32400", host()) == ""


@pytest.mark.parametrize("image", [PLEX, "docker.io/plexinc/pms-docker", "ghcr.io/home/plex@sha256:0", "x.io/a/plex:1"])
def test_plex_on_the_network_has_to_be_called_by_its_name(image: str) -> None:
    settings = Settings(kometa_plex_url="http://192.168.1.5:32401")
    text = refusal(settings.kometa_plex_url, host(containers=plex("plex", image)))
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
    plans.refuse_unreachable(SETTINGS, host(containers=containers))


def test_one_of_several_plex_may_be_the_one_that_is_called() -> None:
    both = json.loads(plex("first")) + json.loads(plex("plex"))
    plans.refuse_unreachable(SETTINGS, host(containers=json.dumps(both)))
