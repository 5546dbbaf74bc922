# shellcheck shell=bash
# What a deploy has to know of a host.
. lib/host_state.sh

observe
