# shellcheck shell=bash
# A snapshot of the config tree in a restic repository: what did not change is not read again. restic gets ready while
# Kometa runs, and Kometa is frozen only while it reads. Needs what backup.sh has about containers.
. lib/backup_common.sh
. lib/backup_marks.sh
. lib/backup_stages.sh
. lib/freeze.sh
. lib/left_out.sh
. lib/restic.sh
: "${host_name:?}" "${repository_mount?}"
declare -a excludes # patterns
warm_from=268435456 # bytes that changed since the last snapshot, above which most are read before the freeze
check_parts=12 # of the repository's data, one of which is read each week: all of it in a quarter
check_seconds=14400 # and no longer than this
prune_seconds=3600
prune_bytes=256M # of partly used packs that are written again at a time
snapshot_output=$state_dir/snapshot.output
snapshot_state=$state_dir/snapshot # the last one: `MOMENT ID`
maintained=$state_dir/repository-maintained
damaged=$state_dir/repository-damaged # why, where the last check found it so
# Exit statuses: of ours, and of restic.
no_config=4
much_is_new=5
no_repository=10
wrong_password=12

# --- reading the tree; these run inside the namespace -----------------------------------------------------------------

# $@: further options of `restic backup`. Standard output: restic's own words, from which the result is taken.
read_tree() {
    local options=() pattern
    for pattern in "${excludes[@]}"; do options+=(--exclude "$config_dir/$pattern"); done
    cd -- "${config_dir%/*}" || exit "$no_config"
    if [ ! -e "$config_dir/config.yml" ]; then
        say "there is no config.yml in $config_dir: snapshots of what is left would in time push out the good ones"
        exit "$no_config"
    fi
    RESTIC_PROGRESS_FPS=0.3 restic backup --no-scan --host "$host_name" "${options[@]}" "$@" -- "${config_dir##*/}"
}

# restic reads files of patterns when it is ready to read the tree, so two of them, which are pipes, make it say so and
# wait. What was written to after the freeze was not at rest; restic itself would not notice.
read_frozen_tree() { # $1: the snapshot's time
    local options=(--time "$1" --tag kometa-host) status=0 news
    if is_by_hand; then options+=(--tag by-hand); fi
    look_at_tree >"$gates.look" & # while restic gets ready
    read_tree "${options[@]}" --exclude-file "$gates.ready" --exclude-file "$gates.go" || status=$?
    [ "$status" = 0 ] || exit "$status"
    cd -- "$config_dir" || exit "$no_config"
    news=$(find . "${left_out[@]}" -newercm "$gates.frozen" -print -quit)
    if [ -n "$news" ]; then
        say "$news was written to while it was read"
        exit "$changed"
    fi
}

# Prints how many bytes have changed since the last snapshot, and when a run is due that has not begun, if there is one.
look_at_tree() {
    local new=()
    if [ -e "$snapshot_state" ]; then new=(-newercm "$snapshot_state"); fi
    cd -- "$config_dir" || return 1
    # What vanishes meanwhile is restic's to tell.
    { find . "${left_out[@]}" -type f "${new[@]}" -printf '%s\n' 2>/dev/null || true; } | awk '{ sum += $1 } END { printf "%.0f ", sum }'
    due_run "$config_dir/logs/meta.log"
}

# --- one attempt ------------------------------------------------------------------------------------------------------

# Runs restic in a process group of its own, and freezes what writes to the tree once it is ready to read; returns its
# status. It looks around while restic gets ready.
read_and_freeze() {
    local gates look ready go='' status=0 bytes='' due=''
    gates=$state_dir/gates.$EPOCHREALTIME # of this time alone
    mkfifo -- "$gates".{look,ready,go}
    set -m
    in_namespace_at_home read_frozen_tree "${moment:0:10} ${moment:11:2}:${moment:13:2}:${moment:15:2}" >"$snapshot_output" 9>&- &
    job=$!
    set +m
    cat <"$gates.look" >"$gates.seen" 9>&- &
    look=$!
    : >"$gates.ready" 9>&- &
    ready=$!
    look_for_writers
    if comes_first "$look" && comes_first "$ready"; then
        read -r bytes due <"$gates.seen" || true
        if [ -n "$due" ]; then wait_for_due_run; fi
        if [ -z "$warm" ] && [ "${bytes:-0}" -ge "$warm_from" ]; then give_up_reading; else let_it_read; fi
    fi
    kill -KILL -- "-$job" 2>/dev/null || true # of which one process was killed: the others must not go on
    job=
    # They still wait where restic has ended too early.
    { kill -KILL "$look" "$ready" ${go:+"$go"} && wait "$look" "$ready" ${go:+"$go"}; } 2>/dev/null || true
    rm -f -- "$gates".*
    return "$status"
}

