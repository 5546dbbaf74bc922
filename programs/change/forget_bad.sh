# shellcheck shell=bash
# Forgets which images and commits were not healthy, so that the next update tries them again.
. begin.sh

records=$state_dir/autodeploy
rm -f -- "$records/bad" "$records/git/bad"
if [ -d "$records/git" ]; then : >"$records/git/take-rewritten"; fi
