# shellcheck shell=bash
# shellcheck disable=SC2154  # actor, account and password_follows are set in front of this text
# shellcheck disable=SC2016  # what is in single quotes is for another shell to expand
# Becomes the actor (root, the account, or the best of the two that the connection allows), then runs the program
# that follows on standard input, introduced by its length on a line of its own.
set -u
export LC_ALL=C.UTF-8
cd /

needs_root=117 needs_password=118

receive='read -r length; eval "$(head -c "$length")"'

forget_password() {
    if [ -n "$password_follows" ]; then read -r _; fi
}

as_account() { # from root
    uid=$(id -u "$account") || exit 1
    home=$(getent passwd "$account" | cut -d: -f6)
    exec runuser -u "$account" -- env "HOME=$home" "USER=$account" "LOGNAME=$account" "XDG_RUNTIME_DIR=/run/user/$uid" \
        "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus" bash -c "$receive"
}

with_sudo() {
    become='exec bash -c "$1"'
    if sudo -n true 2>/dev/null; then
        forget_password
        exec sudo -n bash -c "$become" kometa-host "$1"
    fi
    if [ -z "$password_follows" ]; then exit "$needs_password"; fi
    # The password is asked for in any case, so exactly one line of the input is read, by sudo alone.
    exec sudo -k -S -p '' bash -c "$become" kometa-host "$1"
}

me=$(id -un)
if [ "$(id -u)" = 0 ]; then
    forget_password
    if [ "$actor" = account ]; then as_account; fi
    eval "$receive"
elif [ "$me" = "$account" ]; then
    forget_password
    if [ "$actor" = root ]; then exit "$needs_root"; fi
    XDG_RUNTIME_DIR=/run/user/$(id -u)
    export XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS="unix:path=$XDG_RUNTIME_DIR/bus"
    eval "$receive"
else
    inner="actor=$actor account=$(printf %q "$account"); export LC_ALL=C.UTF-8; cd /; receive=$(printf %q "$receive")
        $(declare -f as_account)
        if [ \"\$actor\" = account ]; then as_account; fi
        eval \"\$receive\""
    with_sudo "$inner"
fi
