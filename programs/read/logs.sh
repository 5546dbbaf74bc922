# shellcheck shell=bash
# Shows Kometa's log: what the service says, live or since a time, or the newest runs from its own log files.
. lib/runs.sh
: "${config_dir:?}" "${runs:?}" "${since?}" "${lines:?}" "${follow?}" "${patience:?}" # runs: 0 for what the service says

# Print what the service says; the arguments say how much of it. They run in a process of their own.
print_journal() { exec journalctl --user -q --no-pager --no-hostname -o short "$@" "${unit_messages[@]}"; }
# What Podman has of it, where the account cannot read its journal: what the present container says.
print_container() { exec podman logs --timestamps "$@" kometa 2>&1; }

choose_source() {
    read_log=print_journal amount=(-n "$lines")
    if [ -n "$since" ]; then amount=("--since=$since"); fi
    if has_journal; then return 0; fi
    say "$(id -un) cannot read its journal on this host: this is what the present container says. make doctor says more."
    read_log=print_container amount=(--tail "$lines")
    if [ -n "$since" ]; then
        since=$(date -d "$since" --iso-8601=seconds) || fail "since= is no time: write 2025-11-22, today or '1 hour ago'."
        amount=("--since=$since")
    fi
}

# Kometa ends its messages with a line break of its own, so every second line is empty.
without_blank() { grep --line-buffered -vE '^[^]]*\]: *$' >&2 || true; }

# Ends with the controller, which says now and then that it is there.
follow_log() {
    "$read_log" -f "${amount[@]}" > >(without_blank) &
    local follower=$!
    while read -r -t "$patience" _; do :; done
    kill -- "$follower" 2>/dev/null || true
}

print_runs() {
    local log
    while IFS= read -r log; do
        printf 'run %s\n' "$(read_log "$log" | gzip -1 | base64 -w0)"
    done < <(run_logs "$config_dir/logs" "$runs" | tac)
}

if [ "$runs" -gt 0 ]; then
    printf 'history %s\n' "$({ tail -n "$runs" -- "$state_dir/runs/history.jsonl" 2>/dev/null || true; } | gzip -1c | base64 -w0)"
    in_namespace print_runs
    printf 'end\n'
else
    choose_source
    if [ -n "$follow" ]; then follow_log; else "$read_log" "${amount[@]}" | without_blank; fi
fi
