# shellcheck shell=bash
# Lists the live tree, and before it the trees that restores replaced. Changes nothing. Gzipped; a record is
# `kind size seconds name NUL target-of-a-link NUL`; the kept trees are the records of kind `kept`.
# shellcheck disable=SC2154  # config_dir is set in front of this text
stamp='[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z'
list_tree() {
    find "${config_dir%/*}" -maxdepth 1 -type d -name "${config_dir##*/}.before-$stamp" -printf 'kept 0 0 %f\0\0' 2>/dev/null || true
    find "$config_dir" -mindepth 1 -printf '%y %s %T@ %P\0%l\0' 2>/dev/null || true
}
in_namespace list_tree | gzip -1
