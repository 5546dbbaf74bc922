# shellcheck shell=bash
# Kometa's service: stopped, started, and judged by Kometa itself.
. begin.sh
. lib/common.sh
. lib/podman.sh

# What the container says; where there is none, what Podman said when it could not make one.
service_log() {
    if podman container exists "$container"; then
        podman logs --tail "$1" "$container" 2>&1 || true
    elif has_journal; then
        journalctl --user -q -n "$1" -o cat --no-pager "${unit_messages[@]}" 2>&1
    else
        say "$(id -un) cannot read its journal on this host; root can: journalctl _SYSTEMD_USER_UNIT=$unit"
    fi
}

show_service_log() {
    say "$1. The last lines of its log:"
    service_log 25 | sed 's/^/    /' >&2 || true
}

# Asked of the host: nothing has to be in the image for it. The oldest process is Kometa itself; runs and their helpers
# are its children.
container_processes() { podman top "$container" pid args 2>/dev/null | sed 1d; }
kometa_process() { container_processes | awk '/python3? [^ ]*kometa\.py/ && (!oldest || $1 < oldest) { oldest = $1 } END { if (!oldest) exit 1; print oldest }'; }

# s6's own processes only wait; whatever else lives in the container before Kometa does is a start that goes on, such as
# the change of owners of a large tree. Prints one such process.
process_of_init() { container_processes | awk '$1 != 1 && $2 !~ /(^|\/)s6-/ { sub(/^[^ ]+ +/, ""); print; found = 1; exit } END { exit !found }'; }

# Seconds that the unit itself may take to start: so long an image's start may be at work. Our Quadlet's where there is no
# number, since it is infinite or cannot be asked for.
start_limit() {
    systemd-analyze timespan "$(systemctl --user show -P TimeoutStartUSec "$unit")" 2>/dev/null |
        awk '$1 ~ /s:$/ && $2 ~ /^[0-9]+$/ { seconds = int($2 / 1000000) } END { print seconds ? seconds : 900 }'
}

has_unhealthy_sign() {
    local line
    line=$(podman logs --tail 200 "$container" 2>&1 | grep -aE "$unhealthy_signs" | tail -n 1) || return 1
    unhealthy="the log says: $line"
}

# Why it makes no sense to wait for Kometa any longer, if it does not.
has_ended() {
    if has_unhealthy_sign; then return 0; fi
    if [ "$(systemctl --user is-active "$unit")" = failed ]; then unhealthy="$unit failed" && return 0; fi
    if [ "$(systemctl --user show -P NRestarts "$unit")" -ge 3 ]; then unhealthy="the container ends at once, over and over" && return 0; fi
    return 1
}

# Waits for Kometa's process: $1 seconds in which the image's start does nothing, and no longer than the unit may take.
await_kometa() {
    local deadline=$((SECONDS + $1)) limit start work
    limit=$(start_limit) start=$SECONDS
    if [ "$limit" -lt "$1" ]; then limit=$1; fi
    until process=$(kometa_process); do
        if has_ended; then return 1; fi
        if work=$(process_of_init); then
            deadline=$((SECONDS + $1))
            if [ $((SECONDS - start)) -ge "$limit" ]; then
                unhealthy="the image's start is still at work after $limit s (${work:0:200}), and Kometa has not begun" && return 1
            fi
        fi
        if [ "$SECONDS" -ge "$deadline" ]; then unhealthy="Kometa's process did not appear within $1 s" && return 1; fi
        sleep 0.5
    done
}

# Healthy: the unit is active and Kometa is alive in the container, still the same process after some seconds.
# The log never shows that Kometa waits, and an active unit says nothing about what is inside.
# shellcheck disable=SC2034  # unhealthy says to the caller why it is not
healthy() { # $1: seconds until Kometa has to be alive, not counting those in which the image's start is at work
    local process
    unhealthy=
    await_kometa "$1" || return 1
    sleep 5
    if has_unhealthy_sign; then return 1; fi
    if [ "$(kometa_process)" != "$process" ]; then
        unhealthy="Kometa ends soon after its start and is started over and over"
        return 1
    fi
}

# A paused container cannot be stopped cleanly: its unit would be left failed.
thaw() { if [ "$(podman inspect -f '{{.State.Paused}}' "$container" 2>/dev/null)" = true ]; then podman unpause "$container" >/dev/null; fi; }

is_up() { case $(systemctl --user is-active "$unit" || true) in active | activating | reloading) return 0 ;; *) return 1 ;; esac; }

stop_service() {
    thaw && systemctl --user stop "$unit"
}

restart_unit() {
    thaw
    start_unit restart
}

# A start that fails is tried again by systemd itself; `healthy` says whether that helps.
start_unit() { # $1: start or restart
    systemctl --user reset-failed "$unit" 2>/dev/null || true
    wait_for "$(($(start_limit) + 300))" systemctl --user "$1" "$unit" || [ "$(systemctl --user is-active "$unit")" = activating ]
}

# Runs a command that only waits, no longer than that: whoever watches us sees by the time we take that we are at work.
wait_for() { # $1: seconds, then the command
    local busy status=0
    { while sleep 5; do :; done; } </dev/null >/dev/null 2>&1 8>&- 9>&- & # no lock outlives us by its last sleep
    busy=$!
    timeout -s KILL "$@" || status=$?
    kill -KILL "$busy" # our traps, which it has as well, may ignore all others
    wait "$busy" 2>/dev/null || true
    return "$status"
}
