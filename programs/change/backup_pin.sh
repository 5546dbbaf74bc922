# shellcheck shell=bash
# Pins an archive, so that retention leaves it alone, or gives it free again.
. begin.sh
. lib/backup_marks.sh
. lib/common.sh
: "${name:?}" "${backup_dir:?}" "${pinned?yes or empty}"
[ -f "$backup_dir/$name" ] ||
    fail "there is no archive $name in $backup_dir. List what is there: pyinfra inventory.py fact facts.backup.Archives"
if [ -n "$pinned" ]; then
    mark_archive pinned "$name"
else
    unmark_archive pinned "$name"
fi
