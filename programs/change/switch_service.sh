# shellcheck shell=bash
# Starts or restarts Kometa's service, and goes back to what was healthy before if it is not.
. lib/idle.sh
. lib/rollback.sh
: "${image:?}" "${patience:?}" "${when_idle?}" # patience: seconds for Kometa to be alive; when_idle: no run is disturbed

# Between the look at the host and now an image may have been pulled, for minutes: a run can have begun.
if [ -n "$when_idle" ] && [ -n "$(in_progress)" ]; then
    say "restart postponed: a run has begun meanwhile. Deploy again later, or with --data kometa_restart=now."
    exit 0
fi
switch_service "$image" "$patience"
