# shellcheck shell=bash
# What a deploy has to know of a host: all that root tells, and as one value what the account does.
. lib/host_facts.sh

read_host
