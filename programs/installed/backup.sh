# shellcheck shell=bash
# Writes an encrypted archive of Kometa's config tree: tar | zstd | age, one stream, nothing in plain text on a disk; and a
# snapshot of it in a restic repository.
# `kometa-backup` makes a backup; `kometa-backup finish` is what the unit runs after it, however it ended; `kometa-backup
# status` tells how far backups have come.
. lib/backup_common.sh
. lib/backup_marks.sh
. lib/backup_repository.sh
. lib/backup_stages.sh
. lib/freeze.sh
. lib/left_out.sh
. lib/lock.sh
. lib/notify.sh
: "${archives?}" "${repository?}" # yes or empty
: "${config_dir:?}" "${backup_dir:?}" "${backup_mount?}" "${lock_wait:?}" # lock_wait: seconds
declare -a excludes exclude_expressions # kometa_backup_exclude
archive_pattern=kometa-$time_pattern.tar.zst.age
last_line=$'\004' # end of transmission
digest_file=$state_dir/archive.digest
partial='' relay='' messages='' part='' failed=''

# --- the archive ------------------------------------------------------------------------------------------------------

# Runs inside the namespace, where owners are what the container sees. find chooses: files, directories and links; what
# else there is (FIFOs, sockets, devices) is named and left out. GNU format and numeric owners are what a restore
# insists on; the top directory is kometa/ whatever the tree is called.
write_tar() {
    local modes=()
    cd -- "$config_dir" || exit 4
    if [ ! -e config.yml ]; then
        say "there is no config.yml in $config_dir: an archive of what is left would in time push out the good ones"
        exit 4
    fi
    if [ -n "$(find . -type f -perm /6000 -print -quit)" ]; then
        say "files with a set-user-ID or set-group-ID bit are archived without it"
        modes=(--mode=ug-s)
    fi
    read -r _ # until everything is frozen
    find . "${left_out[@]}" \( -type f -o -type d -o -type l \) -print0 -o -fprintf /dev/stderr 'left out, neither file, directory nor link: %P\n' |
        LC_ALL=C tar --create --file=- --format=gnu --numeric-owner "${modes[@]}" \
            --null --no-recursion --files-from=- --transform='s,^\.,kometa,S'
}

# A skippable frame (RFC 8878), which every zstd passes over, tells what was left out.
contents_note() {
    local text length
    [ "${#excludes[@]}" -gt 0 ] || return 0
    text=$(printf 'kometa-host left out\n'; printf '%s\n' "${excludes[@]}")
    length=$(printf '%08x' "${#text}")
    printf '\x50\x2a\x4d\x18'
    # shellcheck disable=SC2059  # the length, its lowest byte first
    printf "\\x${length:6:2}\\x${length:4:2}\\x${length:2:2}\\x${length:0:2}"
    printf %s "$text"
}

compress() {
    contents_note
    zstd -q -1 --single-thread -c
}

# The digest is of what leaves this machine for the disk, so that no share can say later that it was something else.
# Level 1: posters do not compress, and level 3 took half as long again for 0.2 % less. One thread: tar and age have one
# each, age is the slowest of the three, and more cost memory and time.
pipeline() {
    local statuses
    set +e
    in_namespace write_tar <&"$gate" | compress | age -R "$library_dir/backup-recipients.txt" |
        tee --append --output-error=exit -- "$partial" | sha256sum >"$digest_file"
    statuses=("${PIPESTATUS[@]}")
    if [ "${statuses[*]}" = "0 0 0 0 0" ]; then return 0; fi
    say "the archive was not completed: tar ended with ${statuses[0]}, zstd with ${statuses[1]}, age with ${statuses[2]}," \
        "what writes it to the disk with ${statuses[3]}"
    if [ "${statuses[0]}" -le 2 ] && [ "${statuses[*]:1}" = "0 0 0 0" ]; then return "$changed"; fi
    return 1
}

