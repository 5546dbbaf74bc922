# shellcheck shell=bash
# Recreates the network: Podman cannot change one.
. begin.sh
. lib/common.sh
. lib/podman.sh
: "${network:?}"

trap '' HUP PIPE INT TERM
systemctl --user daemon-reload
if podman network exists "$network"; then
    systemctl --user stop kometa.service "$network-network.service"
    if ! podman network rm "$network" >/dev/null; then
        systemctl --user start kometa.service || true
        fail "the network $network could not be removed, so it is as it was."
    fi
fi
systemctl --user restart "$network-network.service"
