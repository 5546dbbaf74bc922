# shellcheck shell=bash
# Reads a host and changes nothing. Runs as root, or as the account where the connection is its own. What the account says
# of itself is one of the values: it cannot speak for the host.
. lib/become.sh
. lib/emit.sh
. lib/places.sh
. lib/python.sh
. lib/rootless_network.sh
: "${account:?}" "${account_uid:?}" "${account_gid:?}" "${account_program:?}" # what the account runs to tell of itself
declare -a commands system_units calendar_names calendars

host_part() {
    local name
    emit os-release </etc/os-release
    for name in "${commands[@]}"; do
        if type -P "$name" >/dev/null; then emit_value "command.$name" "$(type -P "$name")"; fi
    done
    if type -P podman >/dev/null; then podman --version | emit podman-version; fi
    for name in aardvark-dns netavark; do
        if [ -x "/usr/lib/podman/$name" ] || [ -x "/usr/libexec/podman/$name" ]; then emit_value "command.$name" yes; fi
    done
    if [ -e /usr/lib/systemd/user/dbus.socket ]; then emit_value command.dbus-user-session yes; fi
    if [[ " ${commands[*]} " = *' python3-venv '* ]] && new_python 11 >/dev/null; then emit_value command.python3-venv yes; fi
    for name in apt-get dnf zypper pacman; do
        if command -v "$name" >/dev/null 2>&1; then emit_value package-manager "$name" && break; fi
    done
    if [ -e /run/ostree-booted ]; then emit_value is-ostree yes; fi
    if grep -rqsE '^\[epel\]' /etc/yum.repos.d; then emit_value has-epel yes; fi
    emit_value connected-as "$(id -un)"
    { getent passwd "$account" "$account_uid" || true; } | emit passwd
    { getent group "$account" "$account_gid" || true; } | emit group
    { cat /etc/subuid 2>/dev/null || true; } | emit subuid
    { cat /etc/subgid 2>/dev/null || true; } | emit subgid
    if [ -e "/var/lib/systemd/linger/$account" ]; then emit_value linger yes; fi
    for name in "${system_units[@]}"; do if [ -e "$name" ]; then printf '%s\n' "$name"; fi; done | emit system-units
    if ! id -u "$account" >/dev/null 2>&1; then
        owners_of_places | emit places
        config_file_system | emit config-file-system
    fi
    calendars_part
    network_part
    rootless_part
    systemctl show network-online.target -p ActiveState -p WantedBy -p RequiredBy -p Job 2>/dev/null | emit network-online
    if [ -e /usr/lib/systemd/user/podman-user-wait-network-online.service ]; then emit_value waits-for-network-online yes; fi
}

# What an account needs of the kernel for containers of its own.
rootless_part() {
    local name path
    if [ -d /run/systemd/system ]; then emit_value has-systemd yes; else emit_value has-systemd no; fi
    emit uid-map </proc/self/uid_map
    if [ -r /run/systemd/container ]; then emit container-manager </run/systemd/container; fi
    if [ -e /dev/net/tun ]; then emit_value has-tun yes; else emit_value has-tun no; fi
    stat -fc %T /sys/fs/cgroup 2>/dev/null | emit cgroup-type
    for name in user.max_user_namespaces kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns; do
        if [ -r "/proc/sys/${name//.//}" ]; then emit "sysctl.${name//_/-}" <"/proc/sys/${name//.//}"; fi
    done
    if compgen -G '/etc/apparmor.d/*podman*' >/dev/null; then emit_value podman-apparmor yes; else emit_value podman-apparmor no; fi
    path=$(type -P newuidmap) || return 0
    if [ -u "$path" ] || getcap "$path" 2>/dev/null | grep -q cap_setuid; then
        emit_value newuidmap-rights yes
    elif type -P getcap >/dev/null; then
        emit_value newuidmap-rights no
    fi
}

# By which names and addresses the host calls itself: pasta gives a container those of the interface that leads out.
network_part() {
    local device
    uname -n | emit hostname
    grep -vE '^[[:space:]]*(#|$)' /etc/hosts 2>/dev/null | head -c 65536 | emit hosts-file
    for device in $({ ip -o -4 route show default && ip -o -6 route show default; } 2>/dev/null | grep -oE 'dev [^ ]+' | cut -d' ' -f2 | sort -u); do
        ip -o addr show dev "$device" scope global 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }'
    done | emit own-addresses
    rootless_network /usr/share/containers/containers.conf /etc/containers/containers.conf /etc/containers/containers.conf.d/*.conf |
        emit rootless-network
}

# What systemd makes of the calendars of our timers. All at once: each takes some hundredths of a second.
calendars_part() {
    local i said answers=()
    command -v systemd-analyze >/dev/null 2>&1 || return 0
    for i in "${!calendars[@]}"; do
        exec {said}< <(TZ=UTC systemd-analyze calendar --iterations=8 -- "${calendars[$i]}" 2>&1)
        answers[i]=$said
    done
    for i in "${!calendars[@]}"; do emit "calendar.${calendar_names[$i]}" <&"${answers[$i]}"; done
}

# Prints what a program of the account's says, however long it would go on. $1: seconds, $2: bytes, $3: the program
hear_account() {
    # shellcheck disable=SC2016  # for the account's shell to expand
    timeout -s KILL "$1" head -c "$2" < <(become "$account" 'eval "$(cat)"' <<<"$3" 2> >(timeout -s KILL "$1" head -c 65536 >&2))
}

# Podman needs the account's runtime directory, which is gone while its user manager does not run. Starting that to have
# a look would be a change: the directory is lent instead, in memory, and taken back.
lend_runtime_dir() { # $1: the account's uid
    borrowed=
    if [ "$(id -u)" != 0 ] || [ -d "/run/user/$1" ]; then return 0; fi
    mkdir -p /run/user && mkdir -m 0700 "/run/user/$1" && chown "$account:" "/run/user/$1" && borrowed=yes
}

# The account itself ends and removes what is in there; that is waited for.
take_back_runtime_dir() { # $1: the account's uid
    if [ -z "$borrowed" ] || mountpoint -q "/run/user/$1"; then return 0; fi
    # shellcheck disable=SC2016  # for the account's shell to expand
    hear_account 20 65536 'kill "$(cat "$XDG_RUNTIME_DIR/libpod/tmp/pause.pid")"; find "$XDG_RUNTIME_DIR" -mindepth 1 -delete' \
        >/dev/null 2>&1
    rmdir "/run/user/$1" 2>/dev/null
}

# What cannot be read is told as absent. The account, whose part takes longest, is heard meanwhile. $@: further functions
# that read the host
read_host() {
    local part uid said=''
    set +e +o pipefail
    PATH=$PATH:/usr/sbin:/sbin
    if uid=$(id -u "$account" 2>/dev/null); then
        lend_runtime_dir "$uid"
        exec {said}< <(hear_account 900 33554432 "$account_program" | emit account)
    fi
    for part in host_part "$@"; do "$part"; done
    if [ -n "$said" ]; then
        cat <&"$said"
        take_back_runtime_dir "$uid"
    fi
    printf 'end\n'
}
