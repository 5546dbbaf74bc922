# shellcheck shell=bash
# kometa-watch: looks at Kometa's runs. Where nothing has changed since the last look, and nothing is due, this little is
# all; else kometa_host.watcher does the rest. With arguments it always does.
. begin.sh
. lib/common.sh
: "${library_dir:?}" "${config_dir:?}" "${units:?}" # units: whose jobs are told of
declare -a units
watcher=$library_dir/watcher/kometa_watch.py
seen=$state_dir/runs/seen               # what the last look saw
quiet_until=$state_dir/runs/quiet-until # seconds since the epoch, before which nothing is due if nothing changes

# Of the logs only what stat says: they are the container's.
logs_in_namespace() { cd -- "$1/logs" && stat -c '%n %i %s %.9Y' -- meta.log meta-{1..9}.log; }

what_there_is() {
    podman unshare bash -c "$(declare -f logs_in_namespace); logs_in_namespace \"\$1\"" - "$config_dir" 2>/dev/null || true
    systemctl --user show -p ActiveState,ExecMainExitTimestampMonotonic "${units[@]}" || true
    stat -c '%n %s %.9Y' -- "$library_dir"/{watch.json,notify*} "$watcher" \
        "$state_dir"/{autodeploy/history.jsonl,messages} 2>/dev/null || true
}

is_quiet() {
    local until=0
    if [ -s "$quiet_until" ]; then until=$(<"$quiet_until"); fi
    [ "$(date +%s)" -lt "${until:-0}" ] && [ "$(what_there_is)" = "$(cat -- "$seen" 2>/dev/null)" ]
}

command -v python3 >/dev/null || fail "kometa-watch: python3 is not on this host, so runs are not watched; deploy again"
if [ "$#" -gt 0 ]; then exec python3 "$watcher" "$@"; fi
if is_quiet; then exit 0; fi
before=$(what_there_is)
python3 "$watcher"
printf '%s\n' "$before" >"$seen"
