"""The test network: one bridge per checkout, and for each host a network namespace with a cable to the bridge."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path

from tests.sandbox.address import address6, bridge_name, first_choice, state_directory
from tests.sandbox.shell import SandboxError, run, write_whole


def ensure_bridge() -> str:
    """Bring the bridge up when it is not, and return its address. The caller holds the state's lock."""
    bridge = bridge_name()
    if Path("/sys/class/net", bridge).exists():
        return f"{(state_directory() / 'subnet').read_text().strip()}.1"
    prefix = free_prefix()
    write_whole(state_directory() / "subnet", f"{prefix}\n")
    run(["ip", "link", "add", bridge, "type", "bridge"])
    run(["ip", "addr", "add", f"{prefix}.1/24", "dev", bridge])
    run(["ip", "addr", "add", f"{address6(f'{prefix}.1')}/64", "dev", bridge, "nodad"])
    run(["ip", "link", "set", bridge, "up"])
    return f"{prefix}.1"


def free_prefix() -> str:
    """Return the first three bytes of a /24 that this machine does not use: the recorded or first choice if free."""
    taken = _networks_in_use()
    second, third = first_choice()
    recorded = state_directory() / "subnet"
    choices = [recorded.read_text().strip()] if recorded.exists() else []
    choices += [f"10.{64 + (second - 64 + step) % 128}.{third}" for step in range(64)]
    for prefix in choices:
        wanted = ipaddress.ip_network(f"{prefix}.0/24")
        if not any(wanted.overlaps(network) for network in taken):
            return prefix
    raise SandboxError("every network that the sandbox could use is taken on this machine")


def _networks_in_use() -> list[ipaddress.IPv4Network]:
    networks = []
    for link in json.loads(run(["ip", "-json", "-4", "addr", "show"])):
        for entry in link["addr_info"]:
            networks.append(ipaddress.IPv4Network(f"{entry['local']}/{entry['prefixlen']}", strict=False))
    for route in json.loads(run(["ip", "-json", "-4", "route", "show"])):
        if route["dst"] != "default":
            networks.append(ipaddress.IPv4Network(route["dst"], strict=False))
    return networks


def remove_bridge() -> None:
    """Take the bridge away."""
    run(["ip", "link", "del", bridge_name()], check=False)


def connect(cable: str, address: str, gateway: str) -> None:
    """Make the namespace `cable` and the interface of the same name on the bridge, joined by a cable."""
    disconnect(cable)
    run(["ip", "netns", "add", cable])
    run(["ip", "link", "add", cable, "type", "veth", "peer", "name", "host0", "netns", cable])
    run(["ip", "link", "set", cable, "master", bridge_name(), "up"])
    hardware = "02:00:" + ":".join(f"{int(byte):02x}" for byte in address.split("."))
    batch = [
        ["link", "set", "host0", "address", hardware],
        ["link", "set", "lo", "up"],
        ["addr", "add", f"{address}/24", "dev", "host0"],
        ["addr", "add", f"{address6(address)}/64", "dev", "host0", "nodad"],
        ["link", "set", "host0", "up"],
        ["route", "add", "default", "via", gateway],
    ]
    for command in batch:
        run(["ip", "-n", cable, *command])
    # a neighbour known for good: when the cable is cut, connections hang instead of failing with "No route to host"
    run(["ip", "neigh", "replace", address, "lladdr", hardware, "dev", bridge_name(), "nud", "permanent"])


def disconnect(cable: str) -> None:
    """Remove the namespace `cable` and its interfaces, when they are there."""
    if Path("/sys/class/net", cable).exists():
        run(["ip", "link", "del", cable], check=False)
    if Path("/run/netns", cable).exists():
        run(["ip", "netns", "del", cable], check=False)


def cut(cable: str) -> None:
    """Let nothing through the cable: packets vanish, so connections hang as with a pulled plug."""
    run(["ip", "link", "set", cable, "down"])


def mend(cable: str) -> None:
    """Let packets through the cable again."""
    run(["ip", "link", "set", cable, "up"])


def delay(cable: str, milliseconds: float) -> None:
    """Delay each packet to the host by `milliseconds`; 0 ends that. Needs tc and the kernel's netem."""
    run(["tc", "qdisc", "del", "dev", cable, "root"], check=False)
    if not milliseconds:
        return
    try:
        run(["tc", "qdisc", "add", "dev", cable, "root", "netem", "delay", f"{milliseconds}ms"])
    except SandboxError:
        raise SandboxError("this machine cannot delay packets: its kernel has no netem, or tc is missing") from None