# Runs the pipeline in a process group of its own, so that all of it can be ended, with everything that writes to the
# tree frozen while tar reads; returns the pipeline's status.
run_pipeline() {
    local gate status=0
    exec {gate}<> <(:) # a pipe: the pipeline gets ready while Podman looks around and freezes
    set -m
    pipeline 9>&- &
    job=$!
    set +m
    look_for_writers
    freeze
    echo go >&"$gate"
    await_job || status=$?
    job=
    exec {gate}>&-
    sync -- "$partial" 9>&- &
    flush=$!
    return "$status"
}

# One attempt; what it leaves is on the disk.
archive_frozen_tree() {
    local flush='' status=0
    with_a_freeze run_pipeline || status=$?
    [ "$status" = 0 ] || return "$status"
    wait "$flush" || fail "no backup was made: the archive could not be brought to the disk of $backup_dir."
}

write_partial() {
    local attempt status
    for attempt in $(seq "$attempts"); do
        status=0
        wait_for_due_run
        create_partial
        archive_frozen_tree || status=$?
        if [ "$status" != "$changed" ]; then break; fi
        say "the tree changed while it was read, or could not be read (attempt $attempt of $attempts)"
        if [ "$attempt" -lt "$attempts" ]; then sleep 5; fi
    done
    [ "$status" != "$changed" ] || fail "no backup was made: $config_dir could not be read at rest; tar says above what it met." \
        "Something besides Kometa writes there, or the disk has errors."
    [ "$status" = 0 ] || fail "no backup was made: the archive could not be written to $backup_dir; the lines above say why."
}

create_partial() {
    { : >"$partial"; } 2>/dev/null || fail "$backup_dir cannot be written to: $({ : >"$partial"; } 2>&1 | sed 's/.*: //')." \
        "It has to belong to $(id -un) and to be on a file system that is not read-only."
}

# The content is on the disk before the final name appears; the name is there, too, when this returns.
publish() {
    local size digest
    size=$(stat -c %s -- "$partial")
    read -r digest _ <"$digest_file"
    if [ "$size" -lt 200 ] || [ "$(head -c 21 -- "$partial")" != age-encryption.org/v1 ]; then
        fail "no backup was made: what was written to $backup_dir is not an age file ($size bytes)."
    fi
    [ ! -e "$archive" ] || fail "no backup was made: $archive exists already."
    note_stage written "${archive##*/}"
    if is_by_hand; then mark_archive by-hand "${archive##*/}"; fi
    note_written "$digest" "$size" "${archive##*/}"
    mv -T -- "$partial" "$archive"
    partial=
    sync -- "$backup_dir" 2>/dev/null || sync -f -- "$backup_dir" # some network file systems sync no directory
    note_stage on-disk "${archive##*/}"
    say "${archive##*/}: $size bytes, $((SECONDS - began)) s, Kometa was frozen for $(frozen_seconds) s"
}

# --- before and after -------------------------------------------------------------------------------------------------

check_host() {
    local name
    for name in podman find awk flock; do need_program "$name"; done
    [ -d "$config_dir" ] || fail "no backup was made: the config tree $config_dir is missing. Deploy again, it makes it."
}

check_target() {
    local name free last
    for name in tar zstd age; do need_program "$name"; done
    need_mount "$backup_mount"
    [ -d "$backup_dir" ] || fail "no backup was made: the directory $backup_dir is missing. Deploy again, it makes it."
    free=$(df --output=avail -B1 -- "$backup_dir" | tail -n 1)
    last=$(last_size)
    [ "$free" -ge "$last" ] || fail "no backup was made: $backup_dir has $((free >> 20)) MiB free, and the last archive takes" \
        "$(((last >> 20) + 1)) MiB. Make room, or keep fewer archives (kometa_backup_keep)."
}

our_archives() { find "$backup_dir" -maxdepth 1 -type f -name "$archive_pattern$1" -printf "$2"; }

