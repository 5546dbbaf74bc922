# shellcheck shell=bash
# What a diagnosis reads of the host itself. Changes nothing.
. lib/emit.sh
: "${account:?}"
most_of_journal=4194304 # bytes: one line can be half a gigabyte, and whoever writes it chooses

# The system's journal has all of it, for root; see has_journal.
journal_of_root() {
    local own
    [ "$(id -u)" = 0 ] || return 0
    own=_UID=$(id -u "$account")
    journalctl -q --no-pager --since '-1 hour' -n 100 -o cat "$own" _SYSTEMD_USER_UNIT=kometa.service + \
        "$own" SYSLOG_IDENTIFIER=kometa | head -c "$most_of_journal"
}

diagnose_host_part() {
    journal_of_root | gzip -1 | emit journal-of-root
    date +%s | emit now
    {
        printf 'Container=%s\n' "$(systemd-detect-virt --container)"
        timedatectl show -p NTPSynchronized -p NTP
    } | emit clock
    if command -v getenforce >/dev/null && [ "$(getenforce)" != Disabled ]; then
        getenforce | emit selinux
        journalctl -q --no-pager --since '-24 hours' -o cat -g 'avc: +denied.*container' -n 20 |
            head -c "$most_of_journal" | emit selinux-denials
    fi
}
