# shellcheck shell=bash
# Starts the backup's unit and tells how it goes, until it has ended. Its messages come from the journal.
. lib/follow_unit.sh
: "${backup_dir:?}"

tell_size() {
    local size
    size=$(find "$backup_dir" -maxdepth 1 -name 'kometa-*.partial' -printf '%s\n' 2>/dev/null | head -n 1)
    if [ -n "$size" ]; then say "$(numfmt --to=iec-i --suffix=B "$size") written after $((SECONDS - began)) s"; fi
}

began=$SECONDS
follow_unit "Deploy first, with kometa_backup_recipients set." \
    "a backup is running already; what follows is about that one" \
    "the backup" "its reason stands above and in" tell_size kometa-backup
