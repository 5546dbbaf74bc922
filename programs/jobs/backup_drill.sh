# shellcheck shell=bash
# Restores a tar stream into a scratch directory, compares that with the live tree and removes it. Before the stream come
# regular expressions of what the backup left out, one a line, and an empty line.
# Tells on standard output: entries that are the same, entries of the archive that are gone or changed since, entries of
# the tree that came or changed since, and, which must be 0, those that had not changed and yet are not as in the archive.
. begin.sh
. lib/common.sh
. lib/left_out.sh
. lib/podman.sh
: "${config_dir:?}" "${begun:?}" "${times:?}" # begun: when the backup began, seconds since the epoch
scratch=$(dirname "$config_dir")/.kometa-drill

# One record for each entry; times in whole seconds, as GNU tar's format has them ($times is %Ts, or 0 to leave them out).
# $1: directory, then find's conditions
drill_entries() {
    local directory=$1
    shift
    (cd -- "$directory" && find . "$@" \( -type d -printf "%y %m %U %G 0 $times %P\0" -o -type f -printf "%y %m %U %G %s $times %P\0" \
        -o -type l -printf "%y %m %U %G 0 $times %P\n%l\0" \)) | sed -z 's/\.[0-9]* / /' | LC_ALL=C sort -z
}

count_records() { tr -cd '\0' | wc -c; }

# Checksums of those entries of standard input that are files, as the directory $1 has them.
checksums() { grep -z '^f ' | cut -z -d ' ' -f 7- | (cd -- "$1" && xargs -0r timeout 14400 sha256sum -z --); }

drill() {
    local lists expression expressions=()
    trap 'rm -rf -- "$scratch"' EXIT
    rm -rf -- "$scratch"
    mkdir -m 0700 -- "$scratch"
    while IFS= read -r expression && [ -n "$expression" ]; do expressions+=("$expression"); done
    leave_out "${expressions[@]}"
    (umask 000 && tar -C "$scratch" --numeric-owner --same-owner --no-same-permissions --no-acls --no-selinux --no-xattrs \
        --delay-directory-restore -x -f -) || fail "the archive could not be unpacked in $scratch"
    lists=$scratch/lists
    mkdir -- "$lists"
    drill_entries "$scratch/kometa" >"$lists/archive"
    drill_entries "$config_dir" "${left_out[@]}" >"$lists/live"
    drill_entries "$config_dir" "${left_out[@]}" ! -newerct "@$begun" >"$lists/old"
    LC_ALL=C comm -z -12 "$lists/archive" "$lists/live" >"$lists/same"
    checksums "$scratch/kometa" <"$lists/same" >"$lists/archive.sums"
    checksums "$config_dir" <"$lists/same" >"$lists/live.sums"
    LC_ALL=C comm -z -23 "$lists/old" "$lists/archive" >"$lists/wrong"
    LC_ALL=C comm -z -23 <(LC_ALL=C sort -z "$lists/archive.sums") <(LC_ALL=C sort -z "$lists/live.sums") >>"$lists/wrong"
    head -z -n 5 "$lists/wrong" | tr '\n\0' '?\n' | sed 's/^/not as in the archive: /' >&2
    printf '%s %s %s %s\n' "$(count_records <"$lists/same")" \
        "$(LC_ALL=C comm -z -23 "$lists/archive" "$lists/live" | count_records)" \
        "$(LC_ALL=C comm -z -13 "$lists/archive" "$lists/live" | count_records)" "$(count_records <"$lists/wrong")"
}

mkdir -p -- "$state_dir"
exec 8>>"$state_dir/drill.lock"
flock -n 8 || fail "another drill is at work on this host; run the command again when it has ended."
in_namespace drill 8>&-
