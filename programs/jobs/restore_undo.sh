# shellcheck shell=bash
# Exchanges the live tree with the one that the last restore replaced. Standard input: the line `commit`.
. lib/restore.sh

begin_restore
live=$config_dir
candidate=$(in_namespace kept_trees | tail -n 1)
[ -n "$candidate" ] || fail "there is no tree that a restore replaced beside $live; nothing was changed."
printf 'ready %s\n' "$candidate"
await_commit
commit_tree
printf 'kept %s\nactive %s\n' "$kept" "$was_active" || true
