# shellcheck shell=bash
# Prints a file of the account's own notes, nothing where there is none.
. begin.sh
: "${path:?}"

if [ -e "$path" ]; then cat -- "$path"; fi
