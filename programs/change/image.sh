# shellcheck shell=bash
# Pulls an image.
. begin.sh
. lib/common.sh
. lib/podman.sh
: "${image:?}"

of_the_registry='pinging|manifest unknown|no such host|dial tcp|lookup |unauthorized|denied|i/o timeout|connection re|x509|tls|initializing source|Not Found|EOF'
if ! output=$(podman pull --quiet "$image" 2>&1); then
    if grep -qiE "$of_the_registry" <<<"$output"; then
        hint="Check the name, the registry and the host's way to it, then run the command again."
    else
        hint="That is Podman on this host, not the registry: try podman pull $image there, as $(id -un)."
    fi
    fail "the image $image could not be pulled; nothing was changed. Podman says: ${output##*$'\n'}" "$hint"
fi
