"""Whether a Podman network serves Kometa: reachable names, a way out. Pure."""

from collections.abc import Mapping
from typing import Any

from kometa_host.errors import UserError
from kometa_host.plans.service import CONTAINER
from kometa_host.state.observed import Observed


def fault(network: Mapping[str, Any] | None) -> str | None:
    """Given a network as `podman network inspect` describes it, return what is wrong with it, None if nothing is."""
    if network is None:
        return "it does not exist"
    if network.get("driver") != "bridge":
        return f"its driver is {network.get('driver')}, not bridge"
    if not network.get("dns_enabled"):
        return "it does not resolve the names of containers"
    if network.get("internal"):
        return "it is internal, so Kometa cannot reach TMDb"
    return None


def refuse_if_used(name: str, why: str, found: Observed) -> None:
    """Raise UserError if a network that has to be recreated is used by containers of others."""
    users = sorted(c.name for c in found.containers.values() if name in c.networks and c.name != CONTAINER)
    if users and found.network is not None:
        raise UserError(
            f"the network {name} has to be recreated ({why}), but {', '.join(users)} use it. "
            f"Stop them (systemctl --user stop ...), deploy again, and start them."
        )
