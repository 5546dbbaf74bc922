# shellcheck shell=bash
# Writes an encrypted archive of Kometa's config tree: tar | zstd | age, one stream, nothing in clear on any disk.
# `kometa-backup` makes a backup; `kometa-backup finish` is what the unit runs after it, however it ended.
. lib/backup_marks.sh
. lib/lock.sh
. lib/notify.sh
. lib/podman.sh
. lib/runs.sh
: "${config_dir:?}" "${backup_dir:?}" "${backup_mount?}" "${max_pause:?}" "${lock_wait:?}" # seconds
declare -a keep # class=number, each
attempts=3                    # to catch the tree at rest: something besides Kometa may write to it
frozen_list=$state_dir/frozen # the containers that we freeze, so that nobody else's pause is undone
archive_pattern=kometa-$time_pattern.tar.zst.age
changed=3                     # status of a pipeline of which tar alone failed
last_line=$'\004' # end of transmission
partial='' job='' woken='' relay='' messages='' frozen_at=0 frozen_for=0

# --- the containers ---------------------------------------------------------------------------------------------------

# Prints the running containers that can write to the config tree: Kometa's, and whoever else mounts it. Paths are
# compared without the symbolic links above them.
writers() {
    local ids tree state id sources source
    tree=$(readlink -f -- "$config_dir")
    ids=$(podman ps --all --quiet --no-trunc) || return 1
    # shellcheck disable=SC2086  # a list of words; a container that has just ended makes the status non-zero
    { [ -z "$ids" ] || podman container inspect -f '{{.State.Status}} {{.Id}}{{range .Mounts}}{{if .RW}} {{.Source}}{{end}}{{end}}' \
        $ids 2>/dev/null || true; } | while read -r state id sources; do
        [ "$state" = running ] || continue
        for source in $sources; do
            case $(readlink -m -- "$source")/ in "$tree"/*) printf '%s\n' "$id" && break ;; esac
        done
    done
}

freeze() {
    local ids id
    ids=$(writers) || fail "Podman does not tell which containers run; nothing was written."
    frozen_at=$(date +%s%N)
    [ -n "$ids" ] || return 0
    printf '%s\n' "$$" "$ids" >"$frozen_list" # first, so that whoever comes after a kill knows
    for id in $ids; do
        if ! podman pause "$id" >/dev/null && [ "$(state_of "$id")" = running ]; then
            fail "the container ${id:0:12} could not be frozen; nothing was written."
        fi
    done
}

state_of() { podman container inspect -f '{{.State.Status}}' "$1" 2>/dev/null || true; }

# Whether another backup, one that waited for no lock of ours, has frozen what the list names and is at work.
another_has_frozen() {
    local owner
    owner=$(head -n 1 "$frozen_list")
    [ "$owner" != "$$" ] && tr '\0' ' ' 2>/dev/null <"/proc/$owner/cmdline" | grep -q kometa-backup
}

# Lets run again what we froze, and nothing else. Sets woken if any of it was not frozen any more.
thaw_ours() {
    local id
    if [ ! -e "$frozen_list" ] || another_has_frozen; then return 0; fi
    while IFS= read -r id; do
        if timeout 60 podman unpause "$id" >/dev/null 2>&1 9>&-; then continue; fi
        woken=yes
        if [ "$(state_of "$id")" = paused ]; then
            say "the container ${id:0:12} could not be thawed. Run: podman unpause $id"
            return 1
        fi
    done < <(sed 1d "$frozen_list")
    mv -T -- "$frozen_list" "$frozen_list.last"
    frozen_for=$((($(date +%s%N) - frozen_at) / 1000000))
}

# Whether anything could write to the tree while it was read: what we froze was thawed, or a container was started.
was_disturbed() {
    local ids
    if [ -n "$woken" ]; then return 0; fi
    ids=$(writers) || return 0
    grep -vxF -f "$frozen_list.last" <<<"$ids" | grep -q .
}

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
    find . \( -type f -o -type d -o -type l \) -print0 -o -fprintf /dev/stderr 'left out, neither file, directory nor link: %P\n' |
        LC_ALL=C tar --create --file=- --format=gnu --numeric-owner "${modes[@]}" \
            --null --no-recursion --files-from=- --transform='s,^\.,kometa,S'
}

# Level 1: posters do not compress, and level 3 took half as long again for 0.2 % less. One thread: tar and age have one
# each, age is the slowest of the three, and more cost memory and time.
pipeline() {
    local statuses
    set +e
    in_namespace write_tar <&"$gate" | zstd -q -1 --single-thread -c | age -R "$library_dir/backup-recipients.txt" >>"$partial"
    statuses=("${PIPESTATUS[@]}")
    if [ "${statuses[*]}" = "0 0 0" ]; then return 0; fi
    say "the archive was not completed: tar ended with ${statuses[0]}, zstd with ${statuses[1]}, age with ${statuses[2]}"
    if [ "${statuses[0]}" -le 2 ] && [ "${statuses[1]} ${statuses[2]}" = "0 0" ]; then return "$changed"; fi
    return 1
}

# Runs the pipeline in a process group of its own, so that all of it can be ended, with everything that writes to the
# tree frozen while tar reads; returns the pipeline's status.
run_pipeline() {
    local gate alarm ended status=0
    exec {gate}<> <(:) # a pipe: the pipeline gets ready while Podman looks around and freezes
    set -m
    pipeline 9>&- &
    job=$!
    set +m
    freeze
    echo go >&"$gate"
    sleep "$max_pause" 9>&- &
    alarm=$!
    wait -n -p ended "$job" "$alarm" || status=$?
    if [ "$ended" != "$job" ]; then
        thaw_ours || true
        fail "the backup was given up: it was not done after kometa_backup_max_pause=$max_pause seconds, and Kometa must not be" \
            "frozen for longer. Is $backup_dir slow? Raise kometa_backup_max_pause if it has to take so long."
    fi
    # What is left of a pipeline of which one process was killed must not go on.
    kill -KILL -- "-$job" 2>/dev/null || true
    # KILL, for a shell that has not become sleep yet would catch a TERM and forget it.
    { kill -KILL "$alarm" && wait "$alarm"; } 2>/dev/null || true
    job=
    exec {gate}>&-
    return "$status"
}

# Kometa would miss a run that is due if it were frozen just then; one that has begun goes on after the backup.
wait_for_due_run() {
    local _
    for _ in $(seq "$((due_time / 5 + 1))"); do
        if [ -z "$(in_namespace due_run "$config_dir/logs/meta.log")" ]; then return 0; fi
        sleep 5
    done
}

# One attempt; what it leaves is on the disk.
archive_frozen_tree() {
    local flush status=0
    woken=
    : >"$frozen_list.last"
    run_pipeline || status=$?
    sync -- "$partial" 9>&- &
    flush=$!
    thaw_ours || fail "no backup was made."
    [ "$status" = 0 ] || return "$status"
    if was_disturbed; then
        say "a container that writes to the tree was started or thawed meanwhile"
        status=$changed
    fi
    wait "$flush" || fail "no backup was made: the archive could not be brought to the disk of $backup_dir."
    return "$status"
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
    local size
    size=$(stat -c %s -- "$partial")
    if [ "$size" -lt 200 ] || [ "$(head -c 21 -- "$partial")" != age-encryption.org/v1 ]; then
        fail "no backup was made: what was written to $backup_dir is not an age file ($size bytes)."
    fi
    [ ! -e "$archive" ] || fail "no backup was made: $archive exists already."
    if is_by_hand; then mark_archive by-hand "${archive##*/}"; fi
    mv -T -- "$partial" "$archive"
    partial=
    sync -- "$backup_dir" 2>/dev/null || sync -f -- "$backup_dir" # some network file systems sync no directory
    say "${archive##*/}: $size bytes, $((SECONDS - began)) s, Kometa was frozen for $((frozen_for / 1000)).$(printf %03d $((frozen_for % 1000))) s"
}

