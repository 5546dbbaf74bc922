# shellcheck shell=bash
# Who owns what below a path; run inside the namespace, where ids are what the container sees. The container can change the
# tree meanwhile: whatever is done is done in a directory that find has open, to a name in it.

# Prints the first few entries below a path that belong to others, as `uid:gid name`, and last how many there are and how
# many of them are out of the account's reach. What belongs to nobody inside the namespace (root of the host, another
# account) shows as id 65534: the account can put a copy of its own in place of a file that it may read, in a directory
# of its own. Of the rest, which is listed first, only an administrator can dispose.
foreign_owned() { # $1: path, $2: uid, $3: gid
    local tell_foreign
    name_foreign "$2" "$3" /dev/stdout
    find "$1" "${tell_foreign[@]}" | foreign_summary
}

# Sets what of find tells what belongs to others, beside whatever else it does on its way through a tree.
name_foreign() { # $1: uid, $2: gid, $3: the file to which it tells it
    tell_foreign=(
        \( ! -uid "$1" -o ! -gid "$2" \) \( -readable -fprintf "$3" r -o -true \) -fprintf "$3" '%y%n %U:%G %P\0'
    )
}

foreign_summary() {
    tr '\n\0' '?\n' | LC_ALL=C awk '
        {
            name = substr($0, length($1) + length($2) + 3)
            parent = name
            if (!sub(/\/[^\/]*$/, "", parent)) parent = name == "" ? "/" : ""
            stuck = $2 ~ /^65534:|:65534$/ && ($1 != "rf1" || parent in directories)
            if (stuck && $1 ~ /d/) directories[name]
            shown = $2 " " name
        }
        stuck { if (++beyond <= 5) print shown; next }
        { if (++reached <= 5) rest = rest shown "\n" }
        END { printf "%s", rest; print beyond + reached, beyond + 0 }'
}

# Gives entries to an owner: only those that belong to others, links themselves.
give_to() { # $1: path, $2: uid, $3: gid, then further conditions of find
    find "$1" \( ! -uid "$2" -o ! -gid "$3" \) "${@:4}" -execdir chown -h "$2:$3" -- {} +
}

# The same for a tree in which some belongs to nobody in here: what cannot be given away is copied where that is possible.
give_away() { # $1: path, $2: uid, $3: gid
    local nobodys=(\( -uid 65534 -o -gid 65534 \))
    # shellcheck disable=SC2016  # for another shell to expand
    find "$1" \( ! -uid "$2" -o ! -gid "$3" \) "${nobodys[@]}" -type f -links 1 -readable \
        -execdir bash --norc -c "$(declare -f replace_by_copy)"'
        replace_by_copy "$1" "$2"' - {} "$2:$3" \;
    give_to "$1" "$2" "$3" ! "${nobodys[@]}"
}

# Puts a copy of the account's own in the place of a file that is somebody else's.
replace_by_copy() { # $1: ./name in the working directory, $2: owner
    local copy
    [ -w . ] || return 0
    copy=$(mktemp ./.kometa-host-owner.XXXXXXXX) || return 0
    if cp --no-dereference --preserve=mode,timestamps --remove-destination -- "$1" "$copy" && chown -h "$2" -- "$copy"; then
        mv -fT -- "$copy" "$1"
    else
        rm -f -- "$copy"
    fi
}
