# shellcheck shell=bash
# Makes systemd know the units as they are now, and starts their timers, at every boot as well.
# shellcheck disable=SC2154  # timers is set in front of this text
activate_timers() {
    local name
    systemctl --user daemon-reload
    for name in "${timers[@]}"; do
        systemctl --user enable --quiet "$name"
        systemctl --user start "$name"
    done
}
