# shellcheck shell=bash
# What the programs of a Kometa host share. They run as the account; the variables are set in front of this text.
# shellcheck disable=SC2034  # the programs that follow use them
set -euo pipefail
export LC_ALL=C.UTF-8
umask 077

account_home=${account_home:-$HOME}
state_dir=$account_home/.local/state/kometa-host
lock_file=$state_dir/lock

# A line that was cut must not stop a change half way: what cannot be said is left unsaid.
say() { printf '%s\n' "$*" >&2 || true; }
fail() {
    say "$@"
    exit 1
}

# Whether the account can read its own journal: journald keeps one for each account on a disk, none in memory.
has_journal() { journalctl --user -q -n 0 >/dev/null 2>&1; }

# Runs a function of this program inside the account's user namespace, where its subordinate ids have their own names.
in_namespace() {
    podman unshare bash -c "$(declare -p | grep -E '^declare -[aAix-]+ [a-z_]+=' || true)
$(declare -f)
set -euo pipefail
$(printf '%q ' "$@")"
}

# Prints the start of the run that is in progress (seconds since the epoch), nothing where none is. A run is in progress
# when the newest log has its Starting line without the Finished one and a process older than that line still lives.
# $1: Kometa's logs directory, $2: the time zone of the log. Runs inside the namespace: the log is the container's.
run_in_progress() {
    local log=$1/meta.log zone=$2 line started oldest
    [ -r "$log" ] || return 0
    line=$(head -c 65536 "$log" | grep -aEm1 '\|\s+Starting ([0-9]{2}:[0-9]{2} |Test |Collections |Libraries )?Run\s+\|' || true)
    [ -n "$line" ] || return 0
    if tail -c 65536 "$log" | grep -aqE '\|\s+Finished ([0-9]{2}:[0-9]{2} |Test |Collections |Libraries )?Run\s+\|'; then
        return 0
    fi
    line=${line#\[}
    started=$(TZ=$zone date -d "${line%%,*}" +%s 2>/dev/null) || return 0
    oldest=$(ps -eo etimes=,args= | awk '/python3 [^ ]*kometa\/kometa\.py/ && $1 > most { most = $1 } END { print most }')
    [ -n "$oldest" ] && [ $(($(date +%s) - oldest)) -le $((started + 2)) ] || return 0
    if writes_log; then printf '%s\n' "$started"; fi
}

# A run has its log open from beginning to end; a service that was started right after a run was killed has none.
writes_log() {
    local process
    for process in $(pgrep -f 'python3 [^ ]*kometa/kometa\.py'); do
        ls "/proc/$process/fd" >/dev/null 2>&1 || return 0 # cannot be known here
    done
    [ -n "$(find /proc/[0-9]*/fd -lname '*/logs/meta.log' -print -quit 2>/dev/null || true)" ]
}

# Prints the first few entries below a path that belong to others, as `uid:gid name`, and last how many there are and how
# many of them are out of the account's reach. What belongs to nobody inside the namespace (root of the host, another
# account) shows as id 65534: the account can put a copy of its own in place of a file that it may read, in a directory
# of its own. Of the rest, which is listed first, only an administrator can dispose.
foreign_owned() { # $1: path, $2: uid, $3: gid, as seen inside the namespace
    find "$1" \( ! -uid "$2" -o ! -gid "$3" \) \( -readable -printf r -o -true \) -printf '%y%n %U:%G %P\0' |
        tr '\n\0' '?\n' | LC_ALL=C awk '
            {
                name = substr($0, length($1) + length($2) + 3)
                parent = name
                if (!sub(/\/[^\/]*$/, "", parent)) parent = name == "" ? "/" : ""
                stuck = $2 ~ /^65534:|:65534$/ && ($1 != "rf1" || parent in directories)
                if (stuck && $1 ~ /d/) directories[name]
                shown = $2 " " name
            }
            stuck { if (++beyond <= 5) print shown; next }
            { if (++reached <= 5) rest = rest shown "\n" }
            END { printf "%s", rest; print beyond + reached, beyond + 0 }'
}
