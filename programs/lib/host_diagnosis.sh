# shellcheck shell=bash
# What a diagnosis reads of the host itself. Changes nothing.
. lib/emit.sh
: "${account:?}"
most_of_journal=4194304 # bytes: one line can be half a gigabyte, and whoever writes it chooses

# The system's journal has all of it, for root; see has_journal.
journal_of_root() {
    [ "$(id -u)" = 0 ] || return 0
    journalctl -q --no-pager "_UID=$(id -u "$account")" _SYSTEMD_USER_UNIT=kometa.service --since '-1 hour' -n 100 -o cat | head -c "$most_of_journal"
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
