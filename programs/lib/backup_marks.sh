# shellcheck shell=bash
# What is known of single archives. Marks, `pinned NAME` or `by-hand NAME`, lie beside the archives, so that they go where
# these go. Proofs, `TIME drilled|restored NAME`, are the host's own: that of an archive which it could restore.
. begin.sh
: "${backup_dir:?}"
marks_file=$backup_dir/kometa-marks
proofs_file=$state_dir/backup-proofs
proofs_kept=200

is_marked() { grep -qxF -- "$1 $2" "$marks_file" 2>/dev/null; } # $1: mark, $2: name

mark_archive() { # $1: mark, $2: name
    is_marked "$1" "$2" || printf '%s %s\n' "$1" "$2" >>"$marks_file"
}

# $1: mark, empty for all of them, $2: name. Whatever happens, the marks are the former or the new ones.
unmark_archive() {
    [ -e "$marks_file" ] || return 0
    awk -v mark="$1" -v name="$2" '!((mark == "" || $1 == mark) && substr($0, index($0, " ") + 1) == name)' \
        "$marks_file" >"$marks_file.new"
    mv -T -- "$marks_file.new" "$marks_file"
}

note_proof() { # $1: drilled or restored, $2: name
    { tail -n "$((proofs_kept - 1))" -- "$proofs_file" 2>/dev/null || true; printf '%s %s %s\n' "$(date -u +%Y-%m-%dT%H%M%SZ)" "$1" "$2"; } \
        >"$proofs_file.new"
    mv -T -- "$proofs_file.new" "$proofs_file"
}

# Prints marks as retention.awk takes them.
marks() {
    cat -- "$marks_file" 2>/dev/null || true
    sed -E 's/^[^ ]+ (drilled|restored) /proved /' -- "$proofs_file" 2>/dev/null || true
}
