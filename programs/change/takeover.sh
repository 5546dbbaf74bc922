# shellcheck shell=bash
# Gives the account what lies in its tree and belongs to nobody in its user namespace. Runs as root.
# shellcheck disable=SC2154  # path and user are set in front of this text
set -euo pipefail
uid=$(id -u "$user") gid=$(id -g "$user")
ranges() { awk -F: -v user="$user" -v uid="$uid" '$1 == user || $1 == uid { print $2 "-" $2 + $3 - 1 }' "$1" | tr '\n' ' '; }
find "$path" -printf '%U %G %p\0' |
    awk -v RS='\0' -v ORS='\0' -v uids="$uid-$uid $(ranges /etc/subuid)" -v gids="$gid-$gid $(ranges /etc/subgid)" '
        function inside(id, ranges,   i, n, range, ends) {
            n = split(ranges, range, " ")
            for (i = 1; i <= n; i++) { split(range[i], ends, "-"); if (id >= ends[1] + 0 && id <= ends[2] + 0) return 1 }
            return 0
        }
        !inside($1 + 0, uids) || !inside($2 + 0, gids) { sub(/^[0-9]+ [0-9]+ /, ""); print }
    ' | xargs -0r chown -h "$uid:$gid" --
