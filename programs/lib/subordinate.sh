# shellcheck shell=bash
# Ranges of subordinate ids, as /etc/subuid and /etc/subgid have them: lines `owner:start:count`. Runs as root.

# Prints the ranges of the file $1 as `own|other start count`, by their start. $2: the account, $3: its uid
ranges() {
    [ -e "$1" ] || return 0
    awk -F : -v user="$2" -v uid="$3" 'NF == 3 && $2 ~ /^[0-9]+$/ && $3 ~ /^[0-9]+$/ {
        print ($1 == user || $1 == uid ? "own" : "other"), $2, $3
    }' "$1" | sort -n -k 2,2
}

# Prints how many ids the account has. Standard input: ranges
own_ids() { awk '$1 == "own" { sum += $3 } END { printf "%.0f\n", sum }'; }

# Prints the first id of the lowest range of $1 ids that overlaps nobody's, nothing if there is none. Standard input: ranges
free_range() {
    awk -v count="$1" -v start=100000 -v last=4294967294 '
        $3 > 0 && $2 < start + count && start < $2 + $3 { start = $2 + $3 }
        END { if (start + count - 1 <= last) printf "%.0f\n", start }'
}

# Succeeds if a range of the account overlaps somebody else's. Standard input: ranges
overlapped() {
    awk '
        $3 == 0 { next }
        { for (i = 1; i <= n; i++) if (kind[i] != $1 && $2 <= end[i]) found = 1 }
        { n++; kind[n] = $1; end[n] = $2 + $3 - 1 }
        END { exit !found }'
}

# Adds a range of $2 ids where the account has fewer. $1: subuid or subgid, $3: the account
add_range() {
    local file=/etc/$1 uid first range
    uid=$(id -u "$3")
    touch "$file"
    if [ "$(ranges "$file" "$3" "$uid" | own_ids)" -ge "$2" ]; then return 0; fi
    first=$(ranges "$file" "$3" "$uid" | free_range "$2")
    if [ -z "$first" ]; then
        printf 'no free range of %s ids is left in %s\n' "$2" "$file" >&2
        return 1
    fi
    range=$first-$((first + $2 - 1))
    usermod "--add-${1}s" "$range" "$3"
    # Whoever edits the file at the same time does not know our lock.
    if ranges "$file" "$3" "$uid" | overlapped; then
        usermod "--del-${1}s" "$range" "$3"
        printf 'somebody else took ids of %s from %s meanwhile; run the command again\n' "$range" "$file" >&2
        return 1
    fi
}