# Waits for a process that ends when the job has got so far; sets status where the job itself has ended.
comes_first() {
    local ended
    wait_for_job_or "$1" || status=$?
    [ "$ended" = "$1" ]
}

let_it_read() {
    freeze
    : >"$gates.frozen"
    : >"$gates.go" 9>&- &
    go=$!
    await_job || status=$?
}

# Ends restic, not its ssh, while it waits at the gate: it takes its lock away itself once it is past that.
give_up_reading() {
    say "$((bytes >> 20)) MiB of the tree are new: restic is interrupted, and reads them once before the freeze"
    status=$much_is_new
    pkill -INT -g "$job" -x restic || true
    : >"$gates.go" 9>&- &
    go=$!
    wait "$job" 2>/dev/null || true
    free_our_locks
}

# The first time, or after much has changed, most of it is read while Kometa runs: the freeze is then for the rest alone.
snapshot_frozen_tree() {
    local status=0
    moment=$(moment_now)
    with_a_freeze read_and_freeze || status=$?
    [ "$status" = "$much_is_new" ] || return "$status"
    warm_up
    moment=$(moment_now)
    with_a_freeze read_and_freeze
}

# Prints the part in brackets of a line that restic's output has, nothing where it has none.
said_by_restic() { # $1: a regular expression of a line's beginning
    if [[ $'\n'$(<"$snapshot_output") =~ $'\n'$1 ]]; then printf '%s' "${BASH_REMATCH[1]}"; fi
}

saved_snapshot() { said_by_restic 'snapshot ([0-9a-f]+) saved'; }

added_bytes() {
    local added
    added=$(said_by_restic $'Added to the repository: ([^(\n]*[^ (\n])')
    printf '%s' "${added:-0 B}"
}

forget_saved() {
    local id
    id=$(saved_snapshot)
    if [ -n "$id" ] && ! forget_ids "$id"; then say "the snapshot $id, which is not to be restored, could not be removed"; fi
}

warm_up() {
    in_namespace_at_home read_tree --tag kometa-host-warm >"$snapshot_output" 9>&- || [ $? = "$changed" ] || explain_failure
    warm=$(saved_snapshot)
    say "$(added_bytes) added before the freeze, in $((SECONDS - began)) s"
}

save_snapshot() {
    local attempt status warm='' moment
    need_mount "$repository_mount"
    load_repository
    if compgen -G "$state_dir/gates.*" >/dev/null; then rm -rf -- "$state_dir"/gates.*; fi # of one that was killed
    for ((attempt = 1; attempt <= attempts; attempt++)); do
        status=0
        snapshot_frozen_tree || status=$?
        case $status in
            0 | "$no_config" | "$no_repository" | "$wrong_password") break ;;
            "$changed")
                say "the tree changed while it was read, or could not be read (attempt $attempt of $attempts)"
                forget_saved
                ;;
            *) free_our_locks ;;
        esac
        if [ "$attempt" -lt "$attempts" ]; then sleep 5; fi
    done
    [ "$status" = 0 ] || explain_failure
    report_snapshot
    if [ -n "$warm" ]; then forget_ids "$warm" || true; fi
    maintain_repository
}

report_snapshot() {
    local id files
    id=$(saved_snapshot)
    files=$(said_by_restic 'processed ([0-9]+) files')
    if [ -z "$id" ] || [ "${files:-0}" -eq 0 ]; then fail "no snapshot was made: restic did not say that it saved one."; fi
    printf '%s %s\n' "$moment" "$id" >"$snapshot_state.new"
    mv -T -- "$snapshot_state.new" "$snapshot_state"
    note_stage copied "restic:$id"
    say "snapshot $id: $files files, $(added_bytes) added, $((SECONDS - began)) s, Kometa was frozen for $(frozen_seconds) s"
}

explain_failure() { fail "no snapshot was made in kometa_backup_repository; restic says above why."; }

# --- once a week ------------------------------------------------------------------------------------------------------

