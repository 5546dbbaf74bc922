"""Hosts that tell what a test wants, as the composite read tells it."""

import re
from base64 import b64encode

from kometa_host.state import observed
from kometa_host.state.observed import Observed


def lines(**told: str | bytes) -> list[str]:
    """Return the lines that tell these things; two underscores in a name are a dot, one is a dash."""
    values = {name: value.encode() if isinstance(value, str) else value for name, value in told.items()}
    names = {name: name.replace("__", ".").replace("_", "-") for name in told}
    return [f"{names[name]} {b64encode(value).decode()}" for name, value in values.items()]


# what root tells; everything else is the account's word
OF_THE_HOST = re.compile(
    "os-release|podman-version|package-manager|connected-as|passwd|group|subuid|subgid|linger|system-units|hostname|hosts-file|"
    "own-addresses|network-online|waits-for-network-online|now|clock|selinux|selinux-denials|command[.].*|calendar[.].*|"
    "is-ostree|has-epel|uid-map|container-manager|has-tun|cgroup-type|sysctl[.].*|podman-apparmor|newuidmap-rights|"
    "has-systemd|journal-of-root|rootless-network|places|config-file-system"
)


def composite(**told: str | bytes) -> list[str]:
    """Return the lines of a composite read that tells these things, the account's own as one of its values."""
    every = lines(**told)
    of_host = [line for line in every if OF_THE_HOST.fullmatch(line.partition(" ")[0])]
    of_account = "".join(f"{line}\n" for line in every if line not in of_host)
    return [*of_host, *lines(account=f"{of_account}end\n"), "end"]


def host(**told: str | bytes) -> Observed:
    """Return a host that told these things."""
    found = observed.parse(composite(**told))
    assert found is not None
    return found
