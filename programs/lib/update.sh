# shellcheck shell=bash
# Updates the image of a container, here on the host, as the account. The container decides, not the pull: an update is due
# when it runs another image than its tag has.
. lib/history.sh
. lib/idle.sh
. lib/lock.sh
. lib/rollback.sh
: "${patience:?}" "${max_wait:?}" "${lock_wait:?}" "${pause:?}" # seconds: to be healthy, for a run to end, for the lock, between two looks

look_at_container() {
    local found
    found=$(podman inspect -f '{{.ImageName}}|{{.Image}}|{{index .Config.Labels "PODMAN_SYSTEMD_UNIT"}}' "$container")
    IFS='|' read -r image previous unit <<<"$found"
    trying=$records/trying.$container # image to go back to, and its name, while a new one has that or is not proven
    new=
}

# Nothing unproven stays under the tag: whatever starts the service meanwhile, a reboot for one, finds what works.
take_tag_back() {
    podman tag "$previous" "$image"
    rm -f -- "$trying"
}

# An update that was cut off, by a power failure for one, is judged by what runs now.
settle_interrupted() {
    local running=$previous
    [ -s "$trying" ] || return 0
    previous=$(cut -d' ' -f1 -- "$trying")
    if [ "$running" = "$previous" ]; then
        take_tag_back
    elif grep -qxF "$previous $image" "$trying" && podman image exists "$previous"; then
        new=$running
        say "$container: an update was interrupted; looking at what runs now"
        if container_healthy; then accept; else go_back_to_previous; fi
        look_at_container
    else
        rm -f -- "$trying"
        previous=$running
    fi
}

pull_new() {
    local output
    mkdir -p -- "$records"
    printf '%s %s\n' "$previous" "$image" >"$trying"
    trap take_tag_back EXIT
    if ! output=$(timeout 3600 podman pull --quiet "$image" 2>&1); then
        note failed "$image could not be pulled, nothing was changed: ${output##*$'\n'}"
        exit 1
    fi
    new=$(podman image inspect -f '{{.Id}}' "$image")
    trap - EXIT
    take_tag_back
}

is_bad() { grep -qsxF "$image $new" "$records/bad"; }

# Where it cannot be known, a run counts as in progress.
is_idle() {
    local run
    if [ "$container" != kometa ]; then return 0; fi
    run=$(in_progress) && [ -z "$run" ]
}

# Waits for the end of a run with the lock given back, and returns with it taken.
wait_without_lock() {
    local deadline=$((SECONDS + max_wait))
    until is_idle; do
        exec 9>&-
        if [ "$SECONDS" -ge "$deadline" ]; then return 1; fi
        say "$container: a run is in progress; waiting for its end"
        sleep "$pause"
        take_lock "$lock_wait" 'an image update'
    done
}

has_changed_meanwhile() {
    [ "$(podman inspect -f '{{.Image}}' "$container" 2>/dev/null)" != "$previous" ] ||
        [ "$(systemctl --user is-active "$unit")" != active ]
}

container_healthy() { if [ "$container" = kometa ]; then healthy "$patience"; else runs_on "$patience"; fi; }

# Of containers that nothing more is known about: the same one runs for a while, and its own health check is content.
runs_on() { # $1: seconds
    local deadline=$((SECONDS + $1)) id
    unhealthy=
    until [ "$(systemctl --user is-active "$unit")" = active ] && id=$(podman inspect -f '{{.Id}}' "$container" 2>/dev/null); do
        if [ "$SECONDS" -ge "$deadline" ]; then unhealthy="$unit does not become active" && return 1; fi
        sleep 0.5
    done
    sleep 10
    while podman ps --filter "id=$id" --format '{{.Status}}' | grep -q '(starting)' && [ "$SECONDS" -lt "$deadline" ]; do sleep 1; done
    case $(podman ps --filter "id=$id" --format '{{.Status}}') in
        '') unhealthy='it ends soon after its start' && return 1 ;;
        *'(unhealthy)'*) unhealthy='its health check fails' && return 1 ;;
    esac
}

switch_image() {
    trap '' HUP PIPE INT TERM
    printf '%s %s\n' "$previous" "$image" >"$trying"
    sync -f "$trying"
    podman tag "$new" "$image"
    if restart_unit && container_healthy; then accept; else go_back_to_previous; fi
}

accept() {
    if [ "$container" = kometa ]; then remember_good; fi
    printf '%s\n' "$previous" >"$records/previous.$container"
    rm -f -- "$trying"
    note updated "runs $(version "$new") now, healthy; before, it was $(version "$previous")"
    prune
}

go_back_to_previous() {
    local why=${unhealthy:-$unit does not start}
    show_service_log "$container: not healthy with the new image: $why"
    printf '%s %s\n' "$image" "$new" >>"$records/bad"
    podman tag "$previous" "$image"
    if restart_unit && container_healthy; then
        note rolled-back "not healthy with $(version "$new") ($why); the previous image runs again"
    else
        note failed "not healthy with $(version "$new") ($why), nor with the previous image (${unhealthy:-$unit does not start})"
    fi
    rm -f -- "$trying"
    exit 1
}

# Not every image has the label; its id then says which it is.
version() {
    local said
    said=$(podman image inspect -f '{{range $name, $text := .Labels}}{{if eq $name "org.opencontainers.image.version"}}{{$text}}{{end}}{{end}}' "$1")
    printf '%s\n' "${said:-${1:0:12}}"
}

# Images of the same name that nothing points to any more go; the previous one and the last bad one stay.
prune() {
    local id name=${image%:*}
    for id in $(podman images -a --no-trunc --filter dangling=true --format '{{.Id}}'); do
        id=${id#sha256:}
        case $id in "$(cat "$records/previous.$container" 2>/dev/null)" | "$(tail -n 1 "$records/bad" 2>/dev/null | cut -d' ' -f2)") continue ;; esac
        if podman image inspect -f '{{range .NamesHistory}}{{println .}}{{end}}{{range .RepoDigests}}{{println .}}{{end}}' "$id" |
            grep -qF -e "$name:" -e "$name@"; then
            podman rmi "$id" >/dev/null 2>&1 || true # in use
        fi
    done
}

update() { # $1: name of the container
    container=$1
    look_at_container
    case $image in
        *@sha256:*) note pinned "its image is pinned by digest; left alone" && return 0 ;;
        localhost/* | sha256:*) note pinned "its image comes from no registry; left alone" && return 0 ;;
    esac
    if [ -z "$unit" ]; then note pinned "no unit has made it, so nothing can restart it; left alone" && return 0; fi
    take_lock "$lock_wait" 'an image update'
    settle_interrupted
    pull_new
    if [ "$new" = "$previous" ]; then note current "$(version "$previous") is the newest" && return 0; fi
    if is_bad; then note skipped "$(version "$new") was not healthy before; waiting for the next one" && return 0; fi
    if ! wait_without_lock; then postpone "a run is in progress; left for the next time" && return 0; fi
    if has_changed_meanwhile; then postpone "it was stopped or changed meanwhile; left for the next time" && return 0; fi
    switch_image
}
