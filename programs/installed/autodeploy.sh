# shellcheck shell=bash
# Updates the images of all containers of a group, here on the host, as the account. Follows common.sh, lock.sh, service.sh
# and notify.sh. The container decides, not the pull: an update is due when it runs another image than its tag has.
# shellcheck disable=SC2154  # group, source, config_dir, timezone, patience, max_wait and library_dir are set in front of this text
# shellcheck disable=SC2034  # service.sh uses container and unit
records=$state_dir/autodeploy
history=$records/history.jsonl # what happened, an object a line
bad=$records/bad               # images that were not healthy, `name id` a line: not tried again
pull_time=3600 lock_wait=1800 pause=${KOMETA_HOST_PAUSE:-30}
max_wait=${KOMETA_HOST_MAX_WAIT:-$max_wait}

json() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//[[:cntrl:]]/ }"
}

# Writes down what happened to the container; see facts/autodeploy.py.
note() { # $1: event, $2: in words
    say "$container: $2"
    mkdir -p -- "$records"
    {
        tail -n 999 "$history" 2>/dev/null || true
        printf '{"time": "%s", "group": %s, "container": %s, "image": %s, "event": "%s", "former": "%s", "new": "%s", "why": %s}\n' \
            "$(date -u +%FT%TZ)" "$(json "$group")" "$(json "$container")" "$(json "$image")" "$1" "$former" "${new:-}" "$(json "$2")"
    } >"$history.new" || return 1
    mv -- "$history.new" "$history"
}

# -- one container ----------------------------------------------------------------------------------------------------

look_at_container() {
    local found
    found=$(podman inspect -f '{{.ImageName}}|{{.Image}}|{{index .Config.Labels "PODMAN_SYSTEMD_UNIT"}}' "$container")
    IFS='|' read -r image former unit <<<"$found"
    trying=$records/trying.$container # image to go back to, and its name, while a new one has that or is not proven
    new=
}

# Nothing unproven stays under the tag: whatever starts the service meanwhile, a reboot for one, finds what works.
take_tag_back() {
    podman tag "$former" "$image"
    rm -f -- "$trying"
}

# An update that was cut off, by a power failure for one, is judged by what runs now.
settle_interrupted() {
    local running=$former
    [ -s "$trying" ] || return 0
    former=$(cut -d' ' -f1 -- "$trying")
    if [ "$running" = "$former" ]; then
        take_tag_back
    elif grep -qxF "$former $image" "$trying" && podman image exists "$former"; then
        new=$running
        say "$container: an update was interrupted; looking at what runs now"
        if container_healthy; then accept; else go_back_to_former; fi
        look_at_container
    else
        rm -f -- "$trying"
        former=$running
    fi
}

pull_new() {
    local output
    mkdir -p -- "$records"
    printf '%s %s\n' "$former" "$image" >"$trying"
    trap take_tag_back EXIT
    if ! output=$(timeout "$pull_time" podman pull --quiet "$image" 2>&1); then
        note failed "$image could not be pulled, nothing was changed: ${output##*$'\n'}"
        exit 1
    fi
    new=$(podman image inspect -f '{{.Id}}' "$image")
    trap - EXIT
    take_tag_back
}

is_bad() { grep -qsxF "$image $new" "$bad"; }

# Where it cannot be known, a run counts as in progress.
is_idle() {
    local run
    if [ "$container" != kometa ]; then return 0; fi
    run=$(in_namespace run_in_progress "$config_dir/logs" "$timezone") && [ -z "$run" ]
}

# Waits for the end of a run with the lock given back, and returns with it taken.
wait_until_idle() {
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
    [ "$(podman inspect -f '{{.Image}}' "$container" 2>/dev/null)" != "$former" ] ||
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
    printf '%s %s\n' "$former" "$image" >"$trying"
    sync -f "$trying"
    podman tag "$new" "$image"
    if restart_unit && container_healthy; then accept; else go_back_to_former; fi
}

accept() {
    if [ "$container" = kometa ]; then remember_good; fi
    printf '%s\n' "$former" >"$records/former.$container"
    rm -f -- "$trying"
    note updated "runs $(version "$new") now, healthy; before, it was $(version "$former")"
    prune
}

go_back_to_former() {
    local why=${unhealthy:-$unit does not start}
    say "$container: not healthy with the new image: $why. The last lines of its log:"
    service_log 25 | sed 's/^/    /' >&2
    printf '%s %s\n' "$image" "$new" >>"$bad"
    podman tag "$former" "$image"
    if restart_unit && container_healthy; then
        note rolled-back "not healthy with $(version "$new") ($why); the former image runs again"
    else
        note failed "not healthy with $(version "$new") ($why), nor with the former image (${unhealthy:-$unit does not start})"
    fi
    rm -f -- "$trying"
    exit 1
}

version() { podman image inspect -f '{{or (index .Labels "org.opencontainers.image.version") .Id}}' "$1"; }

# Images of the same name that nothing points to any more go; the former one and the last bad one stay.
prune() {
    local id name=${image%:*}
    for id in $(podman images -a --no-trunc --filter dangling=true --format '{{.Id}}'); do
        id=${id#sha256:}
        case $id in "$(cat "$records/former.$container" 2>/dev/null)" | "$(tail -n 1 "$bad" 2>/dev/null | cut -d' ' -f2)") continue ;; esac
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
    if [ "$new" = "$former" ]; then note current "$(version "$former") is the newest" && return 0; fi
    if is_bad; then note skipped "$(version "$new") was not healthy before; waiting for the next one" && return 0; fi
    if ! wait_until_idle; then note postponed "a run is in progress; left for the next time" && return 0; fi
    if has_changed_meanwhile; then note postponed "it was stopped or changed meanwhile; left for the next time" && return 0; fi
    switch_image
}

# -- all of them ------------------------------------------------------------------------------------------------------

update_group() {
    local name failed=
    notify /start
    # A deploy may bring a newer version of this very program; what follows then is the newer one.
    if [ "$source" = git ]; then bash "$0" pull 9>&- || failed=yes; fi
    for name in $(podman ps -a --filter "label=kometa-host.autodeploy-group=$group" --format '{{.Names}}' | sort); do
        # A process of its own for each: what fails with one does not keep the others from their update.
        bash "$0" update "$name" 9>&- || failed=yes
    done
    [ -z "$failed" ]
}

# SERVICE_RESULT is systemd's, killed or not; see systemd.exec(5).
finish() { if [ "${SERVICE_RESULT:-}" = success ]; then notify ''; else notify /fail; fi; }

case ${1:-group} in
    group) update_group ;;
    update) update "$2" ;;
    pull) pull ;;
    finish) finish ;;
    *) fail "usage: mms-autodeploy [pull | update CONTAINER | finish]" ;;
esac
