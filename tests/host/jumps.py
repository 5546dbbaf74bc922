"""A host that is reached through others: the SSH settings of its user."""

from collections.abc import Sequence
from pathlib import Path

from tests.sandbox import Host, Sandbox


def behind(host: Host, jumps: Sequence[Host], user: str, sandbox: Sandbox, folder: Path) -> dict[str, object]:
    """Return the data of an inventory for a host behind these, by its other address, on another port."""
    names = [f"jump{number}" for number in range(len(jumps))]
    lines = [
        *(f"Host {name}\n  HostName {jump.address}" for name, jump in zip(names, jumps, strict=True)),
        f"Host inner\n  HostName {host.address6}\n  Port 2222\n  User {user}\n  ProxyJump {','.join(names)}",
        f"Host *\n  User root\n  UserKnownHostsFile {sandbox.known_hosts}\n  IdentityFile {sandbox.key}",
    ]
    (folder / "ssh_config").write_text("\n".join(lines) + "\n")
    nothing = dict.fromkeys(("ssh_user", "ssh_key", "ssh_known_hosts_file", "ssh_strict_host_key_checking"))
    return {**nothing, "ssh_hostname": "inner", "ssh_config_file": str(folder / "ssh_config")}
