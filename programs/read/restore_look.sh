# shellcheck shell=bash
# Lists the live tree, and before it the trees that restores replaced. Changes nothing. Gzipped; a record is
# `kind size seconds name NUL target-of-a-link NUL`; the kept trees are the records of kind `kept`.
. begin.sh
. lib/podman.sh
: "${config_dir:?}"

list_trees() {
    find "${config_dir%/*}" -maxdepth 1 -type d -name "${config_dir##*/}.before-$time_pattern" -printf 'kept 0 0 %f\0\0' 2>/dev/null || true
    find "$config_dir" -mindepth 1 -printf '%y %s %T@ %P\0%l\0' 2>/dev/null || true
}

in_namespace list_trees | gzip -1
