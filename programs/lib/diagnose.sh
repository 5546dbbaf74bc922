# shellcheck shell=bash
# What a diagnosis reads beyond a status. Changes nothing and pulls nothing.
. begin.sh
. lib/common.sh
. lib/emit.sh
. lib/plain_file.sh
. lib/plex.sh
. lib/podman.sh
: "${config_dir:?}" "${quadlet_dir:?}" "${backup_place:?}" "${image:?}"

# Since the unit's last start: what was mended since is no fault any more. What Podman says when it cannot make a
# container is in the journal alone.
recent_log() {
    local since
    since=$(TZ=UTC systemctl --user show kometa.service -p InactiveExitTimestamp --value)
    # The rest after a start in vain counts as the next start already: what was said last stands shortly before that.
    if [ -n "$since" ] && ! systemctl --user -q is-active kometa.service; then
        since=@$(($(date -d "$since" +%s) - 5))
    fi
    if podman container exists kometa; then podman logs --tail 200 kometa 2>&1 | tail -c 200000; fi
    journalctl --user -q --no-pager --since "${since:-today}" -n 400 -o cat "${unit_messages[@]}" 2>/dev/null | tail -c 200000
}

diagnose_in_namespace() {
    set +e +o pipefail
    read_plain "$config_dir/config.yml" 1000000 | emit config-text
    if [ -e "$config_dir/config.yml" ]; then printf yes | emit has-config; fi
}

# What a backup that failed has said last: that is why.
words_of_backup() {
    if [ "$(systemctl --user show -P Result kometa-backup.service)" != success ]; then
        words_of_job kometa-backup -n 1 | head -c 1000
    fi
}

# Prints, a line each, the helpers of Podman that keep rootless containers on the network, and whether each still lives.
network_helpers() {
    local file process
    for file in "$XDG_RUNTIME_DIR"/containers/networks/{aardvark-dns/aardvark,rootless-netns/rootless-netns-conn}.pid \
        "$XDG_RUNTIME_DIR"/libpod/tmp/rootless-netns-slirp4netns.pid; do
        process=$(head -c 20 -- "$file" 2>/dev/null) || continue
        if grep -qE '^(aardvark-dns|pasta|slirp4netns)' "/proc/$process/comm"; then
            printf '%s alive\n' "$(basename "$file" .pid)"
        else
            printf '%s gone\n' "$(basename "$file" .pid)"
        fi
    done
}

diagnose_part() {
    local plex registry
    exec {plex}< <(ask_plex 2>/dev/null | base64 -w0)
    # Only the manifest is read; where the image is none of a list, Podman shows it within an error.
    exec {registry}< <(timeout 20 podman manifest inspect "$image" 2>&1 | grep -oE 'sha256:[0-9a-f]{64}' | base64 -w0)
    timeout 20 bash "$HOME/.local/lib/kometa-host/kometa-watch" waiting 2>/dev/null | head -c 100000 | emit waiting-messages
    recent_log | gzip -1 | emit recent-log
    words_of_backup | emit backup-words
    if has_journal; then printf yes | emit journal; fi
    grep -rnsE '^[[:space:]]*(UserNS|User|Network|PodmanArgs|GlobalArgs)[[:space:]]*=' "$quadlet_dir" | emit quadlet-lines
    find "$quadlet_dir" "$HOME/.config/systemd/user" -mindepth 2 -maxdepth 2 -path '*.d/*.conf' 2>/dev/null | sort | emit drop-ins
    podman network ls --format '{{.Name}}' | emit network-names
    network_helpers | emit network-helpers
    systemctl --user list-units --failed --plain --no-legend --full | emit failed-units
    podman image inspect "$image" --format '{{.Id}} {{.Digest}} {{join .RepoDigests " "}}' | emit image-digests
    in_namespace diagnose_in_namespace
    { df -Pk -- "$config_dir" && df -Pk -- "$HOME" && df -Pk -- "$backup_place"; } | emit disks
    { df -Pi -- "$config_dir" && df -Pi -- "$HOME" && df -Pi -- "$backup_place"; } | emit inodes
    printf 'plex %s\n' "$(cat <&"$plex")"
    printf 'registry %s\n' "$(cat <&"$registry")"
}
