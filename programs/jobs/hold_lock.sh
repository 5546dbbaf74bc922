# shellcheck shell=bash
# Holds the lock for a controller until its connection ends, or until it gave no sign of life for a while.
# shellcheck disable=SC2154  # wait, holder and patience are set in front of this text
take_lock "$wait" "$holder"
printf 'locked\n'
while read -r -t "$patience" _; do :; done
