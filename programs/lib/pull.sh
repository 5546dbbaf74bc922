# shellcheck shell=bash
# Brings the host to the state of a git repository of this project, here on the host, as the account, without root.
. lib/history.sh
. lib/idle.sh
. lib/lock.sh
. lib/python.sh
: "${lock_wait:?}" "${library_dir:?}" "${repository?}" "${branch?}" "${unsigned?}" "${inventory_host?}" # empty but in pull mode
pull_dir=$state_dir/autodeploy/git
bare=$pull_dir/repository.git # a copy that can be fetched again at any time
largest_kib=${KOMETA_HOST_LARGEST_KIB:-1048576} # of a fetch, and of the whole copy
still_words=$pull_dir/still # that the branch stands still, in words, while it does

# Its own collection of garbage must end with it; what was fetched must survive a power failure.
git() { timeout 900 git --git-dir="$bare" -c core.hooksPath=/dev/null -c fetch.fsckObjects=true -c gc.autoDetach=false -c core.fsync=all "$@"; }
described() { git log -1 --format='%h (%s)' "$1" | tr -d '[:cntrl:]'; }

# $1: deployed (what the host has), newest (of those that were ever followed) or bad (with which Kometa was not healthy). Prints a commit, nothing where there is none.
known() { grep -xE '[0-9a-f]{40,64}' "$pull_dir/$1" 2>/dev/null || true; }
remember_commit() {
    printf '%s\n' "$2" >"$pull_dir/$1.new" && sync "$pull_dir/$1.new" && mv -T -- "$pull_dir/$1.new" "$pull_dir/$1"
}

note_pull() { # $1: event, $2: in words
    noted=yes
    container=git image="$repository $branch" previous=$deployed note "$1" "$2"
}

postpone_pull() { # $1: in words
    noted=yes
    container=git image="$repository $branch" previous=$deployed postpone "$1"
}

give_up() {
    note_pull failed "$*"
    exit 1
}

# Whatever ends this before it has said how it went is said, too.
say_unexpected() {
    local status=$?
    if [ "$status" != 0 ] && [ -z "$noted" ]; then note_pull failed "it ended before its time ($status); the journal says more"; fi
}

# --- what the repository says --------------------------------------------------------------------------------------

fetch_once() {
    local status=0
    command git init --quiet --bare -- "$bare" && drop_unfinished_fetch || return 1
    # One pack, so that the limit for a file is that of all. Nothing may ask: nobody is there to answer.
    (
        ulimit -f "$largest_kib"
        GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND='ssh -o BatchMode=yes' git -c fetch.unpackLimit=1 fetch --quiet --prune --force -- \
            "$repository" "+refs/heads/$branch:refs/kometa-host/wanted" '+refs/tags/*:refs/tags/*' </dev/null
    ) || status=$?
    drop_unfinished_fetch
    return "$status"
}

