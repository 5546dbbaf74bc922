# shellcheck shell=bash
# Kometa's runs, from its logs and processes. What reads the logs runs inside the namespace: they are the container's.
. begin.sh
. lib/common.sh
. lib/plain_file.sh
. lib/podman.sh
due_time=90 # seconds after a scheduled time in which Kometa may still not have seen that it has come

# Prints the start of the run that is in progress (seconds since the epoch), nothing where none is. One that is due and
# has not begun counts: Kometa looks at the clock once a minute, and whoever stops it then takes that day's run.
# $1: Kometa's logs directory, $2: the time zone of the log where Kometa's process does not tell its own. Runs inside the
# namespace: the log is the container's.
run_in_progress() {
    local started
    started=$(logged_run "$1/meta.log" "$2")
    if [ -n "$started" ]; then printf '%s\n' "$started"; else due_run "$1/meta.log"; fi
}

# A run is in progress when the newest log has its Starting line without the Finished one and is still being written.
logged_run() { # $1: log, $2: time zone
    local line started
    line=$(read_plain "$1" 65536 | grep -aEm1 "\\|\\s+Starting $run_name\\s+\\|" || true)
    [ -n "$line" ] || return 0
    if grep -aqE "\\|\\s+Finished $run_name\\s+\\|" <(read_plain_end "$1" 65536); then return 0; fi
    line=${line#\[}
    started=$(time_of_log "$1" "${line%%,*}" "$2") || return 0
    if is_written "$started"; then printf '%s\n' "$started"; fi
}

# Prints a time of a log in seconds since the epoch. Its zone is the one that Kometa has been started with, whatever is
# wanted now. A host may not know that zone, as the image does; each run begins a new file, and most file systems know when.
time_of_log() { # $1: log, $2: local time, $3: time zone where Kometa's process does not tell its own
    local zone birth=0
    zone=$(kometa_variable TZ "$3")
    if [ ! -e "/usr/share/zoneinfo/$zone" ]; then birth=$(born "$1"); fi
    if [ "$birth" -gt 0 ]; then
        printf '%s\n' "$birth"
    else
        TZ=$zone date -d "$2" +%s 2>/dev/null
    fi
}

due_run() { # $1: log
    local zone clock due now age begun
    age=$(kometa_age)
    [ -n "$age" ] || return 0
    zone=$(kometa_variable TZ UTC) now=$(date +%s) begun=$(born "$1")
    for clock in $(kometa_variable KOMETA_TIMES '' | tr ',|' '  '); do
        due=$(TZ=$zone date -d "$clock" +%s 2>/dev/null) || continue
        due=$((now - (now - due + 172800) % 86400)) # the last time that the clock showed this
        if [ $((now - due)) -lt "$due_time" ] && [ "$age" -gt $((now - due)) ] && [ "$begun" -lt "$due" ]; then
            printf '%s\n' "$due"
            return 0
        fi
    done
}

# Prints when a file was made, in seconds since the epoch; 0 where the file system does not know or there is none.
born() { stat -c %W -- "$1" 2>/dev/null | grep -E '^[0-9]+$' || printf '0\n'; }

# Prints for how many seconds Kometa's oldest process lives, nothing where there is none.
kometa_age() { ps -eo etimes=,args= | awk '/python3 [^ ]*kometa\/kometa\.py/ && $1 >= most { most = $1; found = 1 } END { if (found) print most }'; }

# Prints a variable of Kometa's oldest process, what is given where that cannot be read.
kometa_variable() { # $1: name, $2: otherwise
    local process value=
    if process=$(pgrep -of 'python3 [^ ]*kometa/kometa\.py'); then
        value=$(tr '\0' '\n' 2>/dev/null <"/proc/$process/environ" | sed -n "s/^$1=//p" || true)
    fi
    printf '%s\n' "${value:-$2}"
}

# A run has its log open from beginning to end; a service that was started right after a run was killed has none. Where
# that cannot be seen, the log is taken to be written by a Kometa that is older than its run.
is_written() { # $1: the run's start, seconds since the epoch
    local process age
    for process in $(pgrep -f 'python3 [^ ]*kometa/kometa\.py'); do
        ls "/proc/$process/fd" >/dev/null 2>&1 && continue
        age=$(kometa_age)
        [ $(($(date +%s) - ${age:-0})) -le $(($1 + 2)) ]
        return
    done
    # The worker that writes is none of Kometa's name. Whoever only reads, such as a backup, has its link without the w.
    [ -n "$(find /proc/[0-9]*/fd -lname '*/logs/meta.log' -perm -200 -print -quit 2>/dev/null || true)" ]
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
    if grep -aqE "\\| +Starting $run_name +\\|" <(read_plain "$1" 65536); then return 0; fi
    ! grep -aqF 'Validation Report' <(read_log "$1") && grep -aqF '[CRITICAL]' <(read_log "$1")
}

# Prints the lines of a log that tell how its run went: markers, warnings, errors with all of their rows.
run_extract() {
    local telling="\\| +(Starting|Finished) $run_name +\\||Start Time: |\\[(WARNING|ERROR|CRITICAL)\\]|Validation Report"
    telling+="| Library Connection Failed|\\| +Version: |^ {65}\\||^[A-Za-z_][A-Za-z0-9_.]*: "
    read_log "$1" | only_rows_of_trouble | grep -aE "$telling" || true
}

# Leaves out the further rows of messages that are neither warnings nor errors: whatever does not begin with a time.
only_rows_of_trouble() {
    # In the C locale, since a log may hold any bytes.
    LC_ALL=C awk '!/^\[/ { if (in_trouble) print; next } { in_trouble = /\[(WARNING|ERROR|CRITICAL)\]/; print }'
}
