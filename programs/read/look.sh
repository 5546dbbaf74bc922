# shellcheck shell=bash
# What a diagnosis has to know of a host: what a deploy does, and more.
. lib/host_diagnosis.sh
. lib/host_facts.sh

read_host diagnose_host_part
