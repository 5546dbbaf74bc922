# shellcheck shell=bash
# Reads a Kometa host in one go and changes nothing.
. lib/as_account.sh
. lib/file_state.sh
. lib/owners.sh
. lib/runs.sh
: "${account:?}" "${account_uid:?}" "${account_gid:?}" "${image:?}" "${network:?}" "${quadlet_dir:?}" "${config_dir:?}"
: "${backup_dir?}" "${backup_mount?}" "${backup_place:?}" # where backups go; empty if they are not enabled; its mount; where they would go
: "${owner_uid:?}" "${owner_gid:?}" "${timezone:?}"
declare -a commands units claimed linked rivals volume_sources calendar_names calendars set_names set_roots set_digests set_texts

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
    if compgen -G '/usr/lib*/python3*/ensurepip/__init__.py' >/dev/null; then emit_value command.python3-venv yes; fi
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
    for name in "${rivals[@]}"; do if [ -e "$name" ]; then printf '%s\n' "$name"; fi; done | emit rivals
    for name in "${linked[@]}" "$(getent passwd "$account" | cut -d: -f6)"; do
        if [ -n "$name" ]; then printf '%s\t%s\n' "$name" "$(readlink -m -- "$name")"; fi
    done | emit links
    calendars_part
    network_part
    rootless_part
    systemctl show network-online.target -p ActiveState -p WantedBy -p RequiredBy -p Job 2>/dev/null | emit network-online
    if [ -e /usr/lib/systemd/user/podman-user-wait-network-online.service ]; then emit_value waits-for-network-online yes; fi
}

# What an account needs of the kernel for containers of its own.
rootless_part() {
    local name path
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
    local device home
    uname -n | emit hostname
    grep -vE '^[[:space:]]*(#|$)' /etc/hosts 2>/dev/null | head -c 65536 | emit hosts-file
    for device in $({ ip -o -4 route show default && ip -o -6 route show default; } 2>/dev/null | grep -oE 'dev [^ ]+' | cut -d' ' -f2 | sort -u); do
        ip -o addr show dev "$device" scope global 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }'
    done | emit own-addresses
    home=$(getent passwd "$account" | cut -d: -f6)
    cat /usr/share/containers/containers.conf /etc/containers/containers.conf /etc/containers/containers.conf.d/*.conf \
        "$home"/.config/containers/containers.conf "$home"/.config/containers/containers.conf.d/*.conf 2>/dev/null |
        sed -nE 's/^[[:space:]]*default_rootless_network_cmd[[:space:]]*=[[:space:]]*"([a-z0-9]+)".*/\1/p' | tail -n 1 | emit rootless-network
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

namespace_part() {
    local i
    set +e +o pipefail
    for i in "${!set_names[@]}"; do
        files_part "${set_names[$i]}" "${set_roots[$i]}" "${set_digests[$i]}" "${set_texts[$i]}"
    done
    if [ -d "$config_dir" ]; then
        foreign_owned "$config_dir" "$owner_uid" "$owner_gid" | emit foreign-owned
        kometa_age | emit kometa-alive
        emit_value run-in-progress "$(run_in_progress "$config_dir/logs" "$timezone")"
    fi
}

# A server that is gone lets whoever asks for its files hang.
backup_part() {
    local found=missing
    if [ -z "$backup_dir" ]; then return 0; fi
    if [ -n "$backup_mount" ] && ! timeout -s KILL 10 mountpoint -q "$backup_mount"; then
        found=unmounted
    elif timeout -s KILL 10 test -d "$backup_dir"; then
        found=unwritable
        if timeout -s KILL 10 test -w "$backup_dir" -a -x "$backup_dir"; then found=writable; fi
    elif timeout -s KILL 10 test -e "$backup_dir" -o -L "$backup_dir"; then
        found=other
    else
        # shellcheck disable=SC2016  # for another shell to expand
        timeout -s KILL 10 bash -c 'until [ -d "$1" ]; do set -- "$(dirname "$1")"; done; [ -w "$1" ]' - "$backup_dir"
        if [ $? = 1 ]; then found=beyond; fi # only root can make it
    fi
    emit_value backup-directory "$found"
}

