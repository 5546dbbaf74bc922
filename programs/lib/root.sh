# shellcheck shell=bash
# What root does where others could be at work.

# Succeeds if root alone can change what is in a directory, so that nobody else can put a link in root's way.
is_roots_alone() { # $1: an existing path
    case $(stat -c '%F %u %A' -- "$1") in
        directory\ 0\ d????-??-?*) ;;
        *)
            printf 'root does not follow %s, which is a link, or which others can change\n' "$1" >&2
            return 1
            ;;
    esac
}

# Makes a directory for an account, and the directories above it, where all that is there already is root's alone.
make_as_root() { # $1: the directory, absolute, $2: the account
    local rest=${1#/} path=
    is_roots_alone / || return 1
    while [[ $rest = */* ]]; do
        path=$path/${rest%%/*} rest=${rest#*/}
        if [ -e "$path" ] || [ -L "$path" ]; then is_roots_alone "$path" || return 1; else mkdir -m 0755 -- "$path" || return 1; fi
    done
    mkdir -m 0700 -- "$1" && chown -h "$2:" -- "$1"
}
