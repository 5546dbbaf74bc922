# shellcheck shell=bash
# Starts a unit that does one job and shows its journal until it has ended; fails if the job does. Its state decides: its
# messages are shown where the account can read its journal, which it cannot where that is in memory only.
# shellcheck disable=SC2154  # unit and the identifier of its messages are set in front of this text
property() { systemctl --user show "$unit" -p "$1" --value; }
busy() { case $(property ActiveState) in activating | deactivating | reloading) return 0 ;; *) return 1 ;; esac; }

cursor=$({ journalctl --user -q -n 0 --show-cursor 2>/dev/null || true; } | sed -n 's/^-- cursor: //p')
told=0
tell_news() {
    local news
    news=$({ journalctl --user -q -o cat ${cursor:+--after-cursor="$cursor"} "_SYSTEMD_USER_UNIT=$unit" "SYSLOG_IDENTIFIER=$identifier" 2>/dev/null || true; } |
        tail -n "+$((told + 1))")
    [ -n "$news" ] || return 0
    told=$((told + $(wc -l <<<"$news")))
    say "$news"
}

begin_unit() {
    local former
    former=$(property InvocationID)
    systemctl --user reset-failed "$unit" 2>/dev/null || true
    systemctl --user start --no-block "$unit"
    for _ in $(seq 300); do
        if [ "$(property InvocationID)" != "$former" ]; then break; fi
        sleep 0.1
    done
}

# $1: what to do first where the unit is missing, $2: what to say where it runs already, $3: what it is that failed,
# $4: where its reason stands, $5: a function that tells of the progress, every 3 s, $6: the unit as journalctl shall be given it
follow_unit() {
    local turn=0 result
    [ "$(property LoadState)" = loaded ] || fail "$unit is not on this host. $1"
    if busy; then say "$2"; else begin_unit; fi
    while busy; do
        sleep 0.5
        turn=$((turn + 1))
        tell_news
        if [ $((turn % 6)) = 0 ]; then "$5"; fi
    done
    sleep 0.5 # the journal is a little behind
    tell_news
    result=$(property Result)
    if [ "$result" = success ]; then return 0; fi
    if has_journal; then fail "$3 failed ($result); $4: journalctl --user -u $6"; fi
    fail "$3 failed ($result). $(id -un) cannot read its journal on this host; root can: journalctl _SYSTEMD_USER_UNIT=$unit"
}
