# shellcheck shell=bash
# Starts or restarts Kometa's service, judges by Kometa itself, and puts back what worked if the new does not.
# shellcheck disable=SC2154  # image, quadlet_dir and network_quadlet are set in front of this text
container=kometa unit=kometa.service
good_dir=$state_dir/good # the Quadlets and the image that were last seen healthy
unhealthy_signs='halting init|s6-overlay-suexec: fatal|s6-applyuidgid: fatal|preinit: fatal'

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

# The oldest process is Kometa itself; runs and their helpers are its children.
kometa_process() { podman exec "$container" pgrep -o -f '[k]ometa/kometa\.py' 2>/dev/null; }

has_unhealthy_sign() {
    local line
    line=$(podman logs --tail 200 "$container" 2>&1 | grep -aE "$unhealthy_signs" | tail -n 1) || return 1
    unhealthy="the log says: $line"
}

# Healthy: the unit is active and Kometa is alive in the container, still the same process after some seconds.
# The log never shows that Kometa waits, and an active unit says nothing about what is inside.
healthy() { # $1: seconds until Kometa has to be alive
    local deadline=$((SECONDS + $1)) process
    unhealthy=
    until process=$(kometa_process); do
        if has_unhealthy_sign; then return 1; fi
        if [ "$(systemctl --user is-active "$unit")" = failed ]; then unhealthy="$unit failed" && return 1; fi
        if [ "$(systemctl --user show -P NRestarts "$unit")" -ge 3 ]; then unhealthy="the container ends at once, over and over" && return 1; fi
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

restart_unit() {
    thaw
    start_unit restart
}

# A start that fails is tried again by systemd itself; `healthy` says whether that helps.
start_unit() { # $1: start or restart
    systemctl --user reset-failed "$unit" 2>/dev/null || true
    systemctl --user "$1" "$unit" || [ "$(systemctl --user is-active "$unit")" = activating ]
}

remember_good() {
    mkdir -p -- "$good_dir"
    cp -- "$quadlet_dir/kometa.container" "$quadlet_dir/$network_quadlet" "$good_dir/"
    podman inspect -f '{{.Image}}' "$container" >"$good_dir/image"
}

can_go_back() {
    [ -e "$good_dir/kometa.container" ] && podman image exists "$(cat "$good_dir/image")" &&
        ! { cmp -s "$good_dir/kometa.container" "$quadlet_dir/kometa.container" &&
            [ "$(cat "$good_dir/image")" = "$(podman image inspect -f '{{.Id}}' "$image")" ]; }
}

go_back() {
    local former_image
    former_image=$(sed -n 's/^Image=//p' "$good_dir/kometa.container")
    case $former_image in *@*) ;; *) podman tag "$(cat "$good_dir/image")" "$former_image" ;; esac
    find "$good_dir" -maxdepth 1 \( -name '*.container' -o -name '*.network' \) -exec cp -- {} "$quadlet_dir/" \;
    systemctl --user daemon-reload
    restart_unit && healthy "$patience"
}

switch_service() {
    trap '' HUP PIPE INT TERM
    local why
    if restart_unit && healthy "$patience"; then
        remember_good
        return 0
    fi
    why=${unhealthy:-$unit does not start}
    say "$why. The last lines of its log:"
    service_log 25 | sed 's/^/    /' >&2
    if can_go_back; then
        say "putting back the former unit and image"
        if go_back; then fail "Kometa is not healthy with the new unit or image ($why); the former ones run again."; fi
        say "the former ones do not run either: ${unhealthy:-$unit does not start}"
    fi
    fail "Kometa is not healthy: $why."
}
