"""The host's systemd, as far as a rootless Quadlet depends on it."""

from pyinfra import host

from kometa_host.state.observed import Observed
from operations.engine.operation import Commands, host_operation, left_to_root, observe, root_change


def network_online_unreachable(found: Observed) -> bool:
    """Return whether a rootless Quadlet of the host waits, or will wait, for a target that nothing starts."""
    target = dict(line.split("=", 1) for line in found.host.text("network-online").splitlines())
    reached = target.get("WantedBy") or target.get("RequiredBy") or target.get("ActiveState") == "active"
    # Before Podman is there, nobody knows whether it will wait.
    may_wait = found.host.text("waits-for-network-online") or not found.host.has_command("podman")
    return bool(may_wait and not reached)


@host_operation
def network_online() -> Commands:
    """Make sure that something starts network-online.target, so that no service of the account waits for it in vain.

    Podman 5.3 and newer let every rootless Quadlet wait, up to 90 s, until that target is reached; on a host where no
    unit wants it, it never is.

        systemd.network_online(name="network-online.target")
    """
    found = observe()
    if not network_online_unreachable(found):
        host.noop("network-online.target is reached")
        return
    if left_to_root(found, "starting network-online.target at boot (without it the first start of Kometa takes 90 s)"):
        return
    yield root_change("adding network-online.target to the boot", "network_online")
