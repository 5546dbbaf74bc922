# shellcheck shell=bash
# How far backups have come, of each stage the last time, `STAGE MOMENT NAME`. written: all of an archive was made; on-disk:
# and lies under its final name, where a power cut leaves it; copied: the tree is in the repository as well; checked: read to
# its end, of the repository a part of its data; restored: for a drill or in earnest.
. begin.sh
. lib/common.sh
stages_file=$state_dir/backup-stages

note_stage() { # $1: stage, $2: name
    local new=$stages_file.$BASHPID stage noted=()
    if [ -e "$stages_file" ]; then mapfile -t noted <"$stages_file"; fi
    printf '%s\n' "$1 $(moment_now) $2" >"$new"
    for stage in "${noted[@]}"; do
        if [ "${stage%% *}" != "$1" ]; then printf '%s\n' "$stage"; fi
    done >>"$new"
    mv -T -- "$new" "$stages_file"
}

show_stages() {
    local stage
    for stage in written on-disk copied checked restored; do
        grep "^$stage " -- "$stages_file" 2>/dev/null || printf '%s never\n' "$stage"
    done
}
