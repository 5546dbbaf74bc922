# shellcheck shell=bash
# What restores share: the journal, by which whatever was cut off is put right, and the exchange of the live tree.
# Variables set in front of this text: config_dir, owner_uid, owner_gid, timezone, patience (seconds for Kometa to be alive).
# shellcheck disable=SC2154
# shellcheck disable=SC2034  # the functions run in namespaces that get them
journal=$state_dir/restore
trees_kept=2
stamp='[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z'

# What a restore has under way. stage: a directory of our own; candidate: the tree that is to go live; live: the place
# where it goes; inode: the candidate's, by which one sees where it is; was_active: whether the service ran.
stage='' candidate='' live='' inode='' was_active=''

# The lock and the controller's stream are ours alone: Podman may leave a process of its own behind.
podman() { command podman "$@" 7<&- 8<&- 9>&-; }

# --- the journal: written before what it tells of is done -------------------------------------------------------------

write_journal() {
    mkdir -p -- "$state_dir"
    printf '%s\n' "stage=$stage" "candidate=$candidate" "live=$live" "inode=$inode" "was_active=$was_active" >"$journal.new"
    sync -- "$journal.new"
    mv -T -- "$journal.new" "$journal"
    sync -- "$state_dir"
}

read_journal() {
    local line
    while IFS= read -r line; do
        case ${line%%=*} in stage | candidate | live | inode | was_active) printf -v "${line%%=*}" %s "${line#*=}" ;; esac
    done <"$journal"
}

inode_of() { stat -c %i -- "$1" 2>/dev/null || true; }

# Puts right what a restore has left, wherever it was cut off. The live tree is the former or the new one, entire: the
# former is kept if it was replaced, the new one is dropped if it was not.
repair() {
    rm -f -- "$journal.new"
    [ -e "$journal" ] || return 0
    read_journal
    in_namespace finish_renames
    if [ -n "$inode" ] && [ "$(in_namespace inode_of "$live")" = "$inode" ]; then in_namespace keep_replaced >/dev/null; fi
    in_namespace drop_oldest
    in_namespace drop_stage || fail "$stage, the rest of a restore, could not be removed."
    if [ -n "$was_active" ] && ! systemctl --user -q is-active "$unit"; then
        start_unit start || say "$unit could not be started. See: journalctl --user -u kometa"
    fi
    rm -f -- "$journal"
}

drop_stage() {
    if [ -n "$stage" ]; then rm -rf --one-file-system -- "$stage"; fi
}

# --- the exchange; these run inside the namespace, where all of the tree is ours --------------------------------------

# One system call, renameat2 with RENAME_EXCHANGE: no moment without a tree under the live name. Only newer versions of
# mv have it. File systems that cannot (NFS) get two renames, which the journal mends.
exchange() { # $1: candidate, $2: live
    if exchange_at_once "$1" "$2" 2>/dev/null; then return 0; fi
    mv -T -- "$2" "$1.former" && mv -T -- "$1" "$2" && mv -T -- "$1.former" "$1"
}

