# shellcheck shell=bash
# Notes that an archive was restored as it has to be.
. begin.sh
. lib/backup_marks.sh
: "${how:?}" "${name:?}"
note_proof "$how" "$name"
