# shellcheck shell=bash
# Takes a Kometa host apart, a part at a time.
. lib/service.sh
declare -a keep # conditions of find: what stays of our records

# Timers first, so that none starts what is being stopped. Names come on standard input.
stop_units() {
    local units
    mapfile -t units
    systemctl --user disable --now -- "${units[@]/%.service/.timer}" 2>/dev/null || true
    systemctl --user stop -- "${units[@]}" 2>/dev/null || true
    systemctl --user reset-failed -- "${units[@]}" 2>/dev/null || true
    # When they last ran; see Persistent= in systemd.timer(5).
    rm -f -- "${units[@]/#/$HOME/.local/share/systemd/timers/stamp-}"
}

remove_service() {
    thaw
    systemctl --user stop "$unit" || true # unknown where its Quadlet is gone already
    systemctl --user reset-failed "$unit" 2>/dev/null || true
    podman rm --force --ignore --volumes "$container" >/dev/null
}

remove_network() {
    : "${network:?}"
    systemctl --user stop "$network-network.service" 2>/dev/null || true
    if podman network exists "$network"; then podman network rm "$network" >/dev/null; fi
}

# By id and without force: an image that has come into use meanwhile stays, and is named.
remove_images() {
    local id
    while read -r id; do
        podman untag "$id"
        podman rmi "$id" >/dev/null
    done
}

remove_secrets() {
    local name
    while read -r name; do podman secret rm "$name" >/dev/null; done
}

# Standard input: names, each ended by a null byte. Inside the namespace, since what the container wrote is its own.
remove_paths() { xargs -0r rm -rf --one-file-system --; }

remove_data() {
    : "${backup_dir:?}"
    in_namespace remove_paths
    rmdir -- "$backup_dir" 2>/dev/null || true # what is not ours is still in it
}

# What the watcher wrote for Prometheus is where its last look has put it.
remove_metrics() {
    local directory
    directory=$(cat -- "$state_dir/runs/metrics-dir" 2>/dev/null || true)
    [ -n "$directory" ] || return 0
    rm -f -- "$directory/kometa.prom" || say "$directory/kometa.prom stays: $(id -un) may not remove it"
}

# whole: nothing is kept for the config tree, which goes as well.
remove_state() {
    : "${library_dir:?}" "${whole?}"
    remove_metrics
    rm -rf --one-file-system -- "$library_dir"
    if [ -n "$whole" ]; then
        in_namespace rm -rf --one-file-system -- "$state_dir"
        return 0
    fi
    find "$state_dir/files" -mindepth 1 -maxdepth 1 ! -name config "${keep[@]}" -exec rm -rf -- {} +
    find "$state_dir" -mindepth 1 -maxdepth 1 ! -name files ! -name replaced ! -name archives-written -exec rm -rf -- {} +
    rmdir -- "$state_dir/files" "$state_dir" 2>/dev/null || true
}
