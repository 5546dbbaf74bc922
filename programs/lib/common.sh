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

# Whether the account can read its own journal: journald keeps one for each account on a disk, none in memory.
has_journal() { journalctl --user -q -n 0 >/dev/null 2>&1; }
