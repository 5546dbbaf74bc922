# shellcheck shell=bash
# shellcheck disable=SC2154  # state_dir comes from lib.sh
rm -f -- "$state_dir/autodeploy/bad"
