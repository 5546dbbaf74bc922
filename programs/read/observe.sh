# shellcheck shell=bash
# Reads a Kometa host in one go and changes nothing: one line `name base64-of-value` for each thing found.
# shellcheck disable=SC2154  # the variables are set in front of this text
set +e +o pipefail # what cannot be read is told as absent

PATH=$PATH:/usr/sbin:/sbin

tell() { printf '%s %s\n' "$1" "$(base64 -w0)"; }
tell_value() { printf '%s' "$2" | tell "$1"; }

host_part() {
    local name
    tell os-release </etc/os-release
    for name in "${commands[@]}"; do
        if command -v "$name" >/dev/null 2>&1; then tell_value "command.$name" "$(command -v "$name")"; fi
    done
    if command -v podman >/dev/null 2>&1; then podman --version | tell podman-version; fi
    for name in aardvark-dns netavark; do
        if [ -x "/usr/lib/podman/$name" ] || [ -x "/usr/libexec/podman/$name" ]; then tell_value "command.$name" yes; fi
    done
    if [ -e /usr/lib/systemd/user/dbus.socket ]; then tell_value command.dbus-user-session yes; fi
    if compgen -G '/usr/lib*/python3*/ensurepip/__init__.py' >/dev/null; then tell_value command.python3-venv yes; fi
    for name in apt-get dnf zypper pacman; do
        if command -v "$name" >/dev/null 2>&1; then tell_value package-manager "$name" && break; fi
    done
    if [ -e /run/ostree-booted ]; then tell_value is-ostree yes; fi
    if grep -rqsE '^\[epel\]' /etc/yum.repos.d; then tell_value has-epel yes; fi
    tell_value connected-as "$(id -un)"
    { getent passwd "$account" "$account_uid" || true; } | tell passwd
    { getent group "$account" "$account_gid" || true; } | tell group
    { cat /etc/subuid 2>/dev/null || true; } | tell subuid
    { cat /etc/subgid 2>/dev/null || true; } | tell subgid
    if [ -e "/var/lib/systemd/linger/$account" ]; then tell_value linger yes; fi
    for name in "${rivals[@]}"; do if [ -e "$name" ]; then printf '%s\n' "$name"; fi; done | tell rivals
    for name in "${linked[@]}" "$(getent passwd "$account" | cut -d: -f6)"; do
        if [ -n "$name" ]; then printf '%s\t%s\n' "$name" "$(readlink -m -- "$name")"; fi
    done | tell links
    calendars_part
    network_part
    rootless_part
    systemctl show network-online.target -p ActiveState -p WantedBy -p RequiredBy -p Job 2>/dev/null | tell network-online
    if [ -e /usr/lib/systemd/user/podman-user-wait-network-online.service ]; then tell_value waits-for-network-online yes; fi
}

# What an account needs of the kernel for containers of its own.
rootless_part() {
    local name path
    tell uid-map </proc/self/uid_map
    if [ -r /run/systemd/container ]; then tell container-manager </run/systemd/container; fi
    if [ -e /dev/net/tun ]; then tell_value has-tun yes; else tell_value has-tun no; fi
    stat -fc %T /sys/fs/cgroup 2>/dev/null | tell cgroup-type
    for name in user.max_user_namespaces kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns; do
        if [ -r "/proc/sys/${name//.//}" ]; then tell "sysctl.${name//_/-}" <"/proc/sys/${name//.//}"; fi
    done
    if compgen -G '/etc/apparmor.d/*podman*' >/dev/null; then tell_value podman-apparmor yes; else tell_value podman-apparmor no; fi
    path=$(command -v newuidmap) || return 0
    if [ -u "$path" ] || getcap "$path" 2>/dev/null | grep -q cap_setuid; then
        tell_value newuidmap-rights yes
    elif command -v getcap >/dev/null; then
        tell_value newuidmap-rights no
    fi
}

# By which names and addresses the host calls itself: pasta gives a container those of the interface that leads out.
network_part() {
    local device home
    uname -n | tell hostname
    grep -vE '^[[:space:]]*(#|$)' /etc/hosts 2>/dev/null | head -c 65536 | tell hosts-file
    for device in $({ ip -o -4 route show default && ip -o -6 route show default; } 2>/dev/null | grep -oE 'dev [^ ]+' | cut -d' ' -f2 | sort -u); do
        ip -o addr show dev "$device" scope global 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }'
    done | tell own-addresses
    home=$(getent passwd "$account" | cut -d: -f6)
    cat /usr/share/containers/containers.conf /etc/containers/containers.conf /etc/containers/containers.conf.d/*.conf \
        "$home"/.config/containers/containers.conf "$home"/.config/containers/containers.conf.d/*.conf 2>/dev/null |
        sed -nE 's/^[[:space:]]*default_rootless_network_cmd[[:space:]]*=[[:space:]]*"([a-z0-9]+)".*/\1/p' | tail -n 1 | tell rootless-network
}

