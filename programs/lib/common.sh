# shellcheck shell=bash
# What every program says, and how it ends.

# A dropped connection must not stop a change half way: what cannot be said is left unsaid.
say() { printf '%s\n' "$*" >&2 || true; }

fail() {
    say "$@"
    exit 1
}

# Prints the time as it is in names, without a new process.
moment_now() { TZ=UTC printf '%(%Y-%m-%dT%H%M%SZ)T' -1; }

# Prints a path with the time in it that nothing has yet: the second one of a second gets the next second's, and the clock
# may have been set back.
new_path() { # $1: what stands before the time, $2: what stands after it
    local path
    path=$1$(moment_now)$2
    while [ -e "$path" ]; do
        sleep 1
        path=$1$(moment_now)$2
    done
    printf '%s\n' "$path"
}

# Whether the account can read its own journal: journald keeps one for each account on a disk, none in memory.
has_journal() { journalctl --user -q -n 0 >/dev/null 2>&1; }

# Prints what a job of the account has said in its journal. It is told by the identifier, which no other job has: the journal
# knows no unit of a process that had ended before its words were taken.
words_of_job() { # $1: identifier, then options of journalctl
    journalctl --user -q --no-pager -o cat "_UID=$(id -u)" "SYSLOG_IDENTIFIER=$1" "${@:2}" 2>/dev/null
}
