# shellcheck shell=bash
# Tells what below a path belongs to others than uid:gid; changes nothing.
. begin.sh
. lib/common.sh
. lib/owners.sh
. lib/podman.sh
: "${path:?}" "${uid:?}" "${gid:?}"

[ -e "$path" ] || fail "there is nothing of that name on the host"
in_namespace foreign_owned "$path" "$uid" "$gid"
