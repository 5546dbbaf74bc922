# shellcheck shell=bash
# shellcheck disable=SC2154  # image is set in front of this text
podman pull --quiet "$image" >/dev/null || fail "the image $image could not be pulled; nothing was changed." \
    "Check the name, the registry and the host's way to it, then run the command again."
