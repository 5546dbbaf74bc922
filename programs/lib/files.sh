# shellcheck shell=bash
# Puts a set of files on the host, all of them or none. Runs inside the account's user namespace.
# Standard input: a tar stream with `files/` (what to write, with modes), `control/` (lists and the manifest) and, last,
# `end`, without which the stream was cut.
. begin.sh
. lib/common.sh
. lib/enter.sh
. lib/entries.sh
. lib/plain_file.sh
. lib/podman.sh
. lib/replaced.sh
: "${set_name:?}" "${root:?}" "${owner:?}" "${then?}" # then: a function that runs after the files are live

# Sets where the set is prepared, where it waits once it is complete, and where our record of it is.
name_places() { stage=$root.stage pending=$root.pending record=$state_dir/files/$set_name; }

drop_stage() { if [ -e "$stage" ] || [ -L "$stage" ]; then rm -rf -- "$stage"; fi; }

receive_stage() {
    drop_stage
    mkdir -p -- "${root%/*}" "$record"
    mkdir -m 0700 -- "$stage" # Podman sets its own umask
    tar -C "$stage" --no-same-owner --touch -p -xf - || fail "$root: the files could not be written; nothing was changed."
    [ -e "$stage/end" ] || fail "$root: the connection was lost before all files had come; nothing was changed."
}

# The point of no return: what is pending is complete and on the disk, and is finished by whoever comes next.
commit_stage() {
    sync -f "${root%/*}"
    mv -T -- "$stage" "$pending"
    sync "${root%/*}"
}

finish_pending() {
    [ -d "$pending" ] || return 0
    save_replaced
    remove_unwanted
    remove_retyped
    make_directories
    move_files
    adjust_owners
    cd /
    write_manifest
    sync -f "$root"
    rm -rf -- "$pending"
}

# What is to change was found out by a look at the host: whatever came in between makes that worthless.
check_unchanged() { # $1: digest of the manifest as it was seen, $2: of the config.yml, or nothing
    local digest=
    if [ -r "$record/manifest" ]; then digest=$(head -n 1 "$record/manifest"); fi
    [ "$digest" = "$1" ] || fail "$root was changed by somebody else meanwhile; nothing was changed. Run the command again."
    # Kometa writes refreshed tokens there, which would be lost.
    if [ -n "$2" ] && [ "$(read_plain "$root/config.yml" $((4 << 20)) | sha256sum | cut -d' ' -f1)" != "$2" ]; then
        fail "$root/config.yml was changed by somebody else meanwhile; nothing was changed. Run the command again."
    fi
}

# Before anything changes: a directory of ours that something replaced by a link would lead our writes astray.
# Standard input: the manifest.
check_targets() {
    local facts name
    read -r _ # the digest
    while IFS=$'\t' read -r facts name; do
        if [ "${facts:0:1}" = - ]; then
            if { [ -L "$root/$name" ] || { [ -e "$root/$name" ] && [ ! -d "$root/$name" ]; }; } && ! is_listed to-directory "$name"; then
                fail "$root/$name shall be a directory, but something else is there. Move it away and run the command again."
            fi
            if [ -d "$root/$name" ] && [ ! -w "$root/$name" ]; then
                fail "$root/$name belongs to $(stat -c '%U (%u)' -- "$root/$name") and cannot be written to; nothing was changed." \
                    "Give it to the account, or move it away, and run the command again."
            fi
        elif [ -d "$root/$name" ] && [ ! -L "$root/$name" ]; then
            if is_listed to-file "$name" && holds_only_what_goes "$name"; then continue; fi
            fail "$root/$name shall be a file, but a directory is there. Move it away and run the command again."
        fi
    done
}

# $1: a list of the stream, $2: a name in it or not.
is_listed() { grep -qzxF -- "$2" "$stage/control/$1"; }

holds_only_what_goes() { # $1: a directory of the set
    [ -z "$(LC_ALL=C comm -z -23 <(cd "$root" && find "$1" -mindepth 1 -print0 | LC_ALL=C sort -z) \
        <(LC_ALL=C sort -z "$stage/control/remove") | tr '\0' '\n')" ]
}

led_astray() { fail "$root/$1 was replaced by something else while it was written to. Move that away and run the command again."; }

# Calls a function with each name of a list of the stream. One that an older program began to write may lack a list.
for_each_of() { # $1: the list, $2: the function
    local name
    [ -s "$pending/control/$1" ] || return 0
    while IFS= read -r -d '' name; do "$2" "$name"; done <"$pending/control/$1"
}

# What we wrote as a file and is to be a directory now, or the other way round. Done again after a cut it touches nothing
# that has been put in place since.
remove_retyped() {
    for_each_of to-directory remove_file
    for_each_of to-file remove_directory
}

