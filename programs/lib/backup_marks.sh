# shellcheck shell=bash
# What is known of single archives. Marks, `pinned NAME` or `by-hand NAME`, lie beside the archives, so that they go where
# these go. Proofs, `TIME drilled|restored NAME`, are the host's own: that of an archive which it could restore. So is what
# it has written, `SHA256 SIZE NAME`, the newest last: nobody who can only write to the archives' place can add to that.
. begin.sh
. lib/backup_stages.sh
: "${backup_dir:?}"
marks_file=$backup_dir/kometa-marks
proofs_file=$state_dir/backup-proofs
proofs_kept=200
written_file=$state_dir/archives-written
written_kept=10000

is_marked() { grep -qxF -- "$1 $2" "$marks_file" 2>/dev/null; } # $1: mark, $2: name

mark_archive() { # $1: mark, $2: name
    is_marked "$1" "$2" || printf '%s %s\n' "$1" "$2" >>"$marks_file"
}

# $1: mark, empty for all of them, $2: name. Whatever happens, the marks are the previous or the new ones.
unmark_archive() {
    [ -e "$marks_file" ] || return 0
    awk -v mark="$1" -v name="$2" '!((mark == "" || $1 == mark) && substr($0, index($0, " ") + 1) == name)' \
        "$marks_file" >"$marks_file.new"
    mv -T -- "$marks_file.new" "$marks_file"
}

note_proof() { # $1: drilled or restored, $2: name
    { tail -n "$((proofs_kept - 1))" -- "$proofs_file" 2>/dev/null || true; printf '%s %s %s\n' "$(moment_now)" "$1" "$2"; } \
        >"$proofs_file.new"
    mv -T -- "$proofs_file.new" "$proofs_file"
    note_stage restored "$2"
}

# What the host has written, but for an archive. $1: its name
written_but() { awk -v name="$1" 'substr($0, length($1 $2) + 3) != name' "$written_file" 2>/dev/null || true; }

note_written() { # $1: its digest, $2: size in bytes, $3: name
    { written_but "$3" | tail -n "$((written_kept - 1))"; printf '%s %s %s\n' "$1" "$2" "$3"; } >"$written_file.new"
    sync -- "$written_file.new"
    mv -T -- "$written_file.new" "$written_file"
}

forget_written() { # $1: name
    [ -e "$written_file" ] || return 0
    written_but "$1" >"$written_file.new"
    mv -T -- "$written_file.new" "$written_file"
}

# Prints marks as retention.awk takes them.
marks() {
    cat -- "$marks_file" 2>/dev/null || true
    sed -E 's/^[^ ]+ (drilled|restored) /proved /' -- "$proofs_file" 2>/dev/null || true
}
