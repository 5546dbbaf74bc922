# shellcheck shell=bash
# Runs Kometa once, in a container of its own while the service rests, and in any case puts back what was before.
# Standard input: candidate_size bytes of a tar stream (a config tree to try), then a sign of life now and then.
. lib/lock.sh
. lib/one_run.sh
: "${idle_wait:?}" "${lock_wait:?}" "${holder:?}"

trap '' HUP PIPE
open_work
trap put_back_service EXIT
trap interrupted INT TERM
take_lock "$lock_wait" "$holder"
drop_previous_work
wait_until_idle "$idle_wait" "Wait for its end, or add wait=true." sleep 2
in_namespace has_config || fail "there is no config.yml in $folder, so Kometa would not run. Deploy first."
let_service_rest
run_container
