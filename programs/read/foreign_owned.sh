# shellcheck shell=bash
# shellcheck disable=SC2154  # path, uid and gid are set in front of this text
[ -e "$path" ] || fail "there is nothing of that name on the host"
in_namespace foreign_owned "$path" "$uid" "$gid"
