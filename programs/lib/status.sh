# shellcheck shell=bash
# Reads what a person wants to know of a Kometa host besides what a deploy has to know. Changes nothing.
. lib/diagnose.sh
. lib/emit.sh
. lib/podman.sh
. lib/runs.sh
: "${config_dir:?}" "${backup_place:?}" "${thorough?}" # thorough: all that a diagnosis wants to know
declare -a status_units

unit_properties() {
    local properties=Id,LoadState,ActiveState,SubState,Result,ActiveEnterTimestamp,InactiveExitTimestamp
    TZ=UTC systemctl --user show -p "$properties,NextElapseUSecRealtime,LastTriggerUSec,ExecMainStartTimestamp" \
        "${status_units[@]}" 2>/dev/null | emit status-units
}

status_in_namespace() {
    set +e +o pipefail
    [ -d "$config_dir" ] || return 0
    du -sk -- "$config_dir" 2>/dev/null | cut -f1 | emit tree-kib
    local log
    log=$(run_logs "$config_dir/logs" 1)
    if [ -n "$log" ]; then run_extract "$log" | gzip -1 | emit last-run; fi
}

status_part() {
    set +e +o pipefail
    cd / || exit
    unit_properties
    tail -n 20 -- "$state_dir/runs/history.jsonl" 2>/dev/null | gzip -1 | emit run-history
    head -c 100 -- "$state_dir/autodeploy/git/deployed" 2>/dev/null | emit deployed-commit
    head -c 1000 -- "$state_dir/autodeploy/git/still" 2>/dev/null | emit branch-still
    local digest='' image_id=''
    read -r digest image_id < <(podman inspect kometa --format '{{.ImageDigest}} {{.Image}}' 2>/dev/null)
    emit_value image-digest "$digest"
    if [ -n "$image_id" ]; then podman image inspect "$image_id" --format '{{.Created.Unix}}' 2>/dev/null | emit image-created; fi
    if [ -r "$state_dir/snapshot" ]; then emit snapshot <"$state_dir/snapshot"; fi
    if [ -r "$state_dir/backup-proofs" ]; then emit proofs <"$state_dir/backup-proofs"; fi
    if [ -e "$state_dir/repository-damaged" ]; then emit_value repository-damaged yes; fi
    tail -n 500 -- "$state_dir/archives-written" 2>/dev/null | emit written
    find "$backup_place" -maxdepth 1 -type f -printf '%f\t%s\n' 2>/dev/null | emit backups
    in_namespace status_in_namespace 2>/dev/null
    if [ -n "$thorough" ]; then diagnose_part; fi
}
