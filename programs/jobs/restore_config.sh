# shellcheck shell=bash
# Receives the tar stream of an archive into a stage, waits for the controller's word that it was whole, and puts it in
# place. Standard input: tar_bytes of the stream, then the line `commit`. Standard output: `ready`, `staged`, then what
# was done. Whatever happens before that word leaves the host as it was.
. lib/backup_marks.sh
. lib/restore.sh
. lib/restore_place.sh
. lib/unpacking.sh
: "${archive?}" # archive: its name, empty if it is none of the host's

begin_restore
live=$place kept=
check_place
make_stage
printf 'ready\n'
receive
printf 'staged\n'
await_commit
if [ -n "$destination" ]; then
    commit_destination
elif [ "${#paths[@]}" -gt 0 ]; then
    commit_paths
else
    commit_tree
fi
if [ -n "$archive" ]; then note_proof restored "$archive"; fi
printf 'kept %s\nactive %s\n' "$kept" "$was_active" || true
