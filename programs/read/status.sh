# shellcheck shell=bash
# Reads, beside observe.sh, what a person wants to know of a Kometa host. Both run at once; this tells after the other's
# `end`, in the same form. Changes nothing.
# shellcheck disable=SC2154  # the variables are set in front of this text
tell() { printf '%s %s\n' "$1" "$(base64 -w0)"; }

status_units() {
    local properties=Id,LoadState,ActiveState,SubState,Result,ActiveEnterTimestamp,InactiveExitTimestamp
    TZ=UTC systemctl --user show -p "$properties,NextElapseUSecRealtime,LastTriggerUSec,ExecMainStartTimestamp" \
        "${status_units[@]}" 2>/dev/null | tell status-units
}

status_in_namespace() {
    [ -d "$config_dir" ] || return 0
    du -sk -- "$config_dir" 2>/dev/null | cut -f1 | tell tree-kib
    local log
    log=$(run_logs "$config_dir/logs" 1)
    if [ -n "$log" ]; then run_extract "$log" | gzip -1 | tell last-run; fi
}

status_part() {
    cd / || exit
    status_units
    podman inspect kometa --format '{{.ImageDigest}}' 2>/dev/null | tell image-digest
    find "$backup_dir" -maxdepth 1 -type f -printf '%f\t%s\n' 2>/dev/null | tell backups
    podman unshare bash -c "$(declare -p config_dir run_name telling_lines)
$(declare -f)
status_in_namespace" 2>/dev/null
    if [ -n "$thorough" ]; then diagnose_part; fi
}

# Runs a function as the account, whoever we are.
as_the_account() {
    local uid home
    if [ "$(id -un)" = "$account" ]; then
        "$@"
    elif [ "$(id -u)" = 0 ] && uid=$(id -u "$account" 2>/dev/null); then
        home=$(getent passwd "$account" | cut -d: -f6)
        runuser -u "$account" -- env "HOME=$home" "USER=$account" "LOGNAME=$account" "XDG_RUNTIME_DIR=/run/user/$uid" \
            "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus" bash -c "$(declare -p config_dir run_name telling_lines \
                backup_dir status_units thorough plex_url image quadlet_dir probe)
$(declare -f)
$1"
    fi
}

exec {status}< <(
    set +e +o pipefail
    exec 2>/dev/null
    as_the_account status_part
    if [ -n "$thorough" ]; then diagnose_host_part; fi
)
trap 'cat <&"$status"; printf "end\n"' EXIT
