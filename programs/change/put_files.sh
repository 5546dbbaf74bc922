# shellcheck shell=bash
# shellcheck disable=SC2154  # then is set in front of this text
in_namespace put_files
if [ -n "$then" ]; then eval "$then"; fi