# What a fetch that was cut off leaves: git itself would keep it for two weeks.
drop_unfinished_fetch() {
    find "$bare" \( -name '*.lock' -o -name 'tmp_*' -o -name '.tmp-*' \) -type f -delete
    find "$bare/objects" -maxdepth 1 -name 'tmp_objdir-*' -exec rm -rf -- {} +
    rm -rf -- "$pull_dir"/trees/*.partial
}

# A power failure can leave any file of the copy empty. Sets output, as its caller does.
fetch_into_new_copy() {
    if git fsck --no-progress >/dev/null 2>&1; then return 1; fi
    say "the copy of the repository is damaged; fetching it again"
    rm -rf -- "$bare"
    output=$(fetch_once 2>&1)
}

refuse_large() {
    # index-pack is ended by a signal, and of that nothing is said but that its output is not whole.
    grep -qE 'File too large|signal 25|invalid index-pack output' <<<"$output" || return 1
    rm -rf -- "$bare"
    give_up "the repository is larger than $((largest_kib >> 10)) MiB, and was not fetched; nothing was changed"
}

fetch() {
    local output
    output=$(fetch_once 2>&1) || fetch_into_new_copy || refuse_large ||
        give_up "the repository could not be fetched, nothing was changed: $(tr '\n' ' ' <<<"$output" | cut -c1-400)"
    if [ "$(du -sk -- "$bare" | cut -f1)" -gt "$largest_kib" ]; then output='File too large' && refuse_large; fi
    new=$(git rev-parse --verify 'refs/kometa-host/wanted^{commit}')
}

# Whoever holds the repository can also offer nothing new, for as long as he likes. Prints since when the branch stands
# still, in words, if that is a month longer than it ever was between two commits.
stands_still() {
    local since
    since=$(git log -200 --first-parent --format=%ct "$new" | awk -v now="$(date +%s)" '
        NR == 1 { newest = $1 }
        NR > 1 && before - $1 > longest { longest = before - $1 }
        { before = $1 }
        END { if (now - newest > longest + 30 * 86400) print newest }
    ')
    [ -n "$since" ] || return 0
    printf 'nothing new since %s, a month longer than between any two commits before: is something kept back?' \
        "$(date -u -d "@$since" +%F)"
}

# A signature counts if one of the keys in allowed-signers made it, on the commit or on a tag that points at it.
is_signed() {
    # A signature says itself of what kind it is: for all but those of SSH there is no program.
    local check=(-c gpg.program=false -c gpg.openpgp.program=false -c gpg.x509.program=false -c gpg.format=ssh -c gpg.ssh.allowedSignersFile="$library_dir/allowed-signers" -c gpg.minTrustLevel=fully) tag
    if git "${check[@]}" verify-commit "$new" >/dev/null 2>&1; then return 0; fi
    while IFS= read -r tag; do
        if git "${check[@]}" verify-tag "$tag" >/dev/null 2>&1; then return 0; fi
    done < <(git for-each-ref --points-at "$new" --format='%(refname)' refs/tags)
    return 1
}

refuse_untrusted() {
    if [ -z "$unsigned" ] && [ "$new" != "$deployed" ] && ! is_signed; then
        give_up "neither $(described "$new") nor a tag on it is signed by a key of kometa_autodeploy_signers; nothing was changed"
    fi
    # Whoever holds the repository could otherwise bring back an old commit, signed and with a fault that is known.
    if [ -n "$newest" ] && [ -z "$rewritten" ] && ! git merge-base --is-ancestor "$newest" "$new" 2>/dev/null; then
        give_up "$(described "$new") does not follow from the newest that the host knows, ${newest:0:7}: the branch was" \
            "rewritten. Nothing was changed. If that is right: operations.autodeploy.run retry=true"
    fi
    # From now on, whatever becomes of its deploy.
    if [ "$new" != "$newest" ]; then remember_commit newest "$new"; fi
}

# --- running a commit ------------------------------------------------------------------------------------------------

# Makes the directory and the virtual environment of a commit; each is complete or not there at all. Sets venv. What is
# called from here may be within an `if`, where the shell does not stop at errors by itself.
prepare() { # $1: commit
    local tree=$pull_dir/trees/$1 python
    python=$(new_python 11) || return 1
    if [ ! -d "$tree" ]; then
        rm -rf -- "$tree.partial" && mkdir -p -- "$tree.partial" && git archive "$1" | tar -x -C "$tree.partial" &&
            sync -f "$tree.partial" && mv -T -- "$tree.partial" "$tree" || return 1
    fi
    venv=$pull_dir/venvs/$({ "$python" --version && cat -- "$tree/requirements.lock"; } | sha256sum | cut -c1-16)
    if [ -e "$venv/complete" ]; then return 0; fi
    say "installing what the project needs"
    rm -rf -- "$venv" && "$python" -m venv -- "$venv" >&2 &&
        timeout 1800 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
            --require-hashes --only-binary :all: --requirement "$tree/requirements.lock" >&2 </dev/null &&
        sync -f "$venv" && : >"$venv/complete"
}

# Runs a part of the project at a prepared commit; its words come through and stay in $pull_dir/output.
run_project() { # $1: commit, then arguments for Python
    local tree=$pull_dir/trees/$1
    shift
    (
        cd -- "$tree" || exit
        KOMETA_HOST_NAME=$inventory_host PYINFRA_PROGRESS=off NO_COLOR=1 timeout 14400 "$venv/bin/python" "$@" 8>&- </dev/null 2>&1
    ) | sed -u 's/\x1b\[[0-9;]*m//g' | tee "$pull_dir/output" >&2
}

# What only root could do was left undone, and said so.
left_to_root() { grep -o 'left undone: .* needs root' "$pull_dir/output" | sort -u | sed 's/^/; /' | tr -d '\n'; }

# As operations/kometa.py, operations/podman.py and change/switch_service.sh say it; a file's name may hold any word.
has_postponed() { has_said '^ *\(\[@local\] \)\?\(restart \)\?postponed: '; }

has_said() { grep -q -- "$1" "$pull_dir/output"; }

# What pyinfra said last before its table of results, without its own headings.
last_words() {
    sed -e '/^--> Results:/,$d' -e 's/^--> pyinfra error[^:]*: //' -e '/^-->/d' -e '/Error: executed/d' -e '/^ *$/d' \
        -e 's/^ *\(\[@local\] \)\?//' "$pull_dir/output" | tail -n 4 | tr '\n' ' ' | cut -c1-600 | sed 's/ $//'
}

has_drifted() {
    local status=0
    run_project "$1" -m tools.drift local.py || status=$?
    case $status in
        0) return 1 ;;
        2) return 0 ;;
        *) give_up "it could not be found out whether the host is as $(described "$1") wants it: $(last_words)" ;;
    esac
}

# A deploy waits for the lock for a short time only, and leaves a restart undone while Kometa is at work.
await_turn() {
    container=kometa
    take_lock "$lock_wait" 'a deploy from git'
    if ! wait_without_lock; then
        postpone_pull "a run is in progress; $(described "$new") is left for the next time"
        exit 0
    fi
    exec 9>&-
}

deploy() { run_project "$1" -m pyinfra local.py deploy.py -y; }

follow_commit() {
    local what='put right what differed from' why
    if [ "$new" != "$deployed" ]; then what=deployed; fi
    await_turn
    if deploy "$new"; then
        if has_postponed; then
            postpone_pull "$(described "$new") waits for the end of a run$(left_to_root)"
            return 0
        fi
        note_pull updated "$what $(described "$new")$(left_to_root)"
        remember_commit deployed "$new"
        prune_pulled
        return 0
    fi
    why="$(described "$new") could not be deployed: $(last_words)"
    if [ "$new" = "$deployed" ]; then give_up "$why"; fi
    # What the registry or the line was to blame for is tried again the next time.
    if has_said '^ *\[@local\] Kometa is not healthy'; then remember_commit bad "$new"; fi
    if [ -z "$deployed" ] || has_said 'nothing was connected to or changed'; then give_up "$why"; fi
    go_back_to_deployed "$why"
}

go_back_to_deployed() { # $1: why
    say "going back to $(described "$deployed")"
    if prepare "$deployed" && deploy "$deployed"; then
        note_pull rolled-back "$1; the host is as $(described "$deployed") wants it again"
    else
        note_pull failed "$1; nor could what was before, $(described "$deployed"): $(last_words)"
    fi
    exit 1
}

# What the host has is kept, ready to go back to.
prune_pulled() {
    local name keep=" $pull_dir/trees/$new $venv "
    for name in "$pull_dir"/trees/* "$pull_dir"/venvs/*; do
        if [[ $keep != *" $name "* ]]; then rm -rf -- "$name"; fi
    done
}

pull() {
    mkdir -p -- "$records" "$pull_dir"
    exec 8>>"$pull_dir/lock"
    flock -n 8 || fail "another one brings the host to the state of its repository at the moment."
    trap say_unexpected EXIT
    deployed=$(known deployed) newest=$(known newest) new='' still='' rewritten='' venv='' noted=''
    # For once, and for this time only: whoever holds the repository could make it fail, and wait.
    if [ -e "$pull_dir/take-rewritten" ]; then
        rewritten=yes
        rm -- "$pull_dir/take-rewritten"
    fi
    newest=${newest:-$deployed}
    fetch
    refuse_untrusted
    still=$(stands_still)
    printf '%s' "$still" >"$still_words"
    if [ "$new" = "$(known bad)" ]; then
        note_pull skipped "$(described "$new") was not healthy before; waiting for the next one"
        new=$deployed
        [ -n "$new" ] || return 0
    fi
    prepare "$new" || give_up "$(described "$new") could not be made ready to run; the journal says why. Nothing was changed." \
        "It needs Python 3.11 or newer, and wheels of what its requirements.lock names"
    if [ "$new" = "$deployed" ] && ! has_drifted "$new"; then
        note_pull current "the host is as $(described "$new") wants it$(left_to_root)${still:+; $still}"
        return 0
    fi
    follow_commit
}
