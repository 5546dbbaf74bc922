# shellcheck shell=bash
# Brings the host to the state of a git repository of this project, here on the host, as the account, without root.
# Part of mms-autodeploy. Variables set in front: repository, branch, unsigned, inventory_host, library_dir.
# shellcheck disable=SC2154
pull_dir=$state_dir/autodeploy/git
bare=$pull_dir/repository.git
fetch_time=900 install_time=1800 deploy_time=14400

# What the host knows of the repository stands in it, as refs: deployed is what it has, former what it had before, bad
# what could not be deployed.
git() { timeout "$fetch_time" git --git-dir="$bare" -c core.hooksPath=/dev/null -c fetch.fsckObjects=true -c gc.auto=0 "$@"; }
commit_of() { git rev-parse --quiet --verify "refs/kometa-host/$1^{commit}" || true; }
remember_commit() { git update-ref "refs/kometa-host/$1" "$2"; }
described() { git log -1 --format='%h (%s)' "$1" | tr -d '[:cntrl:]'; }

note_pull() { # $1: event, $2: in words
    container=git image="$repository $branch" note "$1" "$2"
}

give_up() {
    note_pull failed "$1"
    exit 1
}

fetch() {
    local output
    mkdir -p -- "$pull_dir"
    [ -e "$bare/HEAD" ] || command git init --quiet --bare -- "$bare"
    # Nothing may ask: nobody is there to answer.
    output=$(GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND='ssh -o BatchMode=yes' git fetch --quiet --prune --force -- "$repository" \
        "+refs/heads/$branch:refs/kometa-host/wanted" '+refs/tags/*:refs/tags/*' 2>&1 </dev/null) ||
        give_up "the repository could not be fetched, nothing was changed: $(tail -n 1 <<<"$output")"
    new=$(commit_of wanted)
}

# A signature counts if one of the keys in allowed-signers made it, on the commit or on a tag that points at it.
is_signed() {
    local check=(-c gpg.format=ssh -c gpg.ssh.allowedSignersFile="$library_dir/allowed-signers" -c gpg.minTrustLevel=fully) tag
    if git "${check[@]}" verify-commit "$new" >/dev/null 2>&1; then return 0; fi
    while IFS= read -r tag; do
        if git "${check[@]}" verify-tag "$tag" >/dev/null 2>&1; then return 0; fi
    done < <(git for-each-ref --points-at "$new" --format='%(refname)' refs/tags)
    return 1
}

refuse_untrusted() {
    if [ -z "$unsigned" ] && ! is_signed; then
        give_up "neither $(described "$new") nor a tag on it is signed by a key of kometa_autodeploy_signers; nothing was changed"
    fi
    # Whoever holds the repository could otherwise bring back an old commit, signed and with a fault that is known.
    if [ -n "$former" ] && ! git merge-base --is-ancestor "$former" "$new"; then
        give_up "$(described "$new") does not follow from what the host has, $(described "$former"): the branch was rewritten." \
            "Nothing was changed. If that is right: operations.autodeploy.run retry=true"
    fi
}

# Each commit has its own directory, complete or not there at all.
unpack() { # $1: commit
    local tree=$pull_dir/trees/$1
    if [ -d "$tree" ]; then return 0; fi
    rm -rf -- "$tree.partial"
    mkdir -p -- "$tree.partial"
    git archive "$1" | tar -x -C "$tree.partial"
    mv -T -- "$tree.partial" "$tree"
}

# Prints the directory of the virtual environment for a tree, made where what pyproject.toml asks for is new.
environment_for() { # $1: tree
    local wanted key venv
    wanted=$(python3 -c 'import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print(*tomllib.load(file)["project"]["dependencies"], sep="\n")' "$1/pyproject.toml" 2>&1) ||
        give_up "$1/pyproject.toml cannot be read; Python 3.11 or newer is needed: ${wanted##*$'\n'}"
    key=$({ python3 --version && cat <<<"$wanted"; } | sha256sum | cut -c1-16)
    venv=$pull_dir/venvs/$key
    if [ ! -e "$venv/complete" ]; then
        say "installing what the project needs"
        rm -rf -- "$venv"
        python3 -m venv -- "$venv" >&2 || give_up "Python's venv does not work; it says above why. Nothing was changed"
        printf '%s\n' "$wanted" >"$venv/requirements.txt"
        timeout "$install_time" "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
            -r "$venv/requirements.txt" >&2 </dev/null || give_up "what the project needs could not be installed; pip says above why. Nothing was changed"
        : >"$venv/complete"
    fi
    printf '%s\n' "$venv"
}

