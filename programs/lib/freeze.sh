# shellcheck shell=bash
# Freezes what writes to the config tree while a backup reads it, and lets it run again, whatever happens.
. begin.sh
. lib/common.sh
. lib/podman.sh
. lib/runs.sh
: "${library_dir:?}" "${config_dir:?}" "${max_pause:?}" # max_pause: seconds
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
podman_client='' # that of ask_podman.py, which asks it
questions='' # file descriptor that leads to it
answers='' # and from it

# --- a Podman that is ready -------------------------------------------------------------------------------------------

# A new Podman takes a tenth of a second to get ready, several times while Kometa is frozen or a backup waits for nothing
# else. One that stays at hand, asked by a process that does so too, freezes a container in a hundredth.
keep_podman_at_hand() {
    local seconds=$((max_pause + 60)) # after which they end, should nobody else see to it
    rm -rf -- "$state_dir"/podman.* # of one that was killed
    podman_at_hand=$(mktemp -d -- "$state_dir/podman.XXXXXX")
    command podman system service --time "$seconds" "unix://$podman_at_hand/socket" </dev/null >/dev/null 2>&1 6>&- 7>&- 8>&- 9>&- &
    podman_service=$!
    type -P python3 >/dev/null || return 0
    coproc CLIENT { exec python3 -I "$library_dir/ask_podman.py" "$podman_at_hand/socket" "$seconds" 2>/dev/null 6>&- 7>&- 8>&- 9>&-; }
    exec {answers}<&"${CLIENT[0]}" {questions}>&"${CLIENT[1]}" # bash closes its own in subshells
    podman_client=${CLIENT_PID:-}
}

let_podman_go() {
    local processes
    [ -n "$podman_service" ] || return 0
    processes=("$podman_service" ${podman_client:+"$podman_client"})
    kill "${processes[@]}" 2>/dev/null || true
    rm -rf -- "$podman_at_hand" # while they end
    wait "${processes[@]}" 2>/dev/null || true
    if [ -n "$podman_client" ]; then exec {questions}>&- {answers}<&-; fi
    podman_service='' podman_client=''
}

# Where the one at hand does not answer, or cannot do it, a new one is asked, and that one says why not.
ask_podman() { # $1: running, mounts, pause or unpause; $2: a container's id
    if [ -n "$podman_client" ] && (ask_client "$@" 2>/dev/null); then return 0; fi
    case $1 in
        running) timeout 60 podman ps --quiet --no-trunc 9>&- ;;
        mounts) timeout 60 podman container inspect -f '{{range .Mounts}}{{if .RW}}{{println .Source}}{{end}}{{end}}' "$2" 9>&- ;;
        *) timeout 60 podman "$@" 9>&- ;;
    esac
}

# Prints the words of the answer, one a line. An answer to another question, which came too late, is none to this one.
ask_client() { # $@: the question
    local number=$EPOCHREALTIME answer
    trap '' PIPE # of a client that has ended
    printf '%s\n' "$number $*" >&"$questions" || return 1
    IFS= read -r -t 30 -u "$answers" answer || return 1
    case $answer in
        "$number yes") return 0 ;;
        "$number yes"*) answer=${answer#*$'\t'} ;;
        *) return 1 ;;
    esac
    printf '%s\n' "${answer//$'\t'/$'\n'}"
}

# --- who writes to the tree -------------------------------------------------------------------------------------------

running_containers() { ask_podman running; }

# Of running containers, prints those that can write to the config tree: Kometa's, and whoever else mounts it. Paths are
# compared without the symbolic links above them.
writers_among() { # $@: ids
    local tree id source
    tree=$(readlink -f -- "$config_dir")
    for id in "$@"; do
        # one that has just ended mounts nothing
        while IFS= read -r source; do
            case $(readlink -m -- "$source")/ in "$tree"/*) printf '%s\n' "$id" && break ;; esac
        done < <(ask_podman mounts "$id" 2>/dev/null || true)
    done
}

# What is started after this look and before the end of the freeze is found by was_disturbed.
look_for_writers() {
    keep_podman_at_hand
    running=$(running_containers) || fail "Podman does not tell which containers run; nothing was written."
    # shellcheck disable=SC2086  # a list of words
    to_freeze=$(writers_among $running)
}

# Whether anything could write to the tree while it was read: what we froze was thawed, or a container was started.
was_disturbed() { # $1: the containers that run now
    local new
    if [ -n "$woken" ] || [ "$1" = unknown ]; then return 0; fi
    if [ "$1" = "$running" ]; then return 1; fi
    new=$(grep -vxF -e "$running" <<<"$1" | grep .) || return 1
    # shellcheck disable=SC2086  # a list of words
    writers_among $new | grep -q .
}

# --- freezing and thawing ---------------------------------------------------------------------------------------------

# Runs a function that reads the tree, in which it calls freeze; returns its status, or that the tree was not at rest.
with_a_freeze() { # $@: the function and its arguments
    local status=0
    woken=
    : >"$frozen_list.last"
    "$@" || status=$?
    thaw_ours || fail "no backup was made."
    if [ "$status" = 0 ] && was_disturbed "$(running_containers || echo unknown)"; then
        say "a container that writes to the tree was started or thawed meanwhile"
        status=$changed
    fi
    let_podman_go
    return "$status"
}

freeze() {
    local id
    frozen_at=${EPOCHREALTIME/./}
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
    read -r owner <"$frozen_list" || true # empty after a power cut
    [ "$owner" != "$$" ] && tr '\0' ' ' 2>/dev/null <"/proc/$owner/cmdline" | grep -q kometa-backup
}

# Lets run again what we froze, and nothing else. Sets woken if any of it was not frozen any more.
thaw_ours() {
    local id ids
    if [ ! -e "$frozen_list" ] || another_has_frozen; then return 0; fi
    mapfile -t -s 1 ids <"$frozen_list"
    for id in "${ids[@]}"; do
        if ask_podman unpause "$id" >/dev/null 2>&1; then continue; fi
        woken=yes
        if [ "$(state_of "$id")" = paused ]; then
            say "the container ${id:0:12} could not be thawed. Run: podman unpause $id"
            return 1
        fi
    done
    mv -T -- "$frozen_list" "$frozen_list.last"
    frozen_for=$(((${EPOCHREALTIME/./} - frozen_at) / 1000))
}

frozen_seconds() { printf '%s.%03d' $((frozen_for / 1000)) $((frozen_for % 1000)); }

# Waits until the job has ended or another process has, and sets ended to that one; returns its status. bash waits for the
# next end of those that it is given, and may have forgotten one that was over before.
wait_for_job_or() { # $1: process
    local process
    for process in "$job" "$1"; do
        if ! kill -0 "$process" 2>/dev/null; then
            ended=$process
            wait "$process"
            return
        fi
    done
    wait -n -p ended "$job" "$1"
}

# Waits for the job's end, but not for longer than Kometa may be frozen; returns the job's status.
await_job() {
    local alarm ended status=0
    sleep "$max_pause" 9>&- &
    alarm=$!
    wait_for_job_or "$alarm" || status=$?
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
