# shellcheck shell=bash
# Makes the account: group, user, ranges of subordinate ids. Runs as root.
# shellcheck disable=SC2154  # the variables are set in front of this text
set -eu
PATH=$PATH:/usr/sbin:/sbin

if [ -n "$create_group" ]; then groupadd --gid "$gid" "$user"; fi
if [ -n "$create_user" ]; then
    useradd --uid "$uid" --gid "$gid" --create-home --home-dir "$home" --shell /bin/bash --comment 'Managed by kometa-host' "$user"
fi

# useradd gives ranges by itself where the distribution is set up for it.
add_range() { # $1: subuid or subgid, $2: first id
    if [ -z "$2" ]; then return 0; fi
    if [ -n "$create_user" ] && grep -q "^$user:" "/etc/$1" 2>/dev/null; then return 0; fi
    touch "/etc/$1"
    usermod "--add-${1}s" "$2-$(($2 + count - 1))" "$user"
}
add_range subuid "$subuid"
add_range subgid "$subgid"