remove_file() {
    if enter_parent "$root" "$1" && { [ -L "./$base" ] || [ ! -d "./$base" ]; }; then rm -f -- "./$base"; fi
}

remove_directory() {
    if enter_parent "$root" "$1" && [ -d "./$base" ] && [ ! -L "./$base" ]; then rmdir -- "./$base"; fi
}

# Directories that are not there yet become what they are to be where they were prepared, and are moved from there with all
# that is in them: thousands at once.
make_directories() {
    local absent=() # directories of the set that the tree lacks, parents first
    local -A mode_of=() # of each, by its name behind a slash
    find_absent <"$pending/control/manifest"
    prepare_files
    if [ ! -d "$root" ]; then make_root; fi
    topmost_absent >"$pending/control/topmost"
    in_each_parent "$root" move_here led_astray <"$pending/control/topmost"
}

find_absent() {
    local facts name
    read -r _ # the digest
    while IFS=$'\t' read -r facts name && [ "${facts:0:2}" = '- ' ]; do # they stand before the files
        if [ -d "$root/$name" ]; then continue; fi
        facts=${facts#- }
        absent+=("$name")
        mode_of["/$name"]=${facts%% *}
    done
}

prepare_files() {
    mkdir -p -- "$pending/files"
    cd -- "$pending/files"
    in_batches mkdir -p -- "${absent[@]}"
    find . -mindepth 1 -exec chown "$owner" -- {} +
    for_each_value mode_of give_mode "${absent[@]}"
}

give_mode() { in_batches chmod "$1" -- "${@:2}"; }

# Calls a function with each value that an array has, and the names that have it.
for_each_value() { # $1: the array, by names behind a slash: not every name may be a key, $2: the function, then the names
    local -n value_of=$1
    local -A values=()
    local value name names
    for value in "${value_of[@]}"; do values[$value]=; done
    for value in "${!values[@]}"; do
        names=()
        for name in "${@:3}"; do
            if [ "${value_of["/$name"]}" = "$value" ]; then names+=("$name"); fi
        done
        "$2" "$value" "${names[@]}"
    done
}

make_root() {
    mkdir -m 0700 -- "$root"
    chown "$owner" -- "$root"
    chmod "${mode_of[/.]}" -- "$root"
}

# Prints those directories that the tree lacks and that are in none which it lacks as well, NUL behind each.
topmost_absent() {
    local name
    for name in "${absent[@]}"; do
        if [ "$name" != . ] && { [ "${name%/*}" = "$name" ] || [ -z "${mode_of["/${name%/*}"]-}" ]; }; then
            printf '%s\0' "$name"
        fi
    done
}

# What others wrote under our names is kept.
save_replaced() {
    local kept
    kept=$(replaced_name "$set_name")
    for_each_of save keep_copy
    [ -d "$kept" ] || return 0
    settle_replaced "$kept"
    : >"$pending/control/save" # done: after a cut, what stands there may be ours already
    say "what was there before is kept in $kept"
}

keep_copy() { # $1: a name in the tree
    if [ ! -e "$root/$1" ] && [ ! -L "$root/$1" ]; then return 0; fi
    mkdir -p -- "$kept"
    (cd "$root" && cp -a --parents -- "$1" "$kept")
}

move_files() {
    find "$pending/files" -type f -printf '%P\0' >"$pending/control/files"
    in_each_parent "$root" move_here led_astray <"$pending/control/files"
}

move_here() { # $1: name of the directory in which we are, then names in it
    local name from=$pending/files/$1 paths=()
    for name in "${@:2}"; do paths+=("$from/$name"); done
    mv -f -t . -- "${paths[@]}"
}

# What is gone by now, or not ours any more, is passed over.
remove_unwanted() { in_each_parent "$root" remove_here : <"$pending/control/remove"; }

remove_here() { # $1: name of the directory in which we are, then names in it
    local name files=() directories=()
    for name in "${@:2}"; do
        if [ -d "./$name" ] && [ ! -L "./$name" ]; then directories+=("$name"); else files+=("$name"); fi
    done
    if [ "${#files[@]}" -gt 0 ]; then rm -f -- "${files[@]}"; fi
    if [ "${#directories[@]}" -gt 0 ]; then rmdir -- "${directories[@]}" 2>/dev/null || true; fi # others have files in it
}

adjust_owners() {
    local facts name files=()
    local -A wanted=()
    while IFS=$'\t' read -r facts name; do
        if [ "${facts%% *}" = - ]; then
            adjust_directory "$name" "${facts#* }"
        else
            files+=("$name")
            wanted["/$name"]=${facts#* }
        fi
    done < <(misowned)
    for_each_value wanted adjust_alike "${files[@]}"
}

adjust_alike() { # $1: MODE UID GID, then names
    local facts=$1 names_at_once=20 # of so many a disk that is nearly full takes a copy
    in_each_parent "$root" adjust_files : < <(printf '%s\0' "${@:2}")
}

adjust_directory() { # $1: name, $2: MODE UID GID
    if enter "$root" "$1"; then give_facts "$2" .; fi
}

give_facts() { # $1: MODE UID GID, then names
    local mode uid gid
    read -r mode uid gid <<<"$1"
    chown "$uid:$gid" -- "${@:2}"
    chmod "$mode" -- "${@:2}"
}

# Prints the lines of the list whose entry is there with another mode or owner: what was made just now is as it is to be.
misowned() {
    local facts name names=()
    local -A wanted=()
    while IFS=$'\t' read -r facts name; do
        names+=("$name")
        wanted["/$name"]=$facts
    done <"$pending/control/adjust"
    while IFS=$'\t' read -r facts name; do
        if [ "${wanted["/$name"]#* }" != "$facts" ]; then printf '%s\t%s\n' "${wanted["/$name"]}" "$name"; fi
    done < <(cd -- "$root" && in_batches facts_of -- "${names[@]}")
}

# Prints `MODE UID GID TAB NAME` of those entries that are there.
facts_of() { stat --printf '%a %u %g\t%n\n' "$@" 2>/dev/null || true; }

# chmod follows links, so copies that nobody else can reach are made right and put in the place of the files. What is gone
# or not ours any more is passed over: the next look sees it.
adjust_files() { # $1: name of the directory in which we are, then names in it; facts: MODE UID GID
    local copies=$pending/adjusted name ours=() paths=()
    for name in "${@:2}"; do
        if [ -f "./$name" ] && [ ! -L "./$name" ]; then ours+=("./$name") paths+=("$copies/$name"); fi
    done
    if [ "${#ours[@]}" = 0 ]; then return 0; fi
    rm -rf -- "$copies"
    mkdir -m 0700 -- "$copies"
    cp -a --no-preserve=links -t "$copies" -- "${ours[@]}"
    for name in "${paths[@]}"; do
        if [ ! -f "$name" ] || [ -L "$name" ]; then led_astray "$1/${name##*/}"; fi
    done
    give_facts "$facts" "${paths[@]}"
    mv -f -t . -- "${paths[@]}"
}

# The manifest records size and times as the host has them, so that the next look needs to read no content. What was not
# written now keeps the record of its own writing: an edit in the meantime stays visible.
write_manifest() {
    if [ -e "$pending/control/declared" ]; then cp -- "$pending/control/declared" "$record/declared"; fi
    : >>"$record/manifest"
    cut -s -f2- "$pending/control/manifest" | tr '\n' '\0' |
        (cd "$root" && { xargs -0r stat --printf '%s %.9Y %.9Z\t%n\n' -- 2>/dev/null || true; }) |
        awk -F '\t' '
            FILENAME == "-" { times[$2] = $1; next }
            FILENAME ~ /touched$/ { touched[$1] = 1; next }
            FILENAME ~ /control.manifest$/ {
                if (FNR == 1) { print; next }
                split($1, fact, " ")
                now = ($2 in times) ? times[$2] : "0 0 0" # gone meanwhile
                if (!($2 in touched) && sum[$2] == fact[1]) now = before[$2]
                print fact[1] " " now " " fact[2] " " fact[3] " " fact[4] "\t" $2
                next
            }
            { split($1, was, " "); sum[$2] = was[1]; before[$2] = was[2] " " was[3] " " was[4] }
        ' - "$record/manifest" "$pending/control/touched" "$pending/control/manifest" >"$record/manifest.new"
    mv -T -- "$record/manifest.new" "$record/manifest"
    keep_entries "$record/manifest"
}

# What a run that was cut off has begun. It comes before any comparison: what was found out without it is worthless.
finish_cut_off() {
    name_places
    [ -d "$pending" ] || return 0
    trap '' HUP PIPE INT TERM
    finish_pending
}

# $1: digest of the manifest as it was seen, $2: of the config.yml, or nothing, $3: a function that may refuse the new files
replace_files() {
    name_places
    trap drop_stage EXIT
    receive_stage
    finish_cut_off
    check_unchanged "$1" "$2"
    check_targets <"$stage/control/manifest"
    if [ -n "$3" ]; then "$3" "$stage/files" "$stage/control/remove"; fi
    trap '' HUP PIPE INT TERM
    commit_stage
    finish_pending
}

# The ways in, outside the namespace.
finish_files() {
    in_namespace finish_cut_off
    if [ -n "$then" ]; then "$then"; fi
}

put_files() {
    in_namespace replace_files "${expected?}" "${seen?}" "${check?}"
    if [ -n "$then" ]; then "$then"; fi
}

reload_units() { systemctl --user daemon-reload; }
