# shellcheck shell=bash
# Gives entries to an owner inside the user namespace; only those that belong to others, links themselves.
# What belongs to nobody in there (65534) only root can give away; with some_stay it is passed over.
# shellcheck disable=SC2154  # path, uid, gid and some_stay are set in front of this text
give_away() {
    find "$path" \( ! -uid "$uid" -o ! -gid "$gid" \) ${some_stay:+! -uid 65534 ! -gid 65534} -exec chown -h "$uid:$gid" -- {} +
}
in_namespace give_away
