# shellcheck shell=bash
# Waits until Kometa is idle: its runs take hours, and none is disturbed unasked.
. lib/runs.sh
: "${config_dir:?}" "${timezone:?}"

in_progress() { in_namespace run_in_progress "$config_dir/logs" "$timezone"; }

# $1: seconds to wait, $2: what to do about a run that goes on, and then a command that lets a short time pass
wait_until_idle() {
    local deadline=$((SECONDS + $1)) advice=$2 started since said=''
    shift 2
    while true; do
        started=$(in_progress) || fail "Podman does not tell whether a run is in progress; nothing was changed."
        [ -n "$started" ] || return 0
        since=$(TZ=$timezone date -d "@$started" '+%F %H:%M')
        if [ "$SECONDS" -ge "$deadline" ]; then fail "a run is in progress since $since and was not disturbed. $advice"; fi
        if [ -z "$said" ]; then say "waiting for the run in progress since $since to finish (at most $((deadline - SECONDS)) s)"; fi
        said=yes
        "$@"
    done
}
