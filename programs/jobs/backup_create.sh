# shellcheck shell=bash
# Starts the backup's unit and tells how it goes, until it has ended. Its messages come from the journal.
. lib/follow_unit.sh
: "${backup_dir:?}"

# Of an archive the size so far; of a snapshot restic's own words, as long as they do not end with the result.
tell_progress() {
    local size reading
    size=$({ find "$backup_dir" -maxdepth 1 -name 'kometa-*.partial' -printf '%s\n' 2>/dev/null || true; } | sed -n 1p)
    if [ -n "$size" ]; then say "$(numfmt --to=iec-i --suffix=B "$size") written after $((SECONDS - began)) s"; fi
    reading=$({ tail -n 40 -- "$state_dir/snapshot.output" 2>/dev/null || true; } |
        awk '/^\[/ { line = $0 } /^(snapshot .* saved|Fatal)/ { line = "" } END { print line }')
    if [ -n "$reading" ] && [ "$reading" != "$told_reading" ]; then say "into the repository: $reading"; fi
    told_reading=$reading
}

began=$SECONDS
told_reading=''
follow_unit "Deploy first, with kometa_backup_recipients set." \
    "a backup is running already; what follows is about that one" \
    "the backup" "its reason stands above and in" tell_progress kometa-backup
