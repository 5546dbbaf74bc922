# shellcheck shell=bash
# Nothing is lost: what we replace of others' is kept for the account, the last five times. Runs inside the namespace.
. begin.sh
. lib/common.sh

# Prints where something that is replaced now is to be kept.
replaced_name() { printf '%s\n' "$state_dir/replaced/$(moment_now)/$1"; }

# Gives to the account what was put there, and lets the oldest go.
settle_replaced() { # $1: what replaced_name printed
    chown -hR 0:0 -- "$1"
    find "$state_dir/replaced" -mindepth 1 -maxdepth 1 | sort | head -n -5 | xargs -d '\n' -r rm -rf --
}
