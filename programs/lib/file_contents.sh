# shellcheck shell=bash
# The content of small files below a directory, for a diff.
. begin.sh
. lib/plain_file.sh
. lib/podman.sh
: "${root:?}" "${largest:?}" # largest: bytes

# Standard input: names, each ended by a null byte. Prints one line `base64-of-name base64-of-content` for each.
file_contents() {
    local name
    while IFS= read -r -d '' name; do
        if [ -L "$root/$name" ] || [ ! -f "$root/$name" ] || [ "$(stat -c %s -- "$root/$name")" -gt "$largest" ]; then continue; fi
        printf '%s %s\n' "$(printf %s "$name" | base64 -w0)" "$(read_plain "$root/$name" "$largest" | base64 -w0)"
    done
}
