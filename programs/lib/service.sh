# shellcheck shell=bash
# Kometa's service: stopped, started, and judged by Kometa itself.
. begin.sh
. lib/common.sh
. lib/podman.sh
longest_start=900 # seconds that the image's start may be at work; TimeoutStartSec= of the unit

# What the container says; where there is none, what Podman said when it could not make one.
service_log() {
    if podman container exists "$container"; then
        podman logs --tail "$1" "$container" 2>&1 || true
    elif has_journal; then
        journalctl --user -q -u "$unit" -n "$1" -o cat --no-pager 2>&1
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
# the change of owners of a large tree.
init_is_at_work() { container_processes | awk '$1 != 1 && $2 !~ /(^|\/)s6-/ { found = 1 } END { exit !found }'; }

has_unhealthy_sign() {
    local line
    line=$(podman logs --tail 200 "$container" 2>&1 | grep -aE "$unhealthy_signs" | tail -n 1) || return 1
    unhealthy="the log says: $line"
}

# Healthy: the unit is active and Kometa is alive in the container, still the same process after some seconds.
# The log never shows that Kometa waits, and an active unit says nothing about what is inside.
# shellcheck disable=SC2034  # unhealthy says to the caller why it is not
healthy() { # $1: seconds until Kometa has to be alive, not counting those in which the image's start is at work
    local deadline=$((SECONDS + $1)) limit=$((SECONDS + longest_start)) process
    unhealthy=
    until process=$(kometa_process); do
        if has_unhealthy_sign; then return 1; fi
        if [ "$(systemctl --user is-active "$unit")" = failed ]; then unhealthy="$unit failed" && return 1; fi
        if [ "$(systemctl --user show -P NRestarts "$unit")" -ge 3 ]; then unhealthy="the container ends at once, over and over" && return 1; fi
        if init_is_at_work && [ "$SECONDS" -lt "$limit" ]; then deadline=$((SECONDS + $1)); fi
        if [ "$SECONDS" -ge "$deadline" ]; then unhealthy="Kometa's process did not appear within $1 s" && return 1; fi
        sleep 0.5
    done
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
    systemctl --user "$1" "$unit" || [ "$(systemctl --user is-active "$unit")" = activating ]
}
