# shellcheck shell=bash
# What a person wants to know of the account: what a deploy has to know, and a status or all that a diagnosis wants.
. lib/account_state.sh
. lib/status.sh

read_account status_part
