# shellcheck shell=bash
# Reads what the account has of Kometa and changes nothing. Runs as the account.
. begin.sh
. lib/file_state.sh
. lib/owners.sh
. lib/places.sh
. lib/plain_file.sh
. lib/podman.sh
. lib/rootless_network.sh
. lib/runs.sh
: "${image:?}" "${network:?}" "${quadlet_dir:?}" "${config_dir:?}"
: "${backup_dir?}" "${backup_mount?}" "${backup_place:?}" # where backups go; empty if they are not enabled; its mount; where they would go
: "${owner_uid:?}" "${owner_gid:?}" "${timezone:?}"
declare -a units claimed linked volume_sources set_names set_roots set_digests set_texts

# The sets are looked at side by side, and the rest meanwhile: everything else that is read waits for this in the end.
namespace_part() {
    local i told answer answers=() owners_told=''
    set +e +o pipefail
    for i in "${!set_names[@]}"; do
        told=files_part
        if [ "${set_roots[$i]}" = "$config_dir" ] && [ -d "$config_dir" ] && [ -r "$state_dir/files/${set_names[$i]}/manifest" ]; then
            told=files_and_owners_part owners_told=yes
        fi
        exec {answer}< <("$told" "${set_names[$i]}" "${set_roots[$i]}" "${set_digests[$i]}" "${set_texts[$i]}")
        answers+=("$answer")
    done
    if [ -r "$state_dir/messages/tried" ]; then emit messages-tried <"$state_dir/messages/tried"; fi
    if [ -d "$config_dir" ]; then
        if [ -z "$owners_told" ]; then foreign_owned "$config_dir" "$owner_uid" "$owner_gid" | emit foreign-owned; fi
        kometa_age | emit kometa-alive
        emit_value run-in-progress "$(run_in_progress "$config_dir/logs" "$timezone")"
    fi
    for answer in "${answers[@]}"; do cat <&"$answer"; done
}

# The config tree can have 50,000 files: find goes through it once for the comparison and for who owns what.
files_and_owners_part() { # as for files_part
    local tell_foreign
    name_foreign "$owner_uid" "$owner_gid" /dev/fd/9
    { files_part "$@" "${tell_foreign[@]}" 9>&1 >&8 | foreign_summary | emit foreign-owned; } 8>&1
}

# writable, unwritable, other (no directory), missing, beyond (only root can make it) or unmounted.
directory_of_backups() { # DIRECTORY MOUNT
    if [ -n "$2" ] && ! mountpoint -q "$2"; then
        echo unmounted
    elif [ -d "$1" ]; then
        if [ -w "$1" ] && [ -x "$1" ]; then echo writable; else echo unwritable; fi
    elif [ -e "$1" ] || [ -L "$1" ]; then
        echo other
    else
        until [ -d "$1" ]; do set -- "$(dirname "$1")"; done
        if [ -w "$1" ]; then echo missing; else echo beyond; fi
    fi
}

# A server that is gone lets whoever asks for its files hang.
backup_part() {
    local found look
    if [ -z "$backup_dir" ]; then return 0; fi
    look="$(declare -f directory_of_backups); directory_of_backups \"\$@\""
    found=$(timeout -s KILL 10 bash -c "$look" - "$backup_dir" "$backup_mount") || found=silent
    emit_value backup-directory "$found"
}

# Files under our names that somebody else has written: without our mark, and in no manifest of ours.
foreign_part() {
    local path
    for path in "${claimed[@]}"; do
        if [ ! -e "$path" ] || head -n 1 "$path" | grep -q 'Written by kometa-host'; then continue; fi
        if cut -f2- "$state_dir"/files/{quadlets,units}/manifest 2>/dev/null | grep -qxF -- "${path##*/}"; then continue; fi
        emit "foreign.$path" <"$path"
    done
    if [ -e "${claimed[0]}" ] && [ ! -e "$state_dir/files/quadlets/manifest" ]; then previous_stack_part; fi
}

# What a previous stack has besides: told once, before the first deploy.
previous_stack_part() {
    find "$HOME/.config/systemd/user" -maxdepth 1 -name 'mms-*' -printf '%f\n' 2>/dev/null | sort | emit previous-units
    in_namespace read_plain "$config_dir/kometa.env" 65536 2>/dev/null |
        sed -nE 's/^(export +)?([A-Za-z_][A-Za-z0-9_]*)=.*/\2/p' | emit previous-variables
    timeout -s KILL 10 find "$backup_place" -maxdepth 1 -name 'kometa-????-??-??.tar.zst*' -printf '%f\n' 2>/dev/null | sort | emit previous-archives
}

