# shellcheck shell=bash
# Holds the lock for a controller until its connection ends, or until it gave no sign of life for a while.
. lib/lock.sh
: "${lock_wait:?}" "${holder:?}" "${patience:?}" # seconds, who, seconds
take_lock "$lock_wait" "$holder"
printf 'locked\n'
while read -r -t "$patience" _; do :; done
