# shellcheck shell=bash
# Starts a unit that does one job and shows its journal until it has ended; fails if the job does. Its state decides: its
# messages are shown where the account can read its journal, which it cannot where that is in memory only.
. begin.sh
. lib/common.sh
: "${job_unit:?}" "${identifier:?}" # identifier: of the unit's messages in the journal

job_property() { systemctl --user show "$job_unit" -p "$1" --value; }

job_is_busy() { case $(job_property ActiveState) in activating | deactivating | reloading) return 0 ;; *) return 1 ;; esac; }

begin_job() {
    local previous
    previous=$(job_property InvocationID)
    systemctl --user reset-failed "$job_unit" 2>/dev/null || true
    systemctl --user start --no-block "$job_unit"
    for _ in $(seq 300); do
        if [ "$(job_property InvocationID)" != "$previous" ]; then break; fi
        sleep 0.1
    done
}

# Whether the journal has come to the end of the job, of which systemd speaks; where it cannot be read, there is none.
journal_has_end() {
    ! has_journal || [ -n "$(journalctl --user -q -n 1 -o cat "USER_INVOCATION_ID=$(job_property InvocationID)" \
        JOB_RESULT={done,failed,canceled,timeout,dependency,skipped} 2>/dev/null)" ]
}

# Prints what the unit has said since the cursor of the journal, which may be empty, from line $2 on.
job_messages() { # $1: cursor, $2: number of the first line
    { words_of_job "$identifier" ${1:+--after-cursor="$1"} || true; } | tail -n "+$2"
}

# $1: what to do first where the unit is missing, $2: what to say where it runs already, $3: what it is that failed,
# $4: where its reason stands, $5: a function that tells of the progress, every 3 s, $6: the unit as journalctl shall be given it
follow_unit() {
    local turn=0 told=0 ended=0 is_last='' cursor news result
    cursor=$({ journalctl --user -q -n 0 --show-cursor 2>/dev/null || true; } | sed -n 's/^-- cursor: //p')
    [ "$(job_property LoadState)" = loaded ] || fail "$job_unit is not on this host. $1"
    if job_is_busy; then say "$2"; else begin_job; fi
    while [ "$ended" -lt 20 ]; do # the journal is a little behind, on a slow machine by seconds
        if job_is_busy; then ended=0; else ended=$((ended + 1)); fi
        if [ "$ended" -gt 0 ] && journal_has_end; then is_last=yes; fi
        sleep 0.5
        news=$(job_messages "$cursor" "$((told + 1))")
        if [ -n "$news" ]; then
            told=$((told + $(wc -l <<<"$news")))
            say "$news"
        elif [ -n "$is_last" ]; then
            break
        fi
        turn=$((turn + 1))
        if [ $((turn % 6)) = 0 ]; then "$5"; fi
    done
    result=$(job_property Result)
    if [ "$result" = success ]; then return 0; fi
    if has_journal; then fail "$3 failed ($result); $4: journalctl --user -u $6"; fi
    fail "$3 failed ($result). $(id -un) cannot read its journal on this host; root can: journalctl _SYSTEMD_USER_UNIT=$job_unit"
}
