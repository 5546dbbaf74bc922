"""Where this checkout's sandbox lives: its id, state directory and addresses.

Cheap to import (inventory.py does), and reads only. Every checkout has its own short id, made from its path; names of
bridges, network namespaces and machines carry it, so that two checkouts on one machine do not meet.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
BASE = Path("/var/lib/kometa-host-sandbox")
PERSISTENT = "sandbox"
FIRST_OCTET = 10  # of the host named "sandbox"; others follow
OTHER_PORT = 2222  # on which the hosts' SSH servers listen besides 22
NOT_UP = "sandbox-host-is-not-up.invalid"  # no packet leaves for a name under .invalid (RFC 6761)


def digest_of_checkout() -> str:
    """Return the hexadecimal digest from which the id and the network are made: of the checkout and a state override.

    A state directory of one's own is thus a sandbox of one's own, with another bridge and other addresses.
    """
    override = os.environ.get("KOMETA_HOST_SANDBOX_STATE", "")
    return hashlib.sha256(f"{CHECKOUT}{override}".encode()).hexdigest()


def checkout_id() -> str:
    """Return six hexadecimal digits that name this checkout."""
    return digest_of_checkout()[:6]


def state_directory() -> Path:
    """Return the directory of all that this checkout's sandbox keeps (KOMETA_HOST_SANDBOX_STATE overrides it)."""
    override = os.environ.get("KOMETA_HOST_SANDBOX_STATE")
    return Path(override) if override else BASE / checkout_id()


def first_choice() -> tuple[int, int]:
    """Return the second and third byte of the network 10.X.Y.0/24 that this checkout tries first."""
    digest = bytes.fromhex(digest_of_checkout())
    return 64 + digest[4] % 128, digest[5]


def prefix() -> str:
    """Return the first three bytes of this checkout's addresses, like "10.77.12": recorded, else its first choice."""
    recorded = state_directory() / "subnet"
    if recorded.is_file():
        return recorded.read_text().strip()
    second, third = first_choice()
    return f"10.{second}.{third}"


def address6(address: str) -> str:
    """Given the IPv4 address of a host or of this machine on the test network, return its IPv6 address there."""
    _, second, third, last = address.split(".")
    return f"fd0a:{int(second):x}:{int(third):x}::{int(last):x}"


def bridge_name() -> str:
    """Return the name of this checkout's bridge; also the stem of its other interface names (at most 15 characters)."""
    return f"kh{checkout_id()}"


def sandbox_address() -> str:
    """Return the address that the persistent host named "sandbox" has whenever it is up."""
    return f"{prefix()}.{FIRST_OCTET}"


def is_up() -> bool:
    """Tell whether the persistent host named "sandbox" has been brought up (and not taken down since)."""
    record = state_directory() / "sessions" / "persistent" / "hosts" / PERSISTENT / "host.json"
    return record.is_file() and Path("/sys/class/net", bridge_name()).exists()


def connection_data(address: str, user: str = "root") -> dict[str, object]:
    """Given an address, return what pyinfra's SSH connector needs to log in there as `user`."""
    state = state_directory()
    return {
        "ssh_hostname": address,
        "ssh_user": user,
        "ssh_key": str(state / "key"),
        "ssh_known_hosts_file": str(state / "known_hosts"),
        "ssh_strict_host_key_checking": "yes",
    }


def inventory_host() -> tuple[str, dict[str, object]]:
    """Return the name and connection data of the persistent host "sandbox", for inventory.py.

    When it is not up the data name a host that cannot exist, so that a connection fails at once and no packet leaves.
    """
    if is_up():
        return PERSISTENT, connection_data(sandbox_address())
    return PERSISTENT, {"ssh_hostname": NOT_UP, "ssh_user": "root"}
