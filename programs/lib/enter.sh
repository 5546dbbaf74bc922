# shellcheck shell=bash
# Going about in a tree that a container can change at any time.

# Goes to a directory of the tree. The container can put a link in its place at any time, so where we are is asked of the
# kernel, and what is done from here, to names without a slash, stays here. Fails if it is not that very directory. What
# lies above the tree is out of the container's reach.
enter() { # $1: the tree, $2: the directory's name in it, . for the tree itself
    cd -P -- "$1" 2>/dev/null || return 1
    if [ "$2" = . ]; then return 0; fi
    local top=$PWD
    cd -- "./$2" 2>/dev/null && [ "$(readlink /proc/self/cwd)" = "$top/$2" ]
}

# Goes to the directory of an entry, whose name there is then ./$base.
enter_parent() { # $1: the tree, $2: the entry's name in it
    # shellcheck disable=SC2034  # for the caller
    base=${2##*/}
    case $2 in */*) enter "$1" "${2%/*}" ;; *) enter "$1" . ;; esac
}

names_at_once=200 # so many fit into an argument list

# Runs a command with all these names: few processes serve many.
in_batches() { # a command, --, names
    local words=() name batch=()
    until [ "$1" = -- ]; do
        words+=("$1")
        shift
    done
    for name in "${@:2}"; do # once through them: a part of a long list is as much work as the whole
        batch+=("$name")
        if [ "${#batch[@]}" = "$names_at_once" ]; then
            "${words[@]}" -- "${batch[@]}"
            batch=()
        fi
    done
    if [ "${#batch[@]}" -gt 0 ]; then "${words[@]}" -- "${batch[@]}"; fi
}

# Calls a function in the directory of each entry, with the directory's name in the tree and the entries' names in it.
# Those that follow one another in the same directory go together, so that few processes serve many files.
in_each_parent() { # $1: the tree, $2: function, $3: the same for a directory that cannot be entered; input: names, NUL behind each
    local name parent at=. bases=()
    while IFS= read -r -d '' name; do
        case $name in */*) parent=${name%/*} ;; *) parent=. ;; esac
        if [ "$parent" != "$at" ] || [ "${#bases[@]}" = "$names_at_once" ]; then
            in_parent "$@"
            at=$parent bases=()
        fi
        bases+=("${name##*/}")
    done
    in_parent "$@"
}

in_parent() {
    if [ "${#bases[@]}" = 0 ]; then return 0; fi
    if enter "$1" "$at"; then "$2" "$at" "${bases[@]}"; else "$3" "$at"; fi
}
