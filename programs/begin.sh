# shellcheck shell=bash
# How every program begins that the account runs: strict, for the account's eyes alone, with the names that all share.
# shellcheck disable=SC2034  # the programs that follow use them
set -euo pipefail
export LC_ALL=C.UTF-8
umask 077

state_dir=$HOME/.local/state/kometa-host
container=kometa unit=kometa.service
# Matches of journalctl for the unit's messages: by the identifier that Quadlet gives it, which Podman's last words have as
# well, and by the unit, of which systemd speaks.
unit_messages=("_UID=$UID" "SYSLOG_IDENTIFIER=$container" + "_UID=$UID" "_SYSTEMD_USER_UNIT=$unit" + "_UID=$UID" "USER_UNIT=$unit")
# What Kometa calls a run in its log, for grep -E.
run_name='([0-9]{2}:[0-9]{2} |Test |Collections |Libraries )?Run'
# What Kometa's container says instead of starting Kometa.
unhealthy_signs='halting init|s6-overlay-suexec: fatal|s6-applyuidgid: fatal|preinit: fatal'
# Times in names, for find -name.
date_pattern='[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
time_pattern=${date_pattern}T'[0-9][0-9][0-9][0-9][0-9][0-9]Z'
