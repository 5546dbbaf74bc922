# shellcheck shell=bash
# What find says of a set of files that is as its manifest has it: `d MODE UID GID TAB NAME` for a directory and
# `f SIZE MTIME CTIME MODE UID GID TAB NAME` for a file, NUL behind each, sorted. find writes a tenth digit of a second's
# fraction. It is kept beside the manifest, with an end that says of which one it is and that it is whole.
. begin.sh

entries_of() {
    awk -F '\t' '
        FNR > 1 { split($1, was, " ") }
        FNR > 1 && was[1] == "-" { print "d " was[5] " " was[6] " " was[7] "\t" $2; next }
        FNR > 1 { print "f " was[2] " " was[3] "0 " was[4] "0 " was[5] " " was[6] " " was[7] "\t" $2 }
    ' "$1" | tr '\n' '\0' | LC_ALL=C sort -z
}

# Comes last by its first character, with no NUL behind it; find says nothing like it.
end_of_entries() { stat -c '~ entries of %i %s %.9Y' -- "$1"; }

keep_entries() { # $1: manifest
    local kept=${1%/*}/entries
    { entries_of "$1" && printf %s "$(end_of_entries "$1")"; } >"$kept.new"
    sync -- "$kept.new"
    mv -T -- "$kept.new" "$kept"
}
