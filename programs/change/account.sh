# shellcheck shell=bash
# Makes the account: group, user, ranges of subordinate ids, which it chooses itself. Runs as root.
set -euo pipefail
. lib/subordinate.sh
: "${create_group?}" "${create_user?}" "${user:?}" "${uid:?}" "${gid:?}" "${home:?}" "${count:?}" # of each of the kinds
declare -a kinds # subuid, subgid: of which there are ranges to add
PATH=$PATH:/usr/sbin:/sbin

exec 9>/run/kometa-host-account.lock
flock -w 60 9
if [ -n "$create_group" ]; then groupadd --gid "$gid" "$user"; fi
if [ -n "$create_user" ]; then
    useradd --uid "$uid" --gid "$gid" --create-home --home-dir "$home" --shell /bin/bash --comment 'Managed by kometa-host' "$user"
fi
# useradd gives ranges by itself where the distribution is set up for it.
for kind in "${kinds[@]}"; do add_range "$kind" "$count" "$user"; done
