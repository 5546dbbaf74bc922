# shellcheck shell=bash
# Asks Kometa's own validator about a config tree that is not live yet, in a throwaway container without a network.
# Standard input: a tar stream of the tree's YAML files and, last, `end`, without which the stream was cut.
# Standard output: one line of JSON, see programs/container/validate.py.
. begin.sh
. lib/common.sh
: "${image:?}" "${validator:?}" # validator: the text of validate.py

drop_candidate() { rm -rf -- "$candidate"; }

# In memory where possible: config.yml can hold tokens that Kometa refreshed.
make_candidate() {
    local parent=${XDG_RUNTIME_DIR:-}
    if [ ! -d "$parent" ]; then parent=$state_dir && mkdir -p -- "$parent"; fi
    find "$parent" -maxdepth 1 -name 'kometa-host-candidate.*' -user "$(id -un)" -mmin +60 -exec rm -rf -- {} + # of a run that was killed
    candidate=$(mktemp -d "$parent/kometa-host-candidate.XXXXXXXX")
    trap drop_candidate EXIT
    trap 'exit 1' HUP INT TERM
}

receive_candidate() {
    tar -C "$candidate" --no-same-owner -xf - || fail "the config tree could not be checked: it could not be written to $candidate."
    [ -e "$candidate/end" ] || fail "the connection was lost before all files had come; nothing was changed."
    rm -- "$candidate/end"
}

# Kometa's answer does not depend on who asks: root of the container is the account, to whom the files belong.
ask_kometa() {
    podman run --rm -i --pull=never --network=none --read-only --cap-drop=all --security-opt=no-new-privileges \
        --security-opt=label=disable --log-driver=none --timeout=120 --user=0:0 --workdir=/ --env=PYTHONDONTWRITEBYTECODE=1 \
        --volume="$candidate:/config:ro" --entrypoint=python3 "$image" - <<<"$validator"
}

if ! podman image exists "$image"; then
    cat >/dev/null
    fail "the image $image is not on the host, so Kometa cannot check the config tree; deploy first."
fi
make_candidate
receive_candidate
status=0
exec 3>&1
said=$(ask_kometa 2>&1 >&3) || status=$?
case $status in
    0) ;;
    126 | 127) printf '{"unable": "it has no python3"}\n' ;;
    *) fail "Kometa's validator did not answer (status $status: ${said##*$'\n'}), so nothing was changed." ;;
esac
