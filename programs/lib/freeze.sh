# shellcheck shell=bash
# Freezes what writes to the config tree while a backup reads it, and lets it run again, whatever happens.
. begin.sh
. lib/common.sh
. lib/podman.sh
. lib/runs.sh
: "${config_dir:?}" "${max_pause:?}" # max_pause: seconds
frozen_list=$state_dir/frozen # the containers that we freeze, so that nobody else's pause is undone
# shellcheck disable=SC2034
attempts=3 # to catch the tree at rest: something besides Kometa may write to it
# shellcheck disable=SC2034
changed=3 # status of a part that could not read the tree at rest: ours of tar, and restic's own
job=''
woken=''
to_freeze=''
frozen_at=0
frozen_for=0

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

# What is started after this look and before the end of the freeze is found by was_disturbed.
look_for_writers() { to_freeze=$(writers) || fail "Podman does not tell which containers run; nothing was written."; }

freeze() {
    local id
    frozen_at=$(date +%s%N)
    [ -n "$to_freeze" ] || return 0
    printf '%s\n' "$$" "$to_freeze" >"$frozen_list" # first, so that whoever comes after a kill knows
    for id in $to_freeze; do
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

frozen_seconds() { printf '%s.%03d' $((frozen_for / 1000)) $((frozen_for % 1000)); }

# Waits for the job's end, but not for longer than Kometa may be frozen; returns the job's status.
await_job() {
    local alarm ended status=0
    sleep "$max_pause" 9>&- &
    alarm=$!
    wait -n -p ended "$job" "$alarm" || status=$?
    if [ "$ended" != "$job" ]; then
        thaw_ours || true
        fail "the backup was given up: it was not done after kometa_backup_max_pause=$max_pause seconds, and Kometa must not be" \
            "frozen for longer. Is where it goes slow? Raise kometa_backup_max_pause if it has to take so long."
    fi
    # What is left of a pipeline of which one process was killed must not go on.
    kill -KILL -- "-$job" 2>/dev/null || true
    # KILL, for a shell that has not become sleep yet would catch a TERM and forget it.
    { kill -KILL "$alarm" && wait "$alarm"; } 2>/dev/null || true
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
