# shellcheck shell=bash
# Pins a snapshot of the repository, so that retention leaves it alone, or gives it free again. Its id is another one after
# that, which is said: restic makes another snapshot to change its tags. What was proved of it stays proved.
. lib/backup_marks.sh
. lib/common.sh
. lib/restic.sh
: "${id:?}" "${pinned?yes or empty}"

change_tag() {
    local action=--remove
    if [ -n "$pinned" ]; then action=--add; fi
    restic tag "$action" pinned "$id" >/dev/null
}

# $1: one field of a line of list_snapshots, $2: its value, $3: the field that is printed
snapshot_field() { restic snapshots --json --no-lock | list_snapshots | awk -v at="$1" -v value="$2" -v wanted="$3" '$at == value { print $wanted }'; }

load_repository
moment=$(snapshot_field 2 "$id" 1)
change_tag 2>/dev/null || { free_our_locks && change_tag; } ||
    fail "the snapshot's tag could not be changed; restic says above why."
renamed=$(snapshot_field 1 "$moment" 2 | { grep -vxF -- "$id" || printf '%s\n' "$id"; } | tail -n 1)
if [ "$renamed" != "$id" ] && [ -n "$(snapshot_field 2 "$id" 1)" ]; then
    say "the repository's server removes nothing (append-only): the snapshot is there twice now, and retention is that server's"
fi
if [ -e "$proofs_file" ]; then sed -i "s/ restic:$id\$/ restic:$renamed/" -- "$proofs_file"; fi
if [ "$renamed" != "$id" ]; then say "restic:$id is called restic:$renamed from now on"; fi
