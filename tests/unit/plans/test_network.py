"""Networks that serve Kometa, and those that have to be recreated."""

import json
from typing import Any

import pytest

from kometa_host.errors import UserError
from kometa_host.plans import network as network_plan
from kometa_host.state.observed import Observed
from tests.unit.told import host

GOOD = {"name": "mms", "driver": "bridge", "dns_enabled": True, "internal": False}


def container(name: str, *on: str) -> dict[str, Any]:
    return {"Names": [name], "State": "exited", "Image": "x", "ImageID": "1", "Networks": list(on)}


def with_containers(*containers: dict[str, Any], network: bool = True) -> Observed:
    return host(containers=json.dumps(containers), networks=json.dumps([GOOD] if network else []))


def test_a_bridge_with_names_and_a_way_out_is_good() -> None:
    assert network_plan.fault(GOOD) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"driver": "macvlan"}, "macvlan, not bridge"),
        ({"driver": None}, "None, not bridge"),
        ({"dns_enabled": False}, "does not resolve"),
        ({"internal": True}, "cannot reach TMDb"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, object], fault: str) -> None:
    assert fault in str(network_plan.fault(GOOD | change))


def test_no_network_and_an_empty_description_are_faults() -> None:
    assert network_plan.fault(None) == "it does not exist"
    assert network_plan.fault({})


def test_a_network_that_only_kometa_uses_can_be_recreated() -> None:
    network_plan.refuse_if_used("mms", "why", with_containers(container("kometa", "mms"), container("plex", "other")))


def test_a_network_that_others_use_even_stopped_is_refused_with_their_names() -> None:
    found = with_containers(container("plex", "mms"), container("kometa", "mms"), container("a", "x", "mms"))
    with pytest.raises(UserError, match=r"network mms has to be recreated \(it is internal\), but a, plex use it"):
        network_plan.refuse_if_used("mms", "it is internal", found)


def test_a_network_that_does_not_exist_is_in_nobodys_way() -> None:
    network_plan.refuse_if_used("mms", "it does not exist", with_containers(container("plex", "mms"), network=False))
