# shellcheck shell=bash
# The place of a restore. Refuses one into which nothing can be restored, before anything changes.
. begin.sh
. lib/common.sh
: "${place:?}" "${destination?}" "${space:?}" # destination: empty unless that is the place; space: bytes
declare -a paths

check_place() {
    local parent=${place%/*} free
    [ ! -L "$place" ] || fail "$place is a symbolic link, which would be replaced itself. Set kometa_config_dir to where it leads."
    [ -z "$destination" ] || [ ! -e "$place" ] || fail "$place exists already; name a directory that is not there yet. Nothing was changed."
    [ -d "$parent" ] || fail "$parent does not exist, so nothing can be restored into it."
    [ -w "$parent" ] || fail "$(id -un) cannot write to $parent, where the tree is prepared. Nothing was changed."
    [ "${#paths[@]}" = 0 ] || [ -d "$place" ] || fail "there is no tree in $place to restore paths= into. Restore all of it."
    free=$(df --output=avail -B1 -- "$parent" | tail -n 1)
    [ "$free" -ge "$space" ] || fail "$parent has $((free >> 20)) MiB free, and the restored tree takes $((space >> 20)) MiB" \
        "beside the live one. Nothing was changed."
}
