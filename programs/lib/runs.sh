# shellcheck shell=bash
# Kometa's runs, from its logs and processes. What reads the logs runs inside the namespace: they are the container's.
. begin.sh
. lib/common.sh
. lib/podman.sh

# Prints the start of the run that is in progress (seconds since the epoch), nothing where none is. A run is in progress
# when the newest log has its Starting line without the Finished one and a process older than that line still lives.
run_in_progress() { # $1: Kometa's logs directory, $2: the time zone of the log
    local log=$1/meta.log zone=$2 line started oldest
    [ -r "$log" ] || return 0
    line=$(head -c 65536 "$log" | grep -aEm1 "\\|\\s+Starting $run_name\\s+\\|" || true)
    [ -n "$line" ] || return 0
    if tail -c 65536 "$log" | grep -aqE "\\|\\s+Finished $run_name\\s+\\|"; then return 0; fi
    line=${line#\[}
    started=$(TZ=$zone date -d "${line%%,*}" +%s 2>/dev/null) || return 0
    oldest=$(kometa_age)
    [ -n "$oldest" ] && [ $(($(date +%s) - oldest)) -le $((started + 2)) ] || return 0
    if writes_log; then printf '%s\n' "$started"; fi
}

# Prints for how many seconds the oldest of Kometa's processes has lived, nothing where there is none.
kometa_age() { ps -eo etimes=,args= | awk '/python3 [^ ]*kometa\/kometa\.py/ && $1 >= most { most = $1 } END { print most }'; }

# A run has its log open from beginning to end; a service that was started right after a run was killed has none.
writes_log() {
    local process
    for process in $(pgrep -f 'python3 [^ ]*kometa/kometa\.py'); do
        ls "/proc/$process/fd" >/dev/null 2>&1 || return 0 # cannot be known here
    done
    [ -n "$(find /proc/[0-9]*/fd -lname '*/logs/meta.log' -print -quit 2>/dev/null || true)" ]
}

# Prints the newest run logs, newest first. A validation has a log of the same name and is no run.
run_logs() { # $1: Kometa's logs directory, $2: how many
    local name found=0
    for name in meta.log meta-{1..9}.log; do
        if [ "$found" -ge "$2" ]; then break; fi
        if is_run_log "$1/$name"; then
            printf '%s\n' "$1/$name"
            found=$((found + 1))
        fi
    done
}

# A run that was given up before its Starting line, for lack of internet, has a critical message instead.
is_run_log() {
    [ -r "$1" ] || return 1
    if head -c 65536 "$1" | grep -aqE "\\| +Starting $run_name +\\|"; then return 0; fi
    ! grep -aqF 'Validation Report' "$1" && grep -aqF '[CRITICAL]' "$1"
}

# Prints the lines of a log that tell how its run went: markers, warnings, errors.
run_extract() {
    local telling="\\| +(Starting|Finished) $run_name +\\||Start Time: |\\[(WARNING|ERROR|CRITICAL)\\]|Validation Report"
    telling+="| Library Connection Failed|\\| +Version: "
    if [ -r "$1" ]; then grep -aE "$telling" "$1" || true; fi
}
