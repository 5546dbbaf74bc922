# shellcheck shell=bash
# Lets the account's user manager run without a login, and waits for its bus. Runs as root.
set -eu
. lib/become.sh
: "${user:?}"
uid=$(id -u "$user")
loginctl enable-linger "$user"
as_user() { become_within 20 "$user" "$*"; }
while [ "$SECONDS" -lt 120 ]; do
    # Waits for one that is still going down, which leaves its sockets behind for a while.
    systemctl start "user@$uid.service" || true
    if as_user systemctl --user show-environment && [ -S "/run/user/$uid/bus" ]; then exit 0; fi
    if [ -S "/run/user/$uid/systemd/private" ]; then
        # A manager that is older than the package of its bus does not know the socket yet.
        as_user systemctl --user daemon-reload || true
        as_user systemctl --user start dbus.socket || true
    fi
    sleep 0.5
done
echo "the bus of $user's user manager (/run/user/$uid/bus) does not come up; see: journalctl -u user@$uid.service" >&2
exit 1
