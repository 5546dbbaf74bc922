# shellcheck shell=bash
# Ends units whose files are about to go, as long as systemd still knows them.
# shellcheck disable=SC2154  # retired is set in front of this text
for name in "${retired[@]}"; do
    # A host in pull mode deploys from its own unit, which must come to its end even if that is the last time.
    if ! grep -qF "/$name" /proc/self/cgroup; then systemctl --user stop "$name" 2>/dev/null </dev/null || true; fi
    systemctl --user disable --quiet "$name" 2>/dev/null </dev/null || true
done
