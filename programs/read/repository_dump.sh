# shellcheck shell=bash
# Writes a snapshot to standard output as a tar stream. $id is the snapshot's; `no_cache`, set where all of it is to come
# from the repository itself, as a proof wants it.
. lib/restic.sh
: "${id:?}" "${no_cache?}"
load_repository
restic ${no_cache:+"--no-cache"} dump --archive tar "$id" /
