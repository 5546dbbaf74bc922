# shellcheck shell=bash
# How Podman brings rootless containers to the network.

# Prints the command that files of its configuration name for that, nothing if they name none. $@: the files
rootless_network() {
    cat -- "$@" 2>/dev/null | sed -nE 's/^[[:space:]]*default_rootless_network_cmd[[:space:]]*=[[:space:]]*"([a-z0-9]+)".*/\1/p' | tail -n 1
}
