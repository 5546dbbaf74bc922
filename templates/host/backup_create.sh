# shellcheck shell=bash
# Starts the backup's unit and tells how it goes, until it has ended. Its messages come from the journal.
# shellcheck disable=SC2154  # backup_dir is set in front of this text
unit=kometa-backup.service
property() { systemctl --user show "$unit" -p "$1" --value; }
busy() { case $(property ActiveState) in activating | deactivating | reloading) return 0 ;; *) return 1 ;; esac; }

cursor=$(journalctl --user -q -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p')
told=0
tell_news() {
    local news
    news=$(journalctl --user -q -o cat ${cursor:+--after-cursor="$cursor"} "_SYSTEMD_USER_UNIT=$unit" SYSLOG_IDENTIFIER=kometa-backup 2>/dev/null | tail -n "+$((told + 1))")
    [ -n "$news" ] || return 0
    told=$((told + $(wc -l <<<"$news")))
    say "$news"
}

tell_size() {
    local size
    size=$(find "$backup_dir" -maxdepth 1 -name 'kometa-*.partial' -printf '%s\n' 2>/dev/null | head -n 1)
    if [ -n "$size" ]; then say "$(numfmt --to=iec-i --suffix=B "$size") written after $((SECONDS - began)) s"; fi
}

[ "$(property LoadState)" = loaded ] || fail "$unit is not on this host. Deploy first, with kometa_backup_recipients set."
began=$SECONDS
if busy; then
    say "a backup is running already; what follows is about that one"
else
    former=$(property InvocationID)
    systemctl --user reset-failed "$unit" 2>/dev/null || true
    systemctl --user start --no-block "$unit"
    for _ in $(seq 300); do
        if [ "$(property InvocationID)" != "$former" ]; then break; fi
        sleep 0.1
    done
fi
turn=0
while busy; do
    sleep 0.5
    turn=$((turn + 1))
    tell_news
    if [ $((turn % 6)) = 0 ]; then tell_size; fi
done
sleep 0.5 # the journal is a little behind
tell_news
result=$(property Result)
[ "$result" = success ] || fail "the backup failed ($result); its reason stands above and in: journalctl --user -u kometa-backup"