# What systemd makes of the calendars of our timers. All at once: each takes some hundredths of a second.
calendars_part() {
    local i said answers=()
    command -v systemd-analyze >/dev/null 2>&1 || return 0
    for i in "${!calendars[@]}"; do
        exec {said}< <(TZ=UTC systemd-analyze calendar --iterations=8 -- "${calendars[$i]}" 2>&1)
        answers[i]=$said
    done
    for i in "${!calendars[@]}"; do tell "calendar.${calendar_names[$i]}" <&"${answers[$i]}"; done
}

# $1: name of the set, $2: its directory, $3: the digest that is wanted, $4: a file whose text is told when it deviates
files_part() {
    local set=$1 root=$2 wanted=$3 text=$4 manifest=$state_dir/files/$1/manifest
    if [ -e "$root.pending" ]; then tell_value "files.$set.pending" yes; fi
    if [ -d "$root" ] && [ ! -L "$root" ]; then tell_value "files.$set.root" "$(stat -c '%a %u %g' "$root")"; fi
    if [ -d "$root" ] && [ "$(stat -c %d "$root")" != "$(stat -c %d "$root/..")" ]; then
        tell_value "files.$set.mountpoint" yes
    fi
    local digest='' deviations
    if [ -r "$manifest" ]; then
        digest=$(head -n1 "$manifest")
        deviations=$(file_deviations "$root" "$manifest")
        tell_value "files.$set.digest" "$digest"
        printf '%s' "$deviations" | tell "files.$set.deviations"
    fi
    if [ "$digest" = "$wanted" ] && ! grep -qxF "changed $text" <<<"$deviations"; then return 0; fi
    if [ -r "$manifest" ]; then gzip -c "$manifest" | tell "files.$set.manifest"; fi
    if [ -n "$text" ] && [ -f "$root/$text" ] && [ ! -L "$root/$text" ]; then tell "files.$set.text" <"$root/$text"; fi
    if [ -r "$state_dir/files/$set/declared" ]; then tell "files.$set.declared" <"$state_dir/files/$set/declared"; fi
}

# Compares a directory with its manifest; prints a line for each entry that is not as it was written:
# `missing NAME`, `kind NAME`, `owner MODE UID GID NAME`, `changed NAME`.
# A file whose size and times are as recorded is taken as unchanged: every write moves the change time.
file_deviations() {
    local root=$1 manifest=$2
    sed 1d "$manifest" | cut -f2- | tr '\n' '\0' | stat_entries "$root" | awk -F '\t' '
        FNR == NR && FNR > 1 { recorded[$2] = $1 }
        FNR == NR { next }
        {
            name = $4; seen[name] = 1
            split(recorded[name], was, " ")
            kind = (was[1] == "-") ? "directory" : "regular"
            if (index($1, kind) != 1) { print "kind " name; next }
            if ($3 != was[5] " " was[6] " " was[7]) print "owner " $3 " " name
            if (kind == "regular" && $2 != was[2] " " was[3] " " was[4]) print "check " was[1] " " name
        }
        END { for (name in recorded) if (!(name in seen)) print "missing " name }
    ' "$manifest" - | checked_by_content "$root"
}

stat_entries() {
    if cd "$1" 2>/dev/null; then
        xargs -0r stat --printf '%F\t%s %.9Y %.9Z\t%a %u %g\t%n\n' -- 2>/dev/null || true
    fi
}

