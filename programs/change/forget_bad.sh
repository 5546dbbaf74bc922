# shellcheck shell=bash
# shellcheck disable=SC2154  # state_dir comes from common.sh
records=$state_dir/autodeploy
rm -f -- "$records/bad" "$records/git/bad"
if [ -d "$records/git" ]; then : >"$records/git/take-rewritten"; fi
