#!/bin/sh
# Boots the root file system TREE as a machine in the network namespace NETNS, and boots it again when it reboots.
# Everything runs in the control group GROUP (below the cgroup2 mount ROOT), so that one write kills all of it.
# Usage: boot.sh MACHINE NAME TREE NETNS ROOT GROUP [OPTION OF SYSTEMD-NSPAWN]...
set -eu
machine=$1 name=$2 tree=$3 netns=$4 root=$5 group=$6

if [ -z "${inside:-}" ]; then
    mkdir -p "$root/$group"
    echo $$ >"$root/$group/cgroup.procs"
    renice -n 0 -p $$ >/dev/null # whoever boots it may be nice, but no host is: its units could not choose their scheduling
    exec env inside=yes unshare --mount --propagation private "$0" "$@"
fi
shift 6

# systemd in the machine needs the pure cgroup2 layout
if ! [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    umount --recursive /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi

# A machine whose root is no root of ours can neither enter a network namespace of ours nor have our kernel's settings.
case "$*" in
    *--private-users=[0-9]*)
        join() { nsenter --net="/run/netns/$netns" "$@"; }
        join sh -c 'echo 22 >/proc/sys/net/ipv4/ip_unprivileged_port_start' # for the SSH server
        ;;
    *)
        export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1
        join() { "$@" --network-namespace-path="/run/netns/$netns"; }
        ;;
esac
while :; do
    status=0
    join systemd-nspawn --quiet --directory="$tree" --machine="$machine" --hostname="$name" --boot --private-users=no \
        --capability=all "$@" --keep-unit --register=no --link-journal=no --resolv-conf=off \
        --timezone=off --system-call-filter='add_key keyctl bpf' --console=pipe </dev/null || status=$?
    [ "$status" -eq 133 ] || exit "$status" # 133: the machine asked for a reboot
done