# Podman keeps for ever what it was first told: an account that was entered without a session has its state in /tmp.
temporary_storage_part() {
    local storage=${XDG_DATA_HOME:-$HOME/.local/share}/containers/storage
    cat -- "$storage"/db.sql* "$storage"/libpod/bolt_state.db 2>/dev/null | grep -aoE '/tmp/(storage|podman)-run-[0-9]+/' | head -n 1 |
        emit temporary-storage
}

# What the account can limit. Without its user manager it has no control group: what the host has is given to it then.
control_part() {
    local own=/sys/fs/cgroup/user.slice/user-$UID.slice/user@$UID.service
    if [ ! -d "$own" ]; then own=/sys/fs/cgroup; fi
    emit_value cgroup-controllers "$(cat "$own/cgroup.controllers" 2>/dev/null)"
}

account_part() {
    local name
    for name in "${linked[@]}" "$HOME"; do printf '%s\t%s\n' "$name" "$(readlink -m -- "$name")"; done | emit links
    owners_of_places 2>/dev/null | emit own-places
    config_file_system | emit own-config-file-system
    if [ -e "$state_dir/restore" ]; then emit_value restore-left yes; fi
    if [ -e "$state_dir/repository" ]; then emit repository <"$state_dir/repository"; fi
    if [ -S "$XDG_RUNTIME_DIR/bus" ] && systemctl --user show-environment >/dev/null 2>&1; then
        emit_value bus yes
        systemctl --user show "${units[@]}" -p Id -p LoadState -p ActiveState -p SubState -p NeedDaemonReload \
            -p SourcePath -p FragmentPath -p UnitFileState -p Result -p NRestarts -p Job 2>/dev/null | emit units
    fi
    control_part
    backup_part
    for name in "${volume_sources[@]}"; do if [ ! -e "$name" ]; then printf '%s\n' "$name"; fi; done | emit missing-volumes
    foreign_part
    rootless_network "$HOME"/.config/containers/containers.conf "$HOME"/.config/containers/containers.conf.d/*.conf |
        emit own-rootless-network
    temporary_storage_part
    if [ -d "$quadlet_dir" ]; then find "$quadlet_dir" -maxdepth 1 -type f -printf '%T@ %f\n' | emit quadlet-times; fi
}

# Of the backup, which freezes the container, once more where that is frozen: it may have begun after the units were read.
containers_part() {
    local told
    told=$(podman ps -a --format json 2>/dev/null)
    printf '%s' "$told" | emit containers
    case $told in *'"paused"'*) emit_value backup-state "$(systemctl --user show -P ActiveState kometa-backup.service)" ;; esac
}

# Each of Podman's answers takes a tenth of a second, and what is read in the namespace most: that begins first, and before
# Podman's own answers crowd it.
whole_account_part() {
    local inside='' containers images networks secrets
    cd / || exit
    if type -P podman >/dev/null; then exec {inside}< <(in_namespace namespace_part); fi
    account_part
    if [ -z "$inside" ]; then return; fi
    exec {containers}< <(containers_part)
    exec {images}< <(podman image inspect "$image" 2>/dev/null | base64 -w0)
    exec {networks}< <(podman network inspect "$network" 2>/dev/null | base64 -w0)
    # shellcheck disable=SC2033  # xargs needs no function of ours
    exec {secrets}< <(podman secret ls -q --filter 'name=^kometa-' | xargs -r podman secret inspect 2>/dev/null | base64 -w0)
    cat <&"$inside"
    cat <&"$containers"
    printf 'images %s\n' "$(cat <&"$images")"
    printf 'networks %s\n' "$(cat <&"$networks")"
    printf 'secrets %s\n' "$(cat <&"$secrets")"
}

# What a deploy has to know ends with `end`; what only people ask for comes after it, read at the same time. What cannot
# be read is told as absent. $1: a function that reads more, if any
read_account() {
    local more
    set +e +o pipefail
    exec {more}< <(if [ -n "${1-}" ]; then "$1" 2>/dev/null; fi)
    whole_account_part
    printf 'end\n'
    cat <&"$more"
}
