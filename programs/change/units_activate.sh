# shellcheck shell=bash
# Makes systemd know the units as they are now, and starts their timers, at every boot as well.
# shellcheck disable=SC2154  # timers, and of them renewed, are set in front of this text
stamps=${XDG_DATA_HOME:-$HOME/.local/share}/systemd/timers

# A timer whose calendar is another one begins anew. It would else take a time that has just passed for one that it has
# missed and fire at once; and one that has no time left to wait for stays dead until it is started again.
activate_timers() {
    local name
    if [ "${#renewed[@]}" -gt 0 ]; then systemctl --user stop "${renewed[@]}" 2>/dev/null || true; fi
    systemctl --user daemon-reload
    mkdir -p -- "$stamps"
    for name in "${renewed[@]}"; do touch -- "$stamps/stamp-$name"; done
    for name in "${timers[@]}"; do
        systemctl --user enable --quiet "$name"
        systemctl --user start "$name"
    done
}
