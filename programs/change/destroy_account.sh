# shellcheck shell=bash
# Removes the account and its home. Runs as root.
# shellcheck disable=SC2154  # user is set in front of this text
set -eu
PATH=$PATH:/usr/sbin:/sbin
uid=$(id -u "$user")
loginctl disable-linger "$user" || true
systemctl stop "user@$uid.service" || true
loginctl terminate-user "$user" 2>/dev/null || true
for _ in $(seq 50); do
    if ! pgrep -u "$uid" >/dev/null; then break; fi
    pkill -KILL -u "$uid" || true
    sleep 0.2
done
userdel --remove "$user" 2>&1 | grep -v 'mail spool' >&2 || true
if getent passwd "$user" >/dev/null; then
    echo "the account $user could not be removed" >&2
    exit 1
fi
