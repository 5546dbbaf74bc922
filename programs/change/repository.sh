# shellcheck shell=bash
# Makes sure that the restic repository is there, is this host's own, and opens. Notes for which settings that holds. These
# come on standard input: one that is refused leaves the host with what its backups go by.
. lib/restic.sh
: "${host_name:?}" "${fingerprint:?}"

patience=180 # seconds; restic itself tries for a quarter of an hour
oldest_restic=0.16 # the first with all that backups, checks and restores use

refuse_old_restic() {
    local version
    version=$(restic version | sed -nE 's/^restic ([0-9.]+).*/\1/p')
    printf '%s\n' "$oldest_restic" "$version" | sort -VC ||
        fail "restic on this host is $version, and kometa_backup_repository needs $oldest_restic or newer. Debian 13 and" \
            "Ubuntu 24.04 have it, Debian 12 has not; or put the program from restic.net into /usr/local/bin, then deploy again."
}

refuse_other_hosts() {
    local others
    others=$(restic snapshots --json | tr ',{[' '\n' | sed -nE 's/^"hostname":"([^"]*)"$/\1/p' | sort -u | grep -vxF -- "$host_name" | head -n 3 || true)
    [ -z "$others" ] || fail "kometa_backup_repository holds backups of $(tr '\n' ' ' <<<"$others")and this host is $host_name in the inventory." \
        "Give each host a repository of its own, such as one below it: .../$host_name. If this host takes the other one's place," \
        "call it by that name in inventory.py: (\"NAME\", {\"ssh_hostname\": \"its address\"})."
}

open_repository() {
    local said status=0
    said=$(restic_within "$patience" cat config 2>&1 >/dev/null) || status=$?
    [ "$status" != 0 ] || return 0
    [ "$status" != 124 ] || fail "kometa_backup_repository did not answer within $patience s. Is its address right, does a bucket exist?" \
        "restic says: $said"
    case $said in
        *'wrong password'*) fail "kometa_backup_repository has another password than RESTIC_PASSWORD of kometa_repository_secrets." \
            "Write the right one, or name another place; what is there was not touched." ;;
        *'Is there a repository at the following location'*) make_repository ;;
        *'unable to start the sftp session'*) fail "kometa_backup_repository cannot be reached by sftp. Is that host on, does it let" \
            "$(id -un) in with a key of its own, and does $(id -un) know that host's key? docs/backups.md says how. restic says: $said" ;;
        *) fail "kometa_backup_repository cannot be opened. restic says: $said" ;;
    esac
}

make_repository() {
    local said
    said=$(restic init 2>&1 >/dev/null) || case $said in
        *'permission denied'*) fail "kometa_backup_repository: $(id -un) cannot make a repository there. Make the directory on the host that" \
            "has it, and give it to $(id -un), for example: install -d -o $(id -un) -g $(id -gn) -m 0700 /srv/restic. restic says: $said" ;;
        *) fail "the repository could not be made. restic says: $said" ;;
    esac
    say "the repository is made: whoever lacks RESTIC_PASSWORD can never open it, so keep that in a safe place as well"
}

use_repository "$(cat)"
refuse_old_restic
open_repository
refuse_other_hosts
# What is known of another repository is not true of this one.
rm -f -- "$state_dir/snapshot" "$state_dir/repository-maintained" "$state_dir/repository-damaged"
printf '%s\n' "$fingerprint" >"$state_dir/repository"
