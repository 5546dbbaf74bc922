# shellcheck shell=bash
# Makes the backup directory, for the account alone. Runs as root, or as the account where that may write.
set -eu
. lib/root.sh
: "${user:?}" "${backup_dir:?}"
umask 022
# shellcheck disable=SC2016  # for another shell to expand
make_as_account='mkdir -p -- "$(dirname "$1")" && mkdir -m 0700 -- "$1"'
refused() {
    printf '%s\n' "$backup_dir could not be made. On an NFS share root is often nobody: make it where the share is," \
        "chown it to the id of $user ($(id -u "$user")), chmod it to 0700, then run the command again." >&2
    exit 1
}
if [ "$(id -u)" != 0 ]; then
    bash --norc -c "$make_as_account" - "$backup_dir" || refused
elif ! runuser -u "$user" -- bash --norc -c "$make_as_account" - "$backup_dir" 2>/dev/null; then
    make_as_root "$backup_dir" "$user" || refused
fi
