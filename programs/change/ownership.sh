# shellcheck shell=bash
# Gives entries to an owner inside the user namespace.
. begin.sh
. lib/owners.sh
. lib/podman.sh
: "${path:?}" "${uid:?}" "${gid:?}"

in_namespace give_away "$path" "$uid" "$gid"