# --- before and after -------------------------------------------------------------------------------------------------

check_target() {
    local name free last
    for name in podman tar zstd age find awk flock; do
        type -P "$name" >/dev/null || fail "no backup was made: the program $name is missing on this host. Deploy again, it installs it."
    done
    if [ -n "$backup_mount" ] && ! timeout -s KILL 30 mountpoint -q -- "$backup_mount"; then
        fail "no backup was made: $backup_mount is not mounted, and what was written there would not be on the share. Mount it."
    fi
    [ -d "$backup_dir" ] || fail "no backup was made: the directory $backup_dir is missing. Deploy again, it makes it."
    [ -d "$config_dir" ] || fail "no backup was made: the config tree $config_dir is missing. Deploy again, it makes it."
    free=$(df --output=avail -B1 -- "$backup_dir" | tail -n 1)
    last=$(last_size)
    [ "$free" -ge "$last" ] || fail "no backup was made: $backup_dir has $((free >> 20)) MiB free, and the last archive takes" \
        "$(((last >> 20) + 1)) MiB. Make room, or keep fewer archives (kometa_backup_keep)."
}

our_archives() { find "$backup_dir" -maxdepth 1 -type f -name "$archive_pattern$1" -printf "$2"; }

last_size() { our_archives '' '%f %s\n' | sort | tail -n 1 | cut -d ' ' -f 2 | grep . || echo 0; }

