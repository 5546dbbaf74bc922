# shellcheck shell=bash
# Gives entries to an owner inside the user namespace; only those that belong to others, links themselves.
# shellcheck disable=SC2154  # path, uid and gid are set in front of this text
give_away() { find "$path" \( ! -uid "$uid" -o ! -gid "$gid" \) -exec chown -h "$uid:$gid" -- {} +; }
in_namespace give_away
