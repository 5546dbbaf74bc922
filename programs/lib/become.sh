# shellcheck shell=bash
# Becoming a user of the host: in a session of its own, without our terminal, environment and files.

# Prints, as bash text, what is let through to reach the network. It is in no argument list: the address of a proxy can
# hold a password.
let_through() {
    local name
    for name in {http,https,all,no}_proxy {HTTP,HTTPS,ALL,NO}_PROXY; do
        if [ -n "${!name-}" ]; then printf 'export %s=%q\n' "$name" "${!name}"; fi
    done
}

# What the other shell does first: it takes what is let through, and closes all files that it was not to have.
let_in() {
    local file
    eval "$(cat <&3)"
    for file in /proc/self/fd/*; do
        file=${file##*/}
        if [ "$file" -gt 2 ]; then eval "exec $file<&-"; fi
    done
}

# Ends this shell and runs a bash text as a user, who gets our standard streams and nothing else of ours. This shell must
# have no other child: setsid waits for the first that ends.
become() { # $1: user, $2: text
    local uid home as=()
    uid=$(id -u "$1") || exit 1
    home=$(getent passwd "$1" | cut -d : -f 6)
    if [ "$(id -u)" != "$uid" ]; then as=(runuser -u "$1" --); fi
    exec setsid --wait "${as[@]}" env -i "HOME=$home" "USER=$1" "LOGNAME=$1" SHELL=/bin/bash LC_ALL=C.UTF-8 \
        "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin" "XDG_RUNTIME_DIR=/run/user/$uid" \
        "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus" \
        bash --norc --noprofile -c "$(declare -f let_in)
let_in
unset -f let_in
$2" 3<<<"$(let_through)"
}

# Lets a user run a bash text for so long and no longer: its processes are the user's, who can stop them. They get none
# of our streams, of which they would be in the way of the end.
become_within() { # $1: seconds, $2: user, $3: text
    # shellcheck disable=SC2016  # for the other shell to expand
    timeout -s KILL "$1" bash --norc --noprofile -c "$(declare -f let_through let_in become)"'
        become "$1" "$2"' - "$2" "$3" </dev/null >/dev/null 2>&1
}
