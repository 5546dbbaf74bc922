# shellcheck shell=bash
# What a deploy has to know of the account.
. lib/account_state.sh

read_account
