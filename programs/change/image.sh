# shellcheck shell=bash
# Pulls an image.
. begin.sh
. lib/common.sh
. lib/podman.sh
: "${image:?}"

podman pull --quiet "$image" >/dev/null || fail "the image $image could not be pulled; nothing was changed." \
    "Check the name, the registry and the host's way to it, then run the command again."
