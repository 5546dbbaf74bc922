# shellcheck shell=bash
# Whose the directories are that the account has to write to. The account asks that itself: it could have put links on the
# way. Root asks on a host that does not have the account yet.
declare -a places # the last is where the config tree lies or will

# Of each the owners, or of the nearest above it that is there; a plus behind the mode where an access control list says more.
owners_of_places() {
    local place acl
    for place in "${places[@]}"; do
        place=$(nearest "$place")
        # shellcheck disable=SC2012  # the eleventh character alone is taken
        acl=$(LC_ALL=C ls -Ldn -- "$place" | cut -c 11 | grep -F + || true)
        stat -L -c "%u %g %a$acl %n" -- "$place"
    done
}

config_file_system() { timeout -s KILL 10 stat -L -f -c %T -- "$(nearest "${places[-1]}")"; }

# Prints a path, or the nearest above it that is there.
nearest() {
    local place=$1
    until [ -e "$place" ]; do place=$(dirname "$place"); done
    printf '%s\n' "$place"
}
