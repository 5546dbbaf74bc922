# shellcheck shell=bash
# Remembers with which Quadlets and which image Kometa was healthy, and puts them back if it is not with others.
. lib/service.sh
: "${quadlet_dir:?}" "${network_quadlet:?}"

# Notes what runs now, whoever has made it: the network's Quadlet may be missing where another stack made the service.
remember_good() {
    local good=$state_dir/good
    mkdir -p -- "$good"
    cp -- "$quadlet_dir/kometa.container" "$good/"
    if [ -e "$quadlet_dir/$network_quadlet" ]; then cp -- "$quadlet_dir/$network_quadlet" "$good/"; fi
    podman inspect -f '{{.Image}}' "$container" >"$good/image"
}

can_go_back() { # $1: the image that was to run
    local good=$state_dir/good
    [ -e "$good/kometa.container" ] && podman image exists "$(cat "$good/image")" &&
        ! { cmp -s "$good/kometa.container" "$quadlet_dir/kometa.container" &&
            [ "$(cat "$good/image")" = "$(podman image inspect -f '{{.Id}}' "$1")" ]; }
}

put_back_good() { # $1: seconds until Kometa has to be alive
    local good=$state_dir/good previous
    previous=$(sed -n 's/^Image=//p' "$good/kometa.container")
    case $previous in *@*) ;; *) podman tag "$(cat "$good/image")" "$previous" ;; esac
    find "$good" -maxdepth 1 \( -name '*.container' -o -name '*.network' \) -exec cp -- {} "$quadlet_dir/" \;
    systemctl --user daemon-reload
    restart_unit && healthy "$1"
}

# Restarts the service with the image $1, which has to be healthy after $2 seconds; else what was healthy before comes back.
switch_service() {
    trap '' HUP PIPE INT TERM
    local why
    if restart_unit && healthy "$2"; then
        remember_good
        return 0
    fi
    why=${unhealthy:-$unit does not start}
    show_service_log "$why"
    if can_go_back "$1"; then
        say "putting back the previous unit and image"
        if put_back_good "$2"; then fail "Kometa is not healthy with the new unit or image ($why); the previous ones run again."; fi
        say "the previous ones do not run either: ${unhealthy:-$unit does not start}"
    fi
    fail "Kometa is not healthy: $why."
}
