# shellcheck shell=bash
# Becoming the account.
. lib/podman.sh

# Runs a function of this program as the account, if we are that or root; does nothing if we are neither.
as_the_account() { # $1: the account, then the function and its arguments
    local uid home
    if [ "$(id -un)" = "$1" ]; then
        "${@:2}"
    elif [ "$(id -u)" = 0 ] && uid=$(id -u "$1" 2>/dev/null); then
        home=$(getent passwd "$1" | cut -d: -f6)
        runuser -u "$1" -- env "HOME=$home" "USER=$1" "LOGNAME=$1" "XDG_RUNTIME_DIR=/run/user/$uid" \
            "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus" bash -c "$(definitions)
set -euo pipefail
$(printf '%q ' "${@:2}")"
    fi
}
