# shellcheck shell=bash
# Finds Kometa's runs in its logs. The functions run inside the namespace: the logs are the container's.
run_name='([0-9]{2}:[0-9]{2} |Test |Collections |Libraries )?Run'
telling_lines="\\| +(Starting|Finished) $run_name +\\||Start Time: |\\[(WARNING|ERROR|CRITICAL)\\]|Validation Report| Library Connection Failed|\\| +Version: "

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
run_extract() { if [ -r "$1" ]; then grep -aE "$telling_lines" "$1" || true; fi; }
