# shellcheck shell=bash
# Podman, and its user namespace.

# Podman may leave a process of its own behind, such as the network's name server: it must not hold our lock (9), nor what
# leads to the controller (6 to 8).
podman() { command podman "$@" 6>&- 7>&- 8>&- 9>&-; }

# Prints what another bash needs to go on like this one: its variables, but for those that it inherits, and its functions.
definitions() {
    local _name _exported
    _exported=$'\n'$(compgen -A export)$'\n'
    for _name in $(compgen -A variable); do
        case $_name in [a-z]*) if [[ $_exported != *$'\n'"$_name"$'\n'* ]]; then declare -p "$_name"; fi ;; esac
    done
    declare -f
}

# Runs a function of this program inside the account's user namespace, where its subordinate ids have their own names.
in_namespace() {
    podman unshare bash --norc --noprofile -c "$(definitions)
set -euo pipefail
$(printf '%q ' "$@")"
}
