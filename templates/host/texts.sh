# shellcheck shell=bash
# Prints the content of small files below a directory, for a diff: one line `base64-of-name base64-of-content` each.
# shellcheck disable=SC2154  # root is set in front of this text
texts() {
    local name
    while IFS= read -r -d '' name; do
        if [ -L "$root/$name" ] || [ ! -f "$root/$name" ] || [ "$(stat -c %s -- "$root/$name")" -gt 65536 ]; then continue; fi
        printf '%s %s\n' "$(printf %s "$name" | base64 -w0)" "$(base64 -w0 <"$root/$name")"
    done
}
in_namespace texts
