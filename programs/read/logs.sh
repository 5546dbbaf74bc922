# shellcheck shell=bash
# Shows Kometa's log: what the service says, live or since a time, or the newest runs from its own log files.
# shellcheck disable=SC2154  # the variables are set in front of this text

journal=(journalctl --user -q --no-pager --no-hostname -u kometa.service -o short)
# Kometa ends its messages with a line break of its own, so every second line is empty.
without_blank() { grep --line-buffered -vE '^[^]]*\]: *$' >&2 || true; }

# Ends with the controller, which says now and then that it is there.
follow_log() {
    "${journal[@]}" -f "$@" > >(without_blank) &
    local follower=$!
    while read -r -t "$patience" _; do :; done
    kill -- "$follower" 2>/dev/null || true
}

print_runs() {
    local log
    while IFS= read -r log; do
        printf 'run %s\n' "$(gzip -1c -- "$log" | base64 -w0)"
    done < <(run_logs "$config_dir/logs" "$runs" | tac)
    printf 'end\n'
}

if [ "$runs" -gt 0 ]; then
    in_namespace print_runs
else
    arguments=()
    if [ -n "$since" ]; then arguments+=("--since=$since"); else arguments+=(-n "$lines"); fi
    if [ -n "$follow" ]; then follow_log "${arguments[@]}"; else "${journal[@]}" "${arguments[@]}" | without_blank; fi
fi
