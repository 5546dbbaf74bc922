# shellcheck shell=bash
# Lets the boot pull in network-online.target, for which every rootless Quadlet waits. Runs as root.
set -eu
systemctl add-wants multi-user.target network-online.target 2>&1 | sed 's/^/  /' >&2
systemctl start --no-block network-online.target
for _ in $(seq 60); do
    if [ "$(systemctl is-active network-online.target)" = active ]; then exit 0; fi
    sleep 0.5
done
echo "network-online.target is not reached yet; see: systemctl list-jobs" >&2