# Files under our names that somebody else has written: without our mark, and in no manifest of ours.
foreign_part() {
    local path
    for path in "${claimed[@]}"; do
        if [ ! -e "$path" ] || head -n 1 "$path" | grep -q 'Written by kometa-host'; then continue; fi
        if cut -f2- "$state_dir"/files/{quadlets,units}/manifest 2>/dev/null | grep -qxF -- "${path##*/}"; then continue; fi
        emit "foreign.$path" <"$path"
    done
    if [ -e "${claimed[0]}" ] && [ ! -e "$state_dir/files/quadlets/manifest" ]; then former_stack_part; fi
}

# What a former stack has besides: told once, before the first deploy.
former_stack_part() {
    find "$HOME/.config/systemd/user" -maxdepth 1 -name 'mms-*' -printf '%f\n' 2>/dev/null | sort | emit former-units
    podman unshare sed -nE 's/^(export +)?([A-Za-z_][A-Za-z0-9_]*)=.*/\2/p' "$config_dir/kometa.env" 2>/dev/null | emit former-variables
    timeout -s KILL 10 find "$backup_place" -maxdepth 1 -name 'kometa-????-??-??.tar.zst*' -printf '%f\n' 2>/dev/null | sort | emit former-archives
}

account_part() {
    set +e +o pipefail
    cd / || exit
    state_dir=$HOME/.local/state/kometa-host # not that of root, who may have called this
    if [ -e "$state_dir/restore" ]; then emit_value restore-left yes; fi
    if [ -S "$XDG_RUNTIME_DIR/bus" ] && systemctl --user show-environment >/dev/null 2>&1; then
        emit_value bus yes
        systemctl --user show "${units[@]}" -p Id -p LoadState -p ActiveState -p SubState -p NeedDaemonReload \
            -p SourcePath -p FragmentPath -p UnitFileState -p Result 2>/dev/null | emit units
    fi
    backup_part
    for name in "${volume_sources[@]}"; do if [ ! -e "$name" ]; then printf '%s\n' "$name"; fi; done | emit missing-volumes
    foreign_part
    type -P podman >/dev/null || return 0
    local containers images networks secrets
    # Each takes a tenth of a second: all at once.
    exec {containers}< <(podman ps -a --format json 2>/dev/null | base64 -w0)
    exec {images}< <(podman image inspect "$image" 2>/dev/null | base64 -w0)
    exec {networks}< <(podman network inspect "$network" 2>/dev/null | base64 -w0)
    # shellcheck disable=SC2033  # xargs needs no function of ours
    exec {secrets}< <(podman secret ls -q --filter 'name=^kometa-' | xargs -r podman secret inspect 2>/dev/null | base64 -w0)
    in_namespace namespace_part
    printf 'containers %s\n' "$(cat <&"$containers")"
    printf 'images %s\n' "$(cat <&"$images")"
    printf 'networks %s\n' "$(cat <&"$networks")"
    printf 'secrets %s\n' "$(cat <&"$secrets")"
    if [ -d "$quadlet_dir" ]; then find "$quadlet_dir" -maxdepth 1 -type f -printf '%T@ %f\n' | emit quadlet-times; fi
}

# Podman needs the account's runtime directory, which is gone while its user manager does not run. Starting that to have
# a look would be a change: the directory is lent instead, in memory, and taken back.
lend_runtime_dir() {
    borrowed=
    if [ -d "/run/user/$uid" ]; then return 0; fi
    mkdir -p /run/user && mkdir -m 0700 "/run/user/$uid" && chown "$account:" "/run/user/$uid" && borrowed=yes
}

take_back_runtime_dir() {
    if [ -z "$borrowed" ] || mountpoint -q "/run/user/$uid"; then return 0; fi
    kill "$(cat "/run/user/$uid/libpod/tmp/pause.pid" 2>/dev/null)" 2>/dev/null
    rm -rf --one-file-system "/run/user/$uid"
}

# What cannot be read is told as absent.
observe() {
    set +e +o pipefail
    PATH=$PATH:/usr/sbin:/sbin
    host_part
    if [ "$(id -u)" = 0 ] && uid=$(id -u "$account" 2>/dev/null); then
        lend_runtime_dir
        as_the_account "$account" account_part
        take_back_runtime_dir
    else
        as_the_account "$account" account_part
    fi
    printf 'end\n'
}
