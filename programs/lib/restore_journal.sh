# shellcheck shell=bash
# The journal of a restore, by which whatever was cut off is put right: the live tree is the previous or the new one, entire.
. lib/exchange.sh
. lib/service.sh

# Written before what it tells of is done.
write_journal() {
    local journal=$state_dir/restore
    mkdir -p -- "$state_dir"
    printf '%s\n' "stage=$stage" "candidate=$candidate" "live=$live" "inode=$inode" "was_active=$was_active" >"$journal.new"
    sync -- "$journal.new"
    mv -T -- "$journal.new" "$journal"
    sync -- "$state_dir"
}

read_journal() {
    local line
    begin_record
    while IFS= read -r line; do
        case ${line%%=*} in stage | candidate | live | inode | was_active) printf -v "${line%%=*}" %s "${line#*=}" ;; esac
    done <"$state_dir/restore"
}

inode_of() { stat -c %i -- "$1" 2>/dev/null || true; }

# The previous tree is kept if it was replaced, the new one is dropped if it was not.
repair() {
    local journal=$state_dir/restore
    rm -f -- "$journal.new"
    [ -e "$journal" ] || return 0
    read_journal
    in_namespace finish_renames
    if [ -n "$inode" ] && [ "$(in_namespace inode_of "$live")" = "$inode" ]; then in_namespace keep_replaced >/dev/null; fi
    in_namespace drop_oldest
    if [ -n "$stage" ]; then
        in_namespace rm -rf --one-file-system -- "$stage" || fail "$stage, the rest of a restore, could not be removed."
    fi
    if [ -n "$was_active" ] && ! systemctl --user -q is-active "$unit"; then
        start_unit start || say "$unit could not be started. See: journalctl --user -u kometa"
    fi
    rm -f -- "$journal"
}
