# shellcheck shell=bash
# One run of Kometa in a container of its own: how it is begun, watched and ended.
. lib/idle.sh
. lib/owners.sh
. lib/service.sh
: "${image:?}" "${owner_uid:?}" "${owner_gid:?}" "${candidate_size:?}" "${patience:?}" # patience: seconds without a sign of life
declare -a podman_arguments

# What is said goes to a file that is shown live: writing to a dropped connection would stop us for ever.
open_work() {
    run='' was_active='' podman_status=0
    mkdir -p -- "$state_dir"
    work=$(mktemp -d "$state_dir/run-once.XXXXXX")
    output=$work/output
    folder=$config_dir
    if [ "$candidate_size" -gt 0 ]; then
        folder=$work/config
        if ! in_namespace receive_tree; then
            in_namespace rm -rf -- "$work"
            fail "the connection was lost before the config tree had come; nothing was changed."
        fi
    fi
    exec 6>&1 7>&2 8<&0 >>"$output" 2>&1 </dev/null
    tail -n +1 -s 0.2 -f --pid=$$ "$output" >&7 2>/dev/null 6>&- 8<&- &
    attend <&8 6>&- 7>&- &
    attendant=$!
    exec 7>&- 8<&-
}

receive_tree() {
    mkdir -m 0700 -- "$folder"
    head -c "$candidate_size" | tar -C "$folder" --no-same-owner -p -xf -
    [ -e "$folder/.complete" ] && rm -- "$folder/.complete"
    chown -R "$owner_uid:$owner_gid" -- "$folder"
}

# Ends all when the controller has gone, as with Ctrl-C. A line that only falls silent ends nothing: the run goes on.
attend() {
    while read -r -t "$patience" _ || { [ $? -gt 128 ] && return 0; }; do :; done
    kill -TERM "$$"
}

drop_previous_work() {
    local name
    for name in "$state_dir"/run-once.*; do
        if [ "$name" != "$work" ]; then in_namespace rm -rf -- "$name"; fi
    done
}

let_service_rest() {
    if ! is_up; then return 0; fi
    was_active=yes
    say "stopping $unit for the time of the run"
    stop_service || fail "$unit could not be stopped."
}

# Tells one log from the next: every run begins a new file.
log_identity() { if [ -f "$1" ]; then printf '%s %s' "$(stat -c %i -- "$1")" "$(read_plain "$1" 4096 | head -n 1 | cksum)"; fi; }
has_config() { [ -f "$folder/config.yml" ]; }

end_container() { podman kill -s KILL test-kometa >/dev/null 2>&1 || true; }

# The container can outlive its run, and one whose init has failed stays up for ever.
watch_container() {
    local finished='' outlives='' grace=20 # seconds for the container to end after Kometa's last line
    while kill -0 "$run" 2>/dev/null; do
        sleep 0.5
        if [ -z "$finished" ]; then
            if tail -c 65536 "$output" | grep -aqE "\\| +Finished $run_name +\\|"; then finished=$SECONDS; fi
            if head -c 65536 "$output" | grep -aqE "$unhealthy_signs|unable to start service init-kometa"; then end_container; fi
        elif [ $((SECONDS - finished)) -ge "$grace" ]; then
            if [ -z "$outlives" ]; then say "the run has finished, but its container has not: ending it"; fi
            outlives=yes grace=$((grace + 60)) # it needs a moment
            end_container
        fi
    done
}

run_container() {
    local before after
    before=$(in_namespace log_identity "$folder/logs/meta.log")
    podman "${podman_arguments[@]}" -v "$folder:/config:Z" "$image" &
    run=$!
    watch_container
    podman_status=0
    wait "$run" || podman_status=$?
    after=$(in_namespace log_identity "$folder/logs/meta.log")
    if [ -n "$after" ] && [ "$after" != "$before" ]; then
        in_namespace run_extract "$folder/logs/meta.log" | gzip -1 | base64 -w0 >"$work/log"
    fi
}

put_back_service() {
    local status=$?
    trap '' INT TERM
    set +e
    kill "$attendant" 2>/dev/null
    if [ -n "$run" ]; then
        while kill -0 "$run" 2>/dev/null; do # Podman may be about to make the container
            end_container
            sleep 0.2
        done
    fi
    podman rm -f -i test-kometa >/dev/null 2>&1
    if [ -n "$run" ]; then in_namespace give_to "$config_dir" "$owner_uid" "$owner_gid" || status=1; fi
    if [ -n "$was_active" ]; then
        if systemctl --user start "$unit"; then
            say "$unit runs again"
        else
            say "$unit could not be started again. See: journalctl --user -u kometa"
            status=1
        fi
    fi
    {
        printf 'podman-status %s\n' "$(printf '%s' "$podman_status" | base64)"
        if [ -s "$work/log" ]; then printf 'log %s\n' "$(cat "$work/log")"; fi
        printf 'end\n'
    } >&6
    in_namespace rm -rf -- "$work"
    exit "$status"
}

interrupted() {
    say "the controller has gone: ending the run"
    exit 130
}
