# shellcheck shell=bash
# Creates, replaces and removes Podman secrets. Values come on standard input and stay in the shell's memory and pipes:
# printf is a builtin, so no process list shows one. A line that a dropped connection cuts has no end and is not read.
. begin.sh
. lib/common.sh
. lib/podman.sh
: "${label:?}"

create_secret() { printf '%s' "$encoded" | base64 -d | podman secret create "$@" --label "$label=$digest" "$name" - >/dev/null; }

put_secret() {
    if [[ $(podman secret create --help) == *--replace* ]]; then
        create_secret --replace
    else # Podman before 4.7
        podman secret rm "$name" >/dev/null 2>&1 || true
        create_secret
    fi
}

while read -r what name digest encoded; do
    case $what in
        put) put_secret || fail "Podman could not write the secret $name; run the command again." ;;
        remove) podman secret rm "$name" >/dev/null ;;
    esac
done
