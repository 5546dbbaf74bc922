# shellcheck shell=bash
# Makes the network anew: Podman cannot change one.
# shellcheck disable=SC2154  # network is set in front of this text
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
