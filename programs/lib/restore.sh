# shellcheck shell=bash
# A restore from its first look to its end: nothing before the controller's word changes the host, nothing but the loss of
# the whole host stops what comes after it half way.
. lib/idle.sh
. lib/left_out.sh
. lib/lock.sh
. lib/owners.sh
. lib/restore_journal.sh
: "${config_dir:?}" "${timezone:?}" "${owner_uid:?}" "${owner_gid:?}" "${patience:?}" # patience: seconds for Kometa to be alive
: "${have_lock?}" "${lock_wait:?}" "${holder:?}" "${idle_wait:?}" "${force?}"

declare -a left_out_expressions # of what the archive was made without

# Descriptor 8 becomes the controller's stream.
begin_restore() {
    exec 8<&0 </dev/null
    trap '' HUP
    trap : PIPE # not ignored: what we start shall end by it
    trap 'exit 143' INT TERM
    if [ -z "$have_lock" ]; then take_lock "$lock_wait" "$holder"; fi
    repair
    begin_record
    trap finish_by_journal EXIT
}

finish_by_journal() {
    local status=$?
    trap '' INT TERM
    set +e
    repair
    exit "$status"
}

await_commit() {
    local word=
    read -r -t 120 -u 8 word || true
    [ "$word" = commit ] || fail "the connection was lost before the archive's end was confirmed; nothing was changed."
}

# While this waits, the controller may still go away.
await_idle() {
    if [ -n "$force" ]; then return 0; fi
    wait_until_idle "$idle_wait" "Nothing was changed. Restore again after its end, or add force=true, which ends it." watch_controller
}

watch_controller() {
    local status=0
    read -r -t 2 -u 8 _ || status=$?
    if [ "$status" != 0 ] && [ "$status" -le 128 ]; then fail "the controller has gone; nothing was changed."; fi
}

# From here on a line that is cut stops nothing: what is said goes to a file, and from there to the controller if it is
# still there.
enter_commit() {
    trap '' INT TERM
    exec 6>&2 2>"$state_dir/restore.log"
    tail -n +1 -s 0.2 -f --pid=$$ "$state_dir/restore.log" >&6 2>/dev/null 8<&- 9>&- &
    exec 6>&-
}

# A kept tree goes back as it was, with files of the host's root if it had any: the next deploy sees to those.
take_over_candidate() {
    if [ -n "$stage" ]; then
        in_namespace give_to "$candidate" "$owner_uid" "$owner_gid"
    else
        in_namespace give_to "$candidate" "$owner_uid" "$owner_gid" 2>/dev/null || true
    fi
}

start_again() {
    [ -n "$was_active" ] || return 0
    start_unit start && healthy "$patience"
}

# What the backup left out stays as it stands: the candidate gets it as hard links, so that the previous tree keeps it too.
keep_left_out() {
    if [ "${#left_out_expressions[@]}" = 0 ] || [ ! -d "$live" ]; then return 0; fi
    cd -- "$live" || return 1
    leave_out "${left_out_expressions[@]}"
    find . -mindepth 1 "${matching[@]}" -prune -print0 | xargs -0r cp -al --parents -t "$candidate" --
}

# Makes the candidate the live tree. Sets kept.
commit_tree() {
    await_idle
    enter_commit
    take_over_candidate
    sync -f "${live%/*}"
    inode=$(in_namespace inode_of "$candidate")
    if is_up; then was_active=yes; fi
    write_journal
    if [ -n "$was_active" ]; then stop_service || fail "$unit could not be stopped; nothing was changed."; fi
    in_namespace keep_left_out || fail "what the archive was made without could not be kept; nothing was changed."
    in_namespace go_live || fail "the trees could not be exchanged; the previous one is live."
    sync -f "${live%/*}" || say "the exchange could not be brought to the disk at once"
    if ! start_again; then put_back_tree; fi
    # shellcheck disable=SC2034  # for the caller to say
    kept=$(in_namespace keep_replaced)
}

put_back_tree() {
    local why=${unhealthy:-$unit does not start}
    show_service_log "$why"
    systemctl --user stop "$unit" || true
    in_namespace go_back
    sync -f "${live%/*}" || true
    say "the previous tree is live again"
    if ! start_again; then say "Kometa is not healthy with the previous tree either: ${unhealthy:-$unit does not start}"; fi
    fail "Kometa is not healthy with the restored tree ($why); the previous one was put back."
}
