# shellcheck shell=bash
# A trial encryption with the host's own age: recipients that it refuses must not be found out at night.
. lib/files.sh

check_recipients() { # $1: directory of new files
    local refusal
    [ -e "$1/backup-recipients.txt" ] || return 0
    refusal=$(printf trial | age -R "$1/backup-recipients.txt" 2>&1 >/dev/null) ||
        fail "age on this host cannot encrypt to kometa_backup_recipients; nothing was changed. It says: $refusal"
}
