# shellcheck shell=bash
# An archive that comes as a tar stream and is put in place: into a new directory, single paths, or all of the tree.
. lib/enter.sh
. lib/replaced.sh
. lib/restore.sh
: "${tar_bytes:?}"
declare -a paths # what is to be restored, empty for all

make_stage() {
    stage=$live.stage-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
    candidate=$stage/kometa
    write_journal
    mkdir -m 0700 -- "$stage"
}

# The tested set of options; what else tar would take over, extended attributes and the like, no archive of ours has.
# Modes come out as they went in: set-id bits of files were refused before this. Folders above
# what paths= names, of which no member says how they were, are for the owner alone.
extract() {
    umask 077 # Podman sets its own
    tar -C "$stage" --numeric-owner --same-owner --same-permissions --no-acls --no-selinux --no-xattrs \
        --delay-directory-restore --no-wildcards --no-unquote --warning=no-timestamp -x -f - "${members[@]}"
    cat >/dev/null # what fills up the last record
}

# A line that falls silent without an end would hold the lock for ever.
watch_feeder() {
    local before='' now silence=120 # seconds without a byte
    while sleep "$silence" && kill -0 $$; do
        now=$(grep rchar "/proc/$feeder/io") || return 0
        if [ "$now" = "$before" ]; then kill "$feeder"; fi
        before=$now
    done
}

receive() {
    local path status=0 members=() feeder watcher
    for path in "${paths[@]}"; do members+=("kometa/$path"); done
    exec 7< <(exec head -c "$tar_bytes" <&8 2>/dev/null 9>&-)
    feeder=$!
    watch_feeder >/dev/null 2>&1 7<&- 8<&- 9>&- &
    watcher=$!
    in_namespace extract <&7 || status=$?
    kill "$watcher" "$feeder" 2>/dev/null || true
    exec 7<&-
    [ "$status" = 0 ] || fail "the archive could not be unpacked on the host (tar ended with $status, see above); nothing was changed."
    [ -d "$candidate" ] || fail "the connection was lost; nothing was changed."
}

# --- destination= -----------------------------------------------------------------------------------------------------

commit_destination() {
    enter_commit
    sync -f "${live%/*}"
    [ ! -e "$live" ] || fail "$live exists by now; nothing was changed."
    in_namespace mv -nT -- "$candidate" "$live"
    [ ! -e "$candidate" ] || fail "$live could not be made."
}

# --- paths=: files and folders into the live tree, each at once; inside the namespace ---------------------------------

# Prints the part of a path that is to be put in place: the path itself, or the first folder that the tree lacks.
missing_part() {
    local at='' part parts
    IFS=/ read -ra parts <<<"$1"
    for part in "${parts[@]}"; do
        at=${at:+$at/}$part
        if [ "$at" = "$1" ]; then break; fi
        if [ -L "$live/$at" ]; then fail "$at is a symbolic link in the live tree; nothing is written through it. Nothing was changed."; fi
        if [ ! -e "$live/$at" ]; then break; fi
        if [ ! -d "$live/$at" ]; then fail "$at is a file in the live tree and a folder in the archive. Nothing was changed."; fi
    done
    printf '%s\n' "$at"
}

place_paths() {
    local path at base
    for path in "${paths[@]}"; do missing_part "$path" >/dev/null; done
    give_to "$candidate" "$owner_uid" "$owner_gid"
    sync -f "$stage"
    for path in "${paths[@]}"; do
        at=$(missing_part "$path")
        if [ ! -e "$candidate/$at" ] && [ ! -L "$candidate/$at" ]; then continue; fi # went with another one
        enter_parent "$live" "$at" || fail "$live/$at was replaced by something else meanwhile. Run the command again."
        if [ -e "./$base" ] || [ -L "./$base" ]; then
            exchange "$candidate/$at" "./$base"
        else
            mv -nT -- "$candidate/$at" "./$base"
        fi
    done
    cd /
    sync -f "$live"
}

# As for files that a deploy replaces.
keep_replaced_paths() {
    [ -n "$(find "$candidate" ! -type d -print -quit)" ] || return 0
    local name
    name=$(replaced_name restore)
    mkdir -p -- "${name%/*}"
    mv -nT -- "$candidate" "$name"
    settle_replaced "$name"
    printf '%s\n' "$name"
}

commit_paths() {
    await_idle
    enter_commit
    in_namespace place_paths
    # shellcheck disable=SC2034  # for the caller to say
    kept=$(in_namespace keep_replaced_paths)
}
