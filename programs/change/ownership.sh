# shellcheck shell=bash
# Gives entries to an owner inside the user namespace; only those that belong to others, links themselves.
# The container can change the tree meanwhile: whatever is done is done in a directory that find has open, to a name in it.
# shellcheck disable=SC2154  # path, uid and gid are set in front of this text
give_away() {
    local others=(\( ! -uid "$uid" -o ! -gid "$gid" \)) nobodys=(\( -uid 65534 -o -gid 65534 \))
    # shellcheck disable=SC2016  # for another shell to expand
    find "$path" "${others[@]}" "${nobodys[@]}" -type f -links 1 -readable -execdir bash --norc -c "$(declare -f replace)"'
        replace "$1" "$2"' - {} "$uid:$gid" \;
    find "$path" "${others[@]}" ! "${nobodys[@]}" -execdir chown -h "$uid:$gid" -- {} +
}

# Puts a copy of the account's own in the place of a file that is somebody else's.
replace() { # $1: ./name in the working directory, $2: owner
    local copy
    [ -w . ] || return 0
    copy=$(mktemp ./.kometa-host-owner.XXXXXXXX) || return 0
    if cp --no-dereference --preserve=mode,timestamps --remove-destination -- "$1" "$copy" && chown -h "$2" -- "$copy"; then
        mv -fT -- "$copy" "$1"
    else
        rm -f -- "$copy"
    fi
}

in_namespace give_away