# Checks first: nothing is taken away from a repository that is not in order.
maintain_repository() {
    if [ -e "$maintained" ] && [ ! -e "$damaged" ] && [ -z "$(find "$maintained" -mmin +$((7 * 1440 - 120)))" ]; then return 0; fi
    free_our_locks
    check_repository
    forget_warm
    forget_superseded
    touch -- "$maintained"
}

check_repository() {
    local part status=0
    part=$(($(date +%s) / (7 * 86400) % check_parts + 1))
    restic_within "$check_seconds" check --read-data-subset="$part/$check_parts" >"$state_dir/check.output" 2>&1 || status=$?
    case $status in
        0)
            rm -f -- "$damaged"
            note_stage checked "the repository, part $part of $check_parts"
            say "the repository was checked, part $part of $check_parts of its data too: it is in order"
            ;;
        124) say "the check of the repository did not end within $check_seconds s; it goes on in a week" ;;
        *) report_bad_check ;;
    esac
}

report_bad_check() {
    tail -n 12 -- "$state_dir/check.output" >&2
    grep -q 'contains errors' -- "$state_dir/check.output" ||
        fail "the snapshot was written, but the repository could not be checked: restic says above why. The next backup tries again."
    cp -- "$state_dir/check.output" "$damaged"
    fail "the snapshot was written, but kometa_backup_repository is damaged, see above: what it holds cannot be relied on." \
        "Nothing is removed from it, and every backup fails, until a check succeeds. docs/backups.md says how to repair it."
}

snapshot_names() { sed -E 's/^([^ ]+) ([^ ]+) .*/kometa-\1.restic.\2/'; }

snapshot_marks() { # standard input: as list_snapshots prints them
    awk '{ name = "kometa-" $1 ".restic." $2 } $3 == "by-hand" { print "by-hand", name } $4 == "pinned" { print "pinned", name }'
}

# What prepared a backup that was cut off.
forget_warm() {
    local ids
    mapfile -t ids < <(restic snapshots --json --tag kometa-host-warm | grep -oE '"short_id":"[0-9a-f]+"' | cut -d '"' -f 4)
    if [ "${#ids[@]}" -gt 0 ]; then forget_ids "${ids[@]}" || true; fi
}

# retention.awk decides, as it does about archives; restic carries it out.
forget_superseded() {
    local listed names name ids=()
    listed=$(restic snapshots --json --host "$host_name" | list_snapshots)
    names=$({ snapshot_marks <<<"$listed"; proved_snapshots; snapshot_names <<<"$listed"; } | superseded) ||
        fail "it could not be decided which snapshots may go; none was removed."
    [ -n "$names" ] || return 0
    while IFS= read -r name; do ids+=("${name##*.}"); done <<<"$names"
    if forget_ids "${ids[@]}"; then
        say "removed the snapshots ${ids[*]} (kometa_backup_keep: ${keep[*]})"
        prune_repository
    fi
}

# Proofs name a snapshot as `restic:ID`; retention.awk knows it by its moment.
proved_snapshots() {
    local id
    sed -nE 's/^[^ ]+ (drilled|restored) restic:([0-9a-f]+)$/\2/p' -- "$proofs_file" 2>/dev/null | while IFS= read -r id; do
        awk -v id="$id" '$2 == id { print "proved kometa-" $1 ".restic." $2 }' <<<"$listed"
    done
}

# Some servers take nothing away, so that nobody who has this host can: the retention is then theirs.
forget_ids() {
    local said
    said=$(restic forget "$@" 2>&1 >/dev/null) || {
        free_our_locks
        said=$(restic forget "$@" 2>&1 >/dev/null) || fail "$said" "Snapshots that may go could not be removed: $*"
    }
    case $said in
        *'unable to remove'* | *403* | *AccessDenied*)
            say "the repository's server removes nothing (append-only): retention of snapshots and prune are that server's"
            return 1
            ;;
    esac
}

prune_repository() {
    local status=0
    restic_within "$prune_seconds" prune --max-unused 10% --max-repack-size "$prune_bytes" >"$state_dir/prune.output" 2>&1 || status=$?
    case $status in
        0) say "pruned: $(grep -E '^(total prune|this removes)' -- "$state_dir/prune.output" | tail -n 1 | tr -s ' ')" ;;
        124) say "the prune did not end within $prune_seconds s; it goes on in a week" ;;
        *) tail -n 5 -- "$state_dir/prune.output" >&2 && fail "the snapshot is good, but what no snapshot needs could not be pruned." ;;
    esac
}
