# shellcheck shell=bash
# Makes the backup directory, for the account alone. Runs as root, or as the account where that may write.
set -eu
. lib/become.sh
. lib/root.sh
: "${user:?}" "${backup_dir:?}"
umask 022
# One that a removed account of the same id has left was not seen before there was an account again.
make_as_account() { [ -d "$1" ] || { mkdir -p -- "$(dirname "$1")" && mkdir -m 0700 -- "$1"; }; }
refused() {
    printf '%s\n' "$backup_dir could not be made. On an NFS share root is often nobody: make it where the share is," \
        "chown it to the id of $user ($(id -u "$user")), chmod it to 0700, then run the command again." >&2
    exit 1
}
if [ "$(id -u)" != 0 ]; then
    make_as_account "$backup_dir" || refused
elif ! become_within 60 "$user" "$(declare -f make_as_account); make_as_account $(printf %q "$backup_dir")"; then
    make_as_root "$backup_dir" "$user" || refused
fi
