# shellcheck shell=bash
# The one lock of the account, shared by deploy, backup, restore, run_once and autodeploy.
. begin.sh
. lib/common.sh

# $1: seconds to wait, $2: who wants it. The lock is held by file descriptor 9, so it ends with the process.
take_lock() {
    local file=$state_dir/lock
    [ -d "$state_dir" ] || mkdir -p -- "$state_dir"
    exec 9>>"$file"
    if ! flock -n 9; then
        say "waiting for $(lock_holder) to finish (at most $1 s)"
        flock -w "$1" 9 || fail "the host is busy: $(lock_holder) holds its lock ($file)." \
            "Wait until that has finished and run the command again."
    fi
    # A destroy removes the file: whoever waited for it then waits for the new one.
    if [ ! /proc/self/fd/9 -ef "$file" ]; then
        exec 9>&-
        take_lock "$@"
        return
    fi
    printf '%s, since %(%F %T %Z)T\n' "$2" -1 >"$file.holder"
}

lock_holder() { cat -- "$state_dir/lock.holder" 2>/dev/null || printf 'another operation'; }
