"""What stands in the way of a deploy is said before it begins, all of it at once."""

import json

import pytest

from kometa_host.errors import UserError
from kometa_host.plans import preconditions
from kometa_host.settings.variables import Settings
from kometa_host.state.observed import Observed
from tests.unit import told

SETTINGS = Settings()
PLEX = "lscr.io/linuxserver/plex:latest"


def plex(name: str = "plex", image: str = PLEX, network: str = "mms", state: str = "running") -> str:
    return json.dumps([{"Names": [name], "State": state, "Image": image, "ImageID": "1", "Networks": [network]}])


def host(**more: str) -> Observed:
    """Return a host with a package manager."""
    return told.host(package_manager="apt-get", **more)


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


def test_what_is_to_be_mounted_has_to_be_there() -> None:
    assert "names /srv/a, /srv/b, which" in refusal(host(missing_volumes="/srv/a\n/srv/b\n"))


@pytest.mark.parametrize(("controllers", "works"), [("cpu memory pids", True), ("cpu pids", False), ("", False)])
def test_a_limit_of_memory_needs_a_host_that_limits_it(controllers: str, works: bool) -> None:
    limited = Settings.from_data({"kometa_memory": "2G"}, "a host")
    found = host(cgroup_controllers=controllers)
    preconditions.refuse_unmet(SETTINGS, found)
    if works:
        preconditions.refuse_unmet(limited, found)
    else:
        assert "does not let the account limit memory" in refusal(found, limited)


def test_a_host_without_the_account_is_not_judged_for_its_memory() -> None:
    preconditions.refuse_unmet(Settings.from_data({"kometa_memory": "2G"}, "a host"), host())