checked_by_content() {
    local root=$1 line what rest
    while IFS= read -r line; do # whole: a name may begin or end with a space
        what=${line%% *} rest=${line#* }
        if [ "$what" != check ]; then
            printf '%s %s\n' "$what" "$rest"
        elif [ "$(sha256sum <"$root/${rest#* }" | cut -d' ' -f1)" != "${rest%% *}" ]; then
            printf 'changed %s\n' "${rest#* }"
        fi
    done
}

namespace_part() {
    local i
    for i in "${!set_names[@]}"; do
        files_part "${set_names[$i]}" "${set_roots[$i]}" "${set_digests[$i]}" "${set_texts[$i]}"
    done
    if [ -d "$config_dir" ]; then
        foreign_owned "$config_dir" "$owner_uid" "$owner_gid" | tell foreign-owned
        ps -eo etimes=,args= | awk '/python3 [^ ]*kometa\/kometa\.py/ { print $1 }' | sort -n | tail -n1 | tell kometa-alive
        tell_value run-in-progress "$(run_in_progress "$config_dir/logs" "$timezone")"
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
    tell_value backup-directory "$found"
}

# Files under our names that somebody else has written: without our mark, and in no manifest of ours.
foreign_part() {
    local path
    for path in "${claimed[@]}"; do
        if [ ! -e "$path" ] || head -n 1 "$path" | grep -q 'Written by kometa-host'; then continue; fi
        if cut -f2- "$state_dir"/files/{quadlets,units}/manifest 2>/dev/null | grep -qxF -- "${path##*/}"; then continue; fi
        tell "foreign.$path" <"$path"
    done
    if [ -e "${claimed[0]}" ] && [ ! -e "$state_dir/files/quadlets/manifest" ]; then former_stack_part; fi
}

# What a former stack has besides: told once, before the first deploy.
former_stack_part() {
    find "$HOME/.config/systemd/user" -maxdepth 1 -name 'mms-*' -printf '%f\n' 2>/dev/null | sort | tell former-units
    podman unshare sed -nE 's/^(export +)?([A-Za-z_][A-Za-z0-9_]*)=.*/\2/p' "$config_dir/kometa.env" 2>/dev/null | tell former-variables
    timeout -s KILL 10 find "$backup_place" -maxdepth 1 -name 'kometa-????-??-??.tar.zst*' -printf '%f\n' 2>/dev/null | sort | tell former-archives
}

account_part() {
    cd / || exit
    state_dir=$HOME/.local/state/kometa-host
    if [ -e "$state_dir/restore" ]; then tell_value restore-left yes; fi
    if [ -S "$XDG_RUNTIME_DIR/bus" ] && systemctl --user show-environment >/dev/null 2>&1; then
        tell_value bus yes
        systemctl --user show "${units[@]}" -p Id -p LoadState -p ActiveState -p SubState -p NeedDaemonReload \
            -p SourcePath -p FragmentPath -p UnitFileState -p Result 2>/dev/null | tell units
    fi
    backup_part
    for name in "${volume_sources[@]}"; do if [ ! -e "$name" ]; then printf '%s\n' "$name"; fi; done | tell missing-volumes
    foreign_part
    command -v podman >/dev/null 2>&1 || return 0
    local containers images networks secrets
    # Each takes a tenth of a second: all at once.
    exec {containers}< <(podman ps -a --format json 2>/dev/null | base64 -w0)
    exec {images}< <(podman image inspect "$image" 2>/dev/null | base64 -w0)
    exec {networks}< <(podman network inspect "$network" 2>/dev/null | base64 -w0)
    exec {secrets}< <(podman secret ls -q --filter 'name=^kometa-' | xargs -r podman secret inspect 2>/dev/null | base64 -w0)
    podman unshare bash -c "$(declare -p set_names set_roots set_digests set_texts config_dir owner_uid owner_gid timezone state_dir)
$(declare -f)
namespace_part"
    printf 'containers %s\n' "$(cat <&"$containers")"
    printf 'images %s\n' "$(cat <&"$images")"
    printf 'networks %s\n' "$(cat <&"$networks")"
    printf 'secrets %s\n' "$(cat <&"$secrets")"
    if [ -d "$quadlet_dir" ]; then find "$quadlet_dir" -maxdepth 1 -type f -printf '%T@ %f\n' | tell quadlet-times; fi
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

host_part
if getent passwd "$account" >/dev/null; then
    if [ "$(id -un)" = "$account" ]; then
        account_part
    elif [ "$(id -u)" = 0 ]; then
        uid=$(id -u "$account") home=$(getent passwd "$account" | cut -d: -f6)
        lend_runtime_dir
        runuser -u "$account" -- env "HOME=$home" "USER=$account" "LOGNAME=$account" "XDG_RUNTIME_DIR=/run/user/$uid" \
            "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus" bash -c "$(declare -p set_names set_roots set_digests \
                set_texts config_dir owner_uid owner_gid timezone units image network quadlet_dir backup_dir \
                backup_mount claimed backup_place volume_sources)
$(declare -f)
account_part"
        take_back_runtime_dir
    fi
fi
printf 'end\n'
