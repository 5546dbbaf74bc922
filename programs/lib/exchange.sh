# shellcheck shell=bash
# The exchange of two trees. What exchanges them runs inside the namespace, where all of both is ours.
. begin.sh
. lib/common.sh

# What a restore has under way. stage: a directory of our own; candidate: the tree that is to go live; live: the place
# where it goes; inode: the candidate's, by which one sees where it is; was_active: whether the service ran.
# shellcheck disable=SC2034  # the journal holds them
begin_record() { stage='' candidate='' live='' inode='' was_active=''; }

# One system call, renameat2 with RENAME_EXCHANGE: no moment without a tree under the live name. Only newer versions of
# mv have it; the C library knows its number on each machine. File systems that cannot (NFS) get two renames, which the
# journal mends.
exchange() { # $1: candidate, $2: live
    if exchange_at_once "$1" "$2" 2>/dev/null; then return 0; fi
    mv -T -- "$2" "$1.previous" && mv -T -- "$1" "$2" && mv -T -- "$1.previous" "$1"
}

exchange_at_once() {
    if [[ $(mv --help) == *--exchange* ]]; then
        mv --exchange -T -- "$1" "$2"
    elif command -v python3 >/dev/null; then
        python3 -c 'import ctypes, os, sys
one, other = map(os.fsencode, sys.argv[1:])
sys.exit(ctypes.CDLL(None).renameat2(-100, one, -100, other, 2) != 0)' "$1" "$2"
    else
        return 1
    fi
}

go_live() {
    if [ -e "$live" ]; then exchange "$candidate" "$live"; else mv -T -- "$candidate" "$live"; fi
}

go_back() {
    if [ -e "$candidate" ]; then exchange "$candidate" "$live"; else mv -T -- "$live" "$candidate"; fi
}

finish_renames() {
    [ -e "$candidate.previous" ] || return 0
    if [ -e "$live" ]; then mv -T -- "$candidate.previous" "$candidate"; else mv -T -- "$candidate.previous" "$live"; fi
}

kept_trees() { find "${live%/*}" -maxdepth 1 -type d -name "${live##*/}.before-$time_pattern" | sort; }

# Keeps the tree that was live, of all such the last two, and prints its name.
keep_replaced() {
    [ -e "$candidate" ] || return 0
    local name
    name=$(new_path "$live.before-" '')
    mv -T -- "$candidate" "$name"
    drop_oldest
    printf '%s\n' "$name"
}

drop_oldest() {
    kept_trees | head -n -2 | xargs -d '\n' -r rm -rf --one-file-system -- ||
        say "a previous tree beside $live could not be removed entirely; some of it belongs to the host's root."
}
