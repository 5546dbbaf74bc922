# shellcheck shell=bash
# Prints the content of small files below a directory, for a diff: one line `base64-of-name base64-of-content` each.
# shellcheck disable=SC2154  # root and largest (bytes) are set in front of this text
texts() {
    local name
    while IFS= read -r -d '' name; do
        if [ -L "$root/$name" ] || [ ! -f "$root/$name" ] || [ "$(stat -c %s -- "$root/$name")" -gt "$largest" ]; then continue; fi
        printf '%s %s\n' "$(printf %s "$name" | base64 -w0)" "$(base64 -w0 <"$root/$name")"
    done
}
in_namespace texts
