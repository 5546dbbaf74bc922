# shellcheck shell=bash
# Writes a file to standard output, after a line with its size in bytes.
. begin.sh
. lib/common.sh
: "${path:?}"

[ -f "$path" ] || fail "there is no file $path on the host. List what is there: pyinfra inventory.py fact facts.backup.Archives"
[ -r "$path" ] || fail "$path cannot be read by $(id -un). Copy it to this machine and name it there: backup=local:PATH."
stat -Lc %s -- "$path"
cat -- "$path"
