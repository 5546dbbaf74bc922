# shellcheck shell=bash
# shellcheck disable=SC2154  # when_idle, config_dir and timezone are set in front of this text
# Between the look at the host and now an image may have been pulled, for minutes: a run can have begun.
if [ -n "$when_idle" ] && [ -n "$(in_namespace run_in_progress "$config_dir/logs" "$timezone")" ]; then
    say "restart postponed: a run has begun meanwhile. Deploy again later, or with --data kometa_restart=now."
    exit 0
fi
switch_service
