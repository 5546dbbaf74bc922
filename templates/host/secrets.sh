# shellcheck shell=bash
# Creates, replaces and removes Podman secrets. Values come on standard input and stay in the shell's memory and pipes:
# printf is a builtin, so no process list shows one.
# shellcheck disable=SC2154  # label is set in front of this text
create_secret() { printf '%s' "$encoded" | base64 -d | podman secret create "$@" --label "$label=$digest" "$name" - >/dev/null; }

while read -r what name digest encoded; do
    case $what in
        put)
            # Podman before 4.7 cannot replace one
            create_secret --replace 2>/dev/null || {
                podman secret rm "$name" >/dev/null 2>&1 || true
                create_secret
            }
            ;;
        remove) podman secret rm "$name" >/dev/null ;;
    esac
done
