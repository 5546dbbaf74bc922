# shellcheck shell=bash
# Ends units whose files are about to go, as long as systemd still knows them.
# shellcheck disable=SC2154  # retired is set in front of this text
for name in "${retired[@]}"; do
    systemctl --user stop "$name" 2>/dev/null </dev/null || true
    systemctl --user disable --quiet "$name" 2>/dev/null </dev/null || true
done
