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
running='' # the containers that ran before the freeze
podman_at_hand='' # directory of its socket
podman_service='' # its process

# --- a Podman that is ready -------------------------------------------------------------------------------------------

# A new Podman takes a tenth of a second to get ready, several times while Kometa is frozen or a backup waits for nothing
# else. One that stays at hand answers in a third of that.
keep_podman_at_hand() {
    rm -rf -- "$state_dir"/podman.* # of one that was killed
    podman_at_hand=$(mktemp -d -- "$state_dir/podman.XXXXXX")
    command podman system service --time "$((max_pause + 60))" "unix://$podman_at_hand/socket" </dev/null >/dev/null 2>&1 6>&- 7>&- 8>&- 9>&- &
    podman_service=$!
}

let_podman_go() {
    [ -n "$podman_service" ] || return 0
    { kill "$podman_service" && wait "$podman_service"; } 2>/dev/null || true
    podman_service=''
    rm -rf -- "$podman_at_hand"
}

# Where the one at hand does not answer, or cannot do it, a new one is asked, and that one says why not.
ask_podman() { # $@: as podman has them
    local said
    if [ -S "$podman_at_hand/socket" ] && said=$(timeout 30 podman --url "unix://$podman_at_hand/socket" "$@" 2>/dev/null 9>&-); then
        [ -z "$said" ] || printf '%s\n' "$said"
        return 0
    fi
    timeout 60 podman "$@" 9>&-
}

await_podman() {
    local _
    for _ in {1..40}; do
        if [ -S "$podman_at_hand/socket" ] || ! kill -0 "$podman_service" 2>/dev/null; then return 0; fi
        sleep 0.05
    done
}

# --- who writes to the tree -------------------------------------------------------------------------------------------

running_containers() { ask_podman ps --quiet --no-trunc; }

# Of running containers, prints those that can write to the config tree: Kometa's, and whoever else mounts it. Paths are
# compared without the symbolic links above them.
writers_among() { # $@: ids
    local tree id sources source
    [ "$#" -gt 0 ] || return 0
    tree=$(readlink -f -- "$config_dir")
    # a container that has just ended makes the status non-zero
    { ask_podman container inspect -f '{{.Id}}{{range .Mounts}}{{if .RW}} {{.Source}}{{end}}{{end}}' "$@" 2>/dev/null || true; } |
        while read -r id sources; do
            for source in $sources; do
                case $(readlink -m -- "$source")/ in "$tree"/*) printf '%s\n' "$id" && break ;; esac
            done
        done
}

# What is started after this look and before the end of the freeze is found by was_disturbed.
look_for_writers() {
    keep_podman_at_hand
    await_podman
    running=$(running_containers) || fail "Podman does not tell which containers run; nothing was written."
    # shellcheck disable=SC2086  # a list of words
    to_freeze=$(writers_among $running)
}

# Whether anything could write to the tree while it was read: what we froze was thawed, or a container was started.
was_disturbed() { # $1: the containers that run now
    local new
    if [ -n "$woken" ] || [ "$1" = unknown ]; then return 0; fi
    new=$(grep -vxF -e "$running" <<<"$1" | grep .) || return 1
    # shellcheck disable=SC2086  # a list of words
    writers_among $new | grep -q .
}

# --- freezing and thawing ---------------------------------------------------------------------------------------------

# Runs a function that reads the tree, in which it calls freeze; returns its status, or that the tree was not at rest.
with_a_freeze() { # $@: the function and its arguments
    local status=0 now=''
    woken=
    : >"$frozen_list.last"
    "$@" || status=$?
    if [ "$status" = 0 ]; then exec {now}< <(running_containers || echo unknown); fi # beside the thaw
    thaw_ours || fail "no backup was made."
    if [ -n "$now" ] && was_disturbed "$(cat <&"$now")"; then
        say "a container that writes to the tree was started or thawed meanwhile"
        status=$changed
    fi
    if [ -n "$now" ]; then exec {now}<&-; fi
    let_podman_go
    return "$status"
}

freeze() {
    local id
    frozen_at=$(date +%s%N)
    [ -n "$to_freeze" ] || return 0
    printf '%s\n' "$$" "$to_freeze" >"$frozen_list" # first, so that whoever comes after a kill knows
    for id in $to_freeze; do
        if ! ask_podman pause "$id" >/dev/null && [ "$(state_of "$id")" = running ]; then
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
        if ask_podman unpause "$id" >/dev/null 2>&1; then continue; fi
        woken=yes
        if [ "$(state_of "$id")" = paused ]; then
            say "the container ${id:0:12} could not be thawed. Run: podman unpause $id"
            return 1
        fi
    done < <(sed 1d "$frozen_list")
    mv -T -- "$frozen_list" "$frozen_list.last"
    frozen_for=$((($(date +%s%N) - frozen_at) / 1000000))
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
