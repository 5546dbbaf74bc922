# shellcheck shell=bash
# Keeps the containers of a group up to date, and a host in pull mode on the newest commit of its repository.
: "${group:?}" "${source:?}" "${max_wait:?}"
lock_wait=1800 pause=${KOMETA_HOST_PAUSE:-30} max_wait=${KOMETA_HOST_MAX_WAIT:-$max_wait} # seconds
. lib/notify.sh
. lib/pull.sh
. lib/update.sh

update_group() {
    local name failed=
    notify /start
    # A deploy may bring a newer version of this very program; what follows then is the newer one.
    if [ "$source" = git ]; then bash "$0" pull 9>&- || failed=yes; fi
    for name in $(podman ps -a --filter "label=kometa-host.autodeploy-group=$group" --format '{{.Names}}' | sort); do
        # A process of its own for each: what fails with one does not keep the others from their update.
        bash "$0" update "$name" 9>&- || failed=yes
    done
    [ -z "$failed" ]
}

case ${1:-group} in
    group) update_group ;;
    update) update "$2" ;;
    pull) pull ;;
    finish) notify_result ;;
    *) fail "usage: mms-autodeploy [pull | update CONTAINER | finish]" ;;
esac