remove_leftovers() {
    local left
    thaw_ours || fail "no backup was made."
    our_archives .partial '%f\0' | while IFS= read -r -d '' left; do
        say "removed $left, the rest of a backup that was cut off"
        rm -f -- "$backup_dir/$left"
    done
}

# The clock may have been set back: a name is never used twice.
choose_name() {
    archive=$backup_dir/kometa-$(date -u +%Y-%m-%dT%H%M%SZ).tar.zst.age
    while [ -e "$archive" ]; do
        sleep 1
        archive=$backup_dir/kometa-$(date -u +%Y-%m-%dT%H%M%SZ).tar.zst.age
    done
    partial=$archive.partial
}

# systemd names the timer that started a unit (systemd.exec(5)). What was started otherwise is somebody's own backup.
is_by_hand() { [ -z "${TRIGGER_UNIT:-}" ]; }

# Given marks and then names on standard input, prints the names that may go.
superseded() {
    local class classes=()
    for class in "${keep[@]}"; do classes+=(-v "$class"); done
    LC_ALL=C awk "${classes[@]}" -v now="$(date -u +%Y-%m-%dT%H%M%SZ)" -f "$library_dir/retention.awk"
}

marks_and_names() {
    marks
    cd -- "$backup_dir" && find . -maxdepth 1 -type f -size +0
}

delete_superseded() {
    local name names
    names=$(marks_and_names | superseded) ||
        fail "the backup is good, but it could not be decided which former ones may go; none was deleted."
    [ -n "$names" ] || return 0
    while IFS= read -r name; do
        rm -f -- "$backup_dir/$name" || fail "the backup is good, but $backup_dir/$name, which may go, could not be deleted."
        unmark_archive '' "${name#./}"
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

clean_up() {
    local status=$?
    trap '' HUP INT TERM
    if [ -n "$job" ]; then kill -KILL -- "-$job" 2>/dev/null || true; fi
    thaw_ours || status=1
    if [ -n "$partial" ]; then rm -f -- "$partial" || true; fi
    if [ -n "$relay" ]; then
        printf '%s\n' "$last_line" >&"$messages" || true
        wait "$relay" || true
    fi
    exit "$status"
}

backup() {
    local began archive
    relay_messages
    trap clean_up EXIT
    take_lock "$lock_wait" 'a backup'
    began=$SECONDS
    trap 'exit 143' HUP INT TERM
    notify /start
    check_target
    remove_leftovers
    choose_name
    write_partial
    publish
    delete_superseded
}

# What a kill -9 of the above has left undone.
finish() {
    thaw_ours || true
    notify_result
}

case ${1:-backup} in
    backup) backup ;;
    finish) finish ;;
    *) fail "usage: kometa-backup [finish]" ;;
esac