# Runs a part of the project at a commit; its words come through and stay in $pull_dir/output.
run_project() { # $1: commit, then arguments for Python
    local tree=$pull_dir/trees/$1 venv
    shift
    venv=$(environment_for "$tree") || exit 1
    (
        cd -- "$tree" || exit
        KOMETA_HOST_NAME=$inventory_host PYINFRA_PROGRESS=off NO_COLOR=1 timeout "$deploy_time" "$venv/bin/python" "$@" 9>&- </dev/null 2>&1
    ) | sed -u 's/\x1b\[[0-9;]*m//g' | tee "$pull_dir/output" >&2
}

deploy() { run_project "$1" -m pyinfra local.py deploy.py -y; }

# What only root could do was left undone, and said so.
left_to_root() { grep -o 'left undone: .* needs root' "$pull_dir/output" | sort -u | sed 's/^/; /' | tr -d '\n'; }

has_drifted() {
    local status=0
    run_project "$1" -m tools.drift local.py || status=$?
    case $status in
        0) return 1 ;;
        2) return 0 ;;
        *) give_up "it could not be found out whether the host is as $(described "$1") wants it: $(last_words)" ;;
    esac
}

# What pyinfra said last before its table of results, without its own headings.
last_words() {
    sed -e '/^--> Results:/,$d' -e '/^-->/d' -e '/Error: executed/d' -e '/^ *$/d' -e 's/^ *\(\[@local\] \)\?//' "$pull_dir/output" |
        tail -n 3 | tr '\n' ' ' | cut -c1-600 | sed 's/ $//'
}

follow_commit() {
    local what='put right what differed from'
    if deploy "$new"; then
        if [ "$new" != "$former" ]; then
            what=deployed
            [ -z "$former" ] || remember_commit former "$former"
            remember_commit deployed "$new"
        fi
        note_pull updated "$what $(described "$new")$(left_to_root)"
        return 0
    fi
    local why
    why=$(last_words)
    if [ "$new" = "$former" ] || [ -z "$former" ]; then give_up "$(described "$new") could not be deployed: $why"; fi
    say "going back to $(described "$former")"
    # What the registry or the line was to blame for is tried again the next time.
    if grep -q 'Kometa is not healthy' "$pull_dir/output"; then remember_commit bad "$new"; fi
    if deploy "$former"; then
        note_pull rolled-back "$(described "$new") could not be deployed ($why); the host is as $(described "$former") wants it again"
    else
        note_pull failed "$(described "$new") could not be deployed ($why), nor what was before, $(described "$former")"
    fi
    exit 1
}

prune_pulled() {
    local name commit tree keep=' '
    for name in deployed former; do
        commit=$(commit_of "$name")
        tree=$pull_dir/trees/$commit
        if [ -n "$commit" ] && [ -d "$tree" ]; then keep+="$tree $(environment_for "$tree") "; fi
    done
    for name in "$pull_dir"/trees/* "$pull_dir"/venvs/*; do
        if [[ $keep != *" $name "* ]]; then rm -rf -- "$name"; fi
    done
}

pull() {
    mkdir -p -- "$records"
    former='' new=''
    fetch
    former=$(commit_of deployed)
    refuse_untrusted
    if [ "$new" = "$(commit_of bad)" ]; then
        note_pull skipped "$(described "$new") could not be deployed before; waiting for the next one"
        new=$former
        [ -n "$new" ] || return 0
    fi
    unpack "$new"
    if [ "$new" = "$former" ] && ! has_drifted "$new"; then
        note_pull current "the host is as $(described "$new") wants it"
        return 0
    fi
    if [ -n "$former" ]; then unpack "$former"; fi
    follow_commit
    prune_pulled
}