# What this host has written itself: anybody could put a name there, with any size.
last_size() { tail -n 1 -- "$written_file" 2>/dev/null | cut -d ' ' -f 2 | grep . || echo 0; }

remove_leftovers() {
    local left
    our_archives .partial '%f\0' | while IFS= read -r -d '' left; do
        say "removed $left, the rest of a backup that was cut off"
        rm -f -- "$backup_dir/$left"
    done
}

marks_and_names() {
    marks
    cd -- "$backup_dir" && find . -maxdepth 1 -type f -size +0
}

delete_superseded() {
    local name names
    names=$(marks_and_names | superseded) ||
        fail "the backup is good, but it could not be decided which previous ones may go; none was deleted."
    [ -n "$names" ] || return 0
    while IFS= read -r name; do
        rm -f -- "$backup_dir/$name" || fail "the backup is good, but $backup_dir/$name, which may go, could not be deleted."
        unmark_archive '' "${name#./}"
        forget_written "${name#./}"
        say "deleted ${name#./} (kometa_backup_keep: ${keep[*]})"
    done <<<"$names"
}

# journald asks who wrote a line when it comes to read it, and a process that has ended by then belongs to no unit. So what
# all stages say goes through one process, which lives a little longer. It ends with a line of its own: the end of the
# pipe would not come while any process that Podman has left behind still has it.
repeat_lines() {
    local line
    exec 9>&-
    trap '' HUP INT TERM
    while { IFS= read -r line || [ -n "$line" ]; } && [ "$line" != "$last_line" ]; do say "$line"; done
    sleep 0.5
}

relay_messages() {
    [ -n "${JOURNAL_STREAM:-}" ] || return 0
    exec {messages}> >(repeat_lines)
    relay=$!
    exec 2>&"$messages"
}

# --- the parts of a backup --------------------------------------------------------------------------------------------

write_archive() {
    local archive
    check_target
    remove_leftovers
    archive=$(new_path "$backup_dir/kometa-" .tar.zst.age)
    partial=$archive.partial
    write_partial
    publish
    delete_superseded
}

# What a part has under way when it ends, in whatever way.
drop_unfinished() {
    if [ -n "$job" ]; then kill -KILL -- "-$job" 2>/dev/null || true; fi
    thaw_ours || return 1
    let_podman_go
    if [ -n "$partial" ]; then rm -f -- "$partial" || true; fi
}

end_part() {
    local status=$?
    trap '' HUP INT TERM
    drop_unfinished || status=1
    exit "$status"
}

# Each part is a process of its own, so that its failure does not keep the other from being tried.
attempt_part() { # $1: function
    {
        trap end_part EXIT
        trap 'exit 143' HUP INT TERM
        began=$SECONDS
        "$1"
    } &
    part=$!
    wait "$part" || failed=yes
    part=
    thaw_ours || failed=yes # what one that was killed has frozen
}

clean_up() {
    local status=$?
    trap '' HUP INT TERM
    if [ -n "$part" ]; then { kill "$part" && wait "$part"; } 2>/dev/null || true; fi
    drop_unfinished || status=1
    if [ -n "$relay" ]; then
        printf '%s\n' "$last_line" >&"$messages" || true
        wait "$relay" || true
    fi
    exit "$status"
}

backup() {
    relay_messages
    trap clean_up EXIT
    take_lock "$lock_wait" 'a backup'
    trap 'exit 143' HUP INT TERM
    notify /start
    check_host
    thaw_ours || fail "no backup was made."
    if [ -n "$archives" ]; then attempt_part write_archive; fi
    if [ -n "$repository" ]; then attempt_part save_snapshot; fi
    [ -z "$failed" ] || exit 1
}

# What a kill -9 of the above has left undone.
finish() {
    thaw_ours || true
    notify_result
}

leave_out "${exclude_expressions[@]}"
case ${1:-backup} in
    backup) backup ;;
    finish) finish ;;
    status) show_stages ;;
    *) fail "usage: kometa-backup [finish|status]" ;;
esac
