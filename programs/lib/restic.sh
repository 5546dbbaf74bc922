# shellcheck shell=bash
# restic as the account. What it has to know, its repository and the secrets for that, is in a private file, from which it
# reaches restic's environment: never an argument, a unit or a log.
. begin.sh
. lib/common.sh
. lib/podman.sh
: "${library_dir:?}"
repository_file=$library_dir/repository.env

load_repository() {
    [ -r "$repository_file" ] || fail "$repository_file is missing. Deploy again, with kometa_backup_repository set."
    use_repository "$(<"$repository_file")"
}

# Exports RESTIC_REPOSITORY, RESTIC_PASSWORD and the like. By UTC, since restic goes by the time zone where it runs.
use_repository() { # $1: assignments, as repository.env has them
    local ssh_config
    type -P restic >/dev/null || fail "the program restic is missing on this host. Deploy again, it installs it."
    set -a
    eval "$1"
    TZ=UTC
    set +a
    restic_options=()
    # Nothing may ask for anything, nor wait for ever. The system's configuration of ssh is not read: inside the namespace it
    # belongs to nobody, and ssh refuses that.
    case $RESTIC_REPOSITORY in
        sftp:*)
            ssh_config=$HOME/.ssh/config
            [ -r "$ssh_config" ] || ssh_config=none
            restic_options=(-o "sftp.args=-F $ssh_config -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30")
            ;;
    esac
}

restic() { command restic "${restic_options[@]}" "$@" </dev/null 9>&-; }

restic_within() { # $1: seconds
    timeout -k 60 "$1" restic "${restic_options[@]}" "${@:2}" </dev/null 9>&-
}

# Runs a function of this program inside the namespace. ssh, for a repository by sftp, takes its keys and known hosts from
# the home of its user id, which there is that of root: the account's home is put in its place, for this alone.
in_namespace_at_home() {
    case $RESTIC_REPOSITORY in
        sftp:*) in_namespace with_home_of_root "$@" ;;
        *) in_namespace "$@" ;;
    esac
}

with_home_of_root() {
    unshare --mount bash -c "$(definitions)
set -euo pipefail
mount --rbind -- $(printf '%q' "$HOME") /root
$(printf '%q ' "$@")"
}

# A run of ours that was killed leaves its lock, and that goes. One of another host, or of a restic that lives, is none of
# our business. restic itself takes any that is older than half an hour for stale, and one of a process id that somebody
# else has now, such as after a power cut, for alive.
free_our_locks() {
    local id lock kept='' dead=''
    for id in $(restic list locks --no-lock -q); do
        lock=$(restic cat lock "$id" --no-lock 2>/dev/null | tr -s ' \n' ' ') || continue
        if is_dead_lock "$lock"; then dead=yes && continue; fi
        kept=yes
        say "the repository has a lock: $lock. It is left alone. Is nobody at work there? Then restic unlock --remove-all removes it."
    done
    if [ -n "$kept" ] || [ -z "$dead" ]; then return 0; fi
    restic unlock --remove-all >/dev/null || say "a lock that a killed run has left could not be removed"
}

# Whether a lock, as JSON on one line, is this host's and its restic has ended.
is_dead_lock() {
    local pid
    [[ $1 == *"\"hostname\": \"$(hostname)\""* && $1 =~ \"pid\":\ ([0-9]+) ]] || return 1
    pid=${BASH_REMATCH[1]}
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != restic ]
}

# Prints one line for each snapshot that is a backup: `MOMENT ID by-hand|timer pinned|-`. Reads restic's JSON on standard
# input: no string of JSON holds an unmarked quote, so what looks like a name with its quotes is one.
list_snapshots() {
    awk 'BEGIN { RS = "\"short_id\":\"[0-9a-f]*\"" }
        match($0, /"time":"[^"]*"/) {
            time = substr($0, RSTART + 8, 19)
            gsub(/:/, "", time)
            tags = match($0, /"tags":\[[^]]*\]/) ? substr($0, RSTART, RLENGTH) : ""
            if (tags !~ /"kometa-host"/ || !match($0, /"id":"[0-9a-f]*"/)) next
            id = substr($0, RSTART + 6, 8)
            print time "Z", id, (tags ~ /"by-hand"/ ? "by-hand" : "timer"), (tags ~ /"pinned"/ ? "pinned" : "-")
        }'
}
