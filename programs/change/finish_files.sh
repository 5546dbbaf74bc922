# shellcheck shell=bash
# shellcheck disable=SC2154  # then is set in front of this text
in_namespace finish_cut_off
if [ -n "$then" ]; then eval "$then"; fi
