# shellcheck shell=bash
# Lists the archives of a directory, one a line: `size kind detail NAME`. kind is age, with the offset of the header's last
# line, zstd, with zstd's status for the whole frame, or other. Before them `mark pinned|by-hand NAME`,
# `proof TIME drilled|restored NAME` and, of what this host has written, `written SHA256 SIZE NAME`. Changes nothing.
. begin.sh
. lib/backup_marks.sh
. lib/common.sh
: "${backup_dir:?}"

describe_archive() { # $1: name
    local kind=other detail=0 start
    start=$(head -c 21 -- "$1" | tr '\0' ' ')
    if [ "$start" = age-encryption.org/v1 ]; then
        kind=age
        # the header is text, a few hundred bytes for each recipient
        detail=$(head -c 65536 -- "$1" | LC_ALL=C grep -abm1 '^--- ' | cut -d : -f 1 || true)
    elif [ "$(head -c 4 -- "$1" | od -An -tx1 | tr -d ' \n')" = 28b52ffd ]; then
        kind=zstd
        zstd -l -q -- "$1" >/dev/null 2>&1 || detail=$?
    fi
    printf '%s %s %s %s\n' "$(stat -c %s -- "$1")" "$kind" "${detail:-0}" "$1"
}

sed 's/^/mark /' -- "$marks_file" 2>/dev/null || true
sed 's/^/proof /' -- "$proofs_file" 2>/dev/null || true
sed 's/^/written /' -- "$written_file" 2>/dev/null || true
if [ -d "$backup_dir" ]; then
    cd -- "$backup_dir" || fail "$backup_dir cannot be entered"
    find . -maxdepth 1 -type f \( -name "kometa-$time_pattern.tar.zst.age" -o -name "kometa-$time_pattern.tar.zst.age.partial" \
        -o -name "kometa-$date_pattern.tar.zst" -o -name "kometa-$date_pattern.tar.zst.age" \) -printf '%P\n' | while IFS= read -r name; do
        describe_archive "$name"
    done
fi
