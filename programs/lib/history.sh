# shellcheck shell=bash
# What updates remember: what happened, in history.jsonl, an object a line; in `bad` the images that were not healthy, `name id`
# a line, which are not tried again; in previous.NAME and trying.NAME the images of a container.
. begin.sh
. lib/common.sh
: "${group:?}"
records=$state_dir/autodeploy

json() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//[[:cntrl:]]/ }"
}

# Writes down what happened to the container; see facts/autodeploy.py.
note() { # $1: event, $2: in words
    : "${image:?}" "${previous?}"
    say "$container: $2"
    mkdir -p -- "$records"
    {
        tail -n 999 "$records/history.jsonl" 2>/dev/null || true
        printf '{"time": "%s", "group": %s, "container": %s, "image": %s, "event": "%s", "previous": "%s", "new": "%s", "why": %s}\n' \
            "$(date -u +%FT%TZ)" "$(json "$group")" "$(json "$container")" "$(json "$image")" "$1" "$previous" "${new:-}" "$(json "$2")"
    } >"$records/history.jsonl.new" || return 1
    mv -- "$records/history.jsonl.new" "$records/history.jsonl"
}

# How many of the container's last events, in a row, were that its update had to wait.
postponed_before() {
    [ -e "$records/history.jsonl" ] || { printf 0 && return 0; }
    awk -v name="\"container\": $(json "$container")," '
        index($0, name) { n = /"event": "postponed"/ ? n + 1 : 0 }
        END { print n + 0 }
    ' "$records/history.jsonl"
}

# The third time in a row is a failure: a run that never ends would keep the update from ever being made.
postpone() { # $1: in words
    local before
    before=$(postponed_before)
    if [ "$before" -lt 2 ]; then
        note postponed "$1"
        return 0
    fi
    note postponed "$1, $((before + 1)) times in a row now; a run may hang: operations.kometa.diagnose"
    exit 1
}
