# shellcheck shell=bash
# Going about in a tree that a container can change at any time.

# Goes to a directory of the tree. The container can put a link in its place at any time, so where we are is asked of the
# kernel, and what is done from here, to names without a slash, stays here. Fails if it is not that very directory.
enter() { # $1: the tree, $2: the directory's name in it, . for the tree itself
    cd -- "$1" 2>/dev/null || return 1
    local top
    top=$(readlink /proc/self/cwd)
    if [ "$2" = . ]; then return 0; fi
    cd -- "./$2" 2>/dev/null && [ "$(readlink /proc/self/cwd)" = "$top/$2" ]
}

# Goes to the directory of an entry, whose name there is then ./$base.
enter_parent() { # $1: the tree, $2: the entry's name in it
    # shellcheck disable=SC2034  # for the caller
    base=${2##*/}
    case $2 in */*) enter "$1" "${2%/*}" ;; *) enter "$1" . ;; esac
}
