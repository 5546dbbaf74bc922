# shellcheck shell=bash
# What both kinds of backups, archives and snapshots, have in common.
. begin.sh
. lib/common.sh
: "${library_dir:?}"
# shellcheck disable=SC2034
began=0 # in SECONDS, of the part that is under way
declare -a keep # class=number, each

need_program() {
    type -P "$1" >/dev/null || fail "no backup was made: the program $1 is missing on this host. Deploy again, it installs it."
}

need_mount() { # $1: a mount point, empty where none is needed
    if [ -n "$1" ] && ! timeout -s KILL 30 mountpoint -q -- "$1"; then
        fail "no backup was made: $1 is not mounted, and what was written there would not be on the share. Mount it."
    fi
}

# systemd names the timer that started a unit (systemd.exec(5)). What was started otherwise is somebody's own backup.
is_by_hand() { [ -z "${TRIGGER_UNIT:-}" ]; }

# Given marks and then names on standard input, prints the names that may go.
superseded() {
    local class classes=()
    for class in "${keep[@]}"; do classes+=(-v "$class"); done
    LC_ALL=C awk "${classes[@]}" -v now="$(moment_now)" -f "$library_dir/retention.awk"
}