exchange_at_once() {
    if [[ $(mv --help) == *--exchange* ]]; then
        mv --exchange -T -- "$1" "$2"
    elif command -v python3 >/dev/null; then
        python3 -c 'import ctypes, os, sys
one, other = map(os.fsencode, sys.argv[1:])
sys.exit(ctypes.CDLL(None).renameat2(-100, one, -100, other, 2) != 0)' "$1" "$2"
    elif command -v perl >/dev/null; then
        # shellcheck disable=SC2016  # perl's variables
        perl -e 'my %number = (x86_64 => 316, aarch64 => 276, riscv64 => 276, armv7l => 382, i686 => 353, ppc64le => 357, s390x => 347);
my ($machine, $one, $other) = @ARGV; exit(syscall($number{$machine} // exit(1), -100, $one, -100, $other, 2) != 0)' \
            "$(uname -m)" "$1" "$2"
    else
        return 1
    fi
}

go_live() {
    if [ -e "$live" ]; then exchange "$candidate" "$live"; else mv -T -- "$candidate" "$live"; fi
}

go_back() {
    if [ -e "$candidate" ]; then exchange "$candidate" "$live"; else mv -T -- "$live" "$candidate"; fi
}

finish_renames() {
    [ -e "$candidate.former" ] || return 0
    if [ -e "$live" ]; then mv -T -- "$candidate.former" "$candidate"; else mv -T -- "$candidate.former" "$live"; fi
}

kept_trees() { find "${live%/*}" -maxdepth 1 -type d -name "${live##*/}.before-$stamp" | sort; }

# Keeps the tree that was live, of all such the last two, and tells its name.
keep_replaced() {
    [ -e "$candidate" ] || return 0
    local name
    name=$live.before-$(date -u +%Y-%m-%dT%H%M%SZ)
    while [ -e "$name" ]; do
        sleep 1
        name=$live.before-$(date -u +%Y-%m-%dT%H%M%SZ)
    done
    mv -T -- "$candidate" "$name"
    drop_oldest
    printf '%s\n' "$name"
}

drop_oldest() {
    kept_trees | head -n "-$trees_kept" | xargs -d '\n' -r rm -rf --one-file-system -- ||
        say "a former tree beside $live could not be removed entirely; some of it belongs to the host's root."
}

give_to_container() { find "$1" \( ! -uid "$owner_uid" -o ! -gid "$owner_gid" \) -exec chown -h "$owner_uid:$owner_gid" -- {} +; }

# --- the service ------------------------------------------------------------------------------------------------------

in_progress() { in_namespace run_in_progress "$config_dir/logs" "$timezone"; }

# Kometa's runs take hours. While this waits, the controller may still go away (descriptor 8 is its stream).
wait_until_idle() {
    local deadline=$((SECONDS + idle_wait)) started since said='' status
    while [ -z "$force" ]; do
        started=$(in_progress) || fail "Podman does not tell whether a run is in progress; nothing was changed."
        [ -n "$started" ] || return 0
        since=$(TZ=$timezone date -d "@$started" '+%F %H:%M')
        if [ "$SECONDS" -ge "$deadline" ]; then
            fail "a run is in progress since $since and was not disturbed; nothing was changed." \
                "Restore again after its end, or add force=true, which ends it."
        fi
        if [ -z "$said" ]; then say "waiting for the run in progress since $since to finish (at most $idle_wait s)"; fi
        said=yes status=0
        read -r -t 2 -u 8 _ || status=$?
        if [ "$status" != 0 ] && [ "$status" -le 128 ]; then fail "the controller has gone; nothing was changed."; fi
    done
}

note_service() {
    case $(systemctl --user is-active "$unit" || true) in active | activating | reloading) was_active=yes ;; esac
}

stop_service() {
    [ -n "$was_active" ] || return 0
    thaw
    systemctl --user stop "$unit" || fail "$unit could not be stopped; nothing was changed."
}

start_service() {
    [ -n "$was_active" ] || return 0
    start_unit start && healthy "$patience"
}

# A kept tree goes back as it was, with files of the host's root if it had any: the next deploy sees to those.
take_over_candidate() {
    if [ -n "$stage" ]; then
        in_namespace give_to_container "$candidate"
    else
        in_namespace give_to_container "$candidate" 2>/dev/null || true
    fi
}

# Makes the candidate the live tree. From here on nothing but the loss of the whole host stops this half way.
commit_tree() {
    wait_until_idle
    enter_commit
    take_over_candidate
    sync -f "${live%/*}"
    inode=$(in_namespace inode_of "$candidate")
    note_service
    write_journal
    stop_service
    in_namespace go_live || fail "the trees could not be exchanged; the former one is live."
    sync -f "${live%/*}" || say "the exchange could not be brought to the disk at once"
    if start_service; then
        kept=$(in_namespace keep_replaced)
        return 0
    fi
    local why=${unhealthy:-$unit does not start}
    say "$why. The last lines of its log:"
    service_log 25 | sed 's/^/    /' >&2 || true
    systemctl --user stop "$unit" || true
    in_namespace go_back
    sync -f "${live%/*}" || true
    say "the former tree is live again"
    if ! start_service; then say "Kometa is not healthy with the former tree either: ${unhealthy:-$unit does not start}"; fi
    fail "Kometa is not healthy with the restored tree ($why); the former one was put back."
}

finish_by_journal() {
    local status=$?
    trap '' INT TERM
    set +e
    repair
    exit "$status"
}

# From here on a line that is cut stops nothing: what is said goes to a file, and from there to the controller if it is
# still there.
enter_commit() {
    trap '' INT TERM
    exec 6>&2 2>"$state_dir/restore.log"
    tail -n +1 -s 0.2 -f --pid=$$ "$state_dir/restore.log" >&6 2>/dev/null 8<&- 9>&- &
    exec 6>&-
}

begin() {
    exec 8<&0 </dev/null
    trap '' HUP
    trap : PIPE # not ignored: what we start shall end by it
    trap 'exit 143' INT TERM
    if [ -z "$have_lock" ]; then take_lock "$lock_wait" "$holder"; fi
    repair
    stage='' candidate='' live='' inode='' was_active=''
    trap finish_by_journal EXIT
}

await_commit() {
    local word=
    read -r -t 120 -u 8 word || true
    [ "$word" = commit ] || fail "the connection was lost before the archive's end was confirmed; nothing was changed."
}
