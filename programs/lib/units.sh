# shellcheck shell=bash
# Units of the account and the files that they come from: those that go are ended before, those that come are started after.
. lib/files.sh
declare -a retired timers renewed # names of units that go, of timers that are to run, and of those whose calendar is another one

put_units() {
    retire_units
    put_files
}

# As long as systemd still knows them.
retire_units() {
    local name
    for name in "${retired[@]}"; do
        # A host in pull mode deploys from its own unit, which must come to its end even if that is the last time.
        if ! grep -qF "/$name" /proc/self/cgroup; then systemctl --user stop "$name" 2>/dev/null </dev/null || true; fi
        systemctl --user disable --quiet "$name" 2>/dev/null </dev/null || true
    done
}

# Makes systemd know the units as they are now, and starts their timers, at every boot as well.
# A timer whose calendar is another one begins again. It would else take a time that has just passed for one that it has
# missed and fire at once; and one that has no time left to wait for stays dead until it is started again.
activate_timers() {
    local name stamps=${XDG_DATA_HOME:-$HOME/.local/share}/systemd/timers
    if [ "${#renewed[@]}" -gt 0 ]; then systemctl --user stop "${renewed[@]}" 2>/dev/null || true; fi
    reload_units
    mkdir -p -- "$stamps"
    for name in "${renewed[@]}"; do touch -- "$stamps/stamp-$name"; done
    for name in "${timers[@]}"; do
        systemctl --user enable --quiet "$name"
        # Whatever somebody has started five times within ten seconds is refused until the count is forgotten.
        systemctl --user reset-failed "$name" 2>/dev/null || true
        systemctl --user start "$name"
    done
}

# Stopped, they are not ready, and are started as those with a new calendar have to be.
stop_timers() {
    if [ "${#timers[@]}" -gt 0 ]; then systemctl --user stop "${timers[@]}" || true; fi
    reload_units
}
