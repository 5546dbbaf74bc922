# shellcheck shell=bash
# shellcheck disable=SC2016  # what is in single quotes is for another shell to expand
# Becomes the actor (root, the account, or the best of the two that the connection allows), says so with the marker, a
# line on both streams, and runs the program that follows on standard input, introduced by its length on a line of its
# own.
# What start-up files have said stands before the marker. Where sudo asks for a password, the question stands on standard
# error, a line, once: only then may the password be sent, and the program only after the marker.
. lib/become.sh
: "${actor:?}" "${account:?}" "${marker:?}" "${question?}" "${has_password?}"
set -u
export LC_ALL=C.UTF-8
cd /

needs_root=117 needs_password=118 needs_sudo=119

receive="printf '%s\n' $marker; printf '%s\n' $marker >&2; "'read -r length; eval "$(head -c "$length")"'

as_actor() { # from root
    if [ "$actor" = account ]; then become "$account" "$receive"; else become "$(id -un)" "$receive"; fi
}

with_sudo() { # $1: what root's shell runs
    local shell=(bash --norc --noprofile -c "$1")
    if command -v sudo >/dev/null; then
        if sudo -n true 2>/dev/null; then exec sudo -n "${shell[@]}"; fi
        if [ -z "$has_password" ]; then exit "$needs_password"; fi
        sudo -S -p "$question"$'\n' "${shell[@]}" <&0 2> >(one_attempt)
        exit
    fi
    if command -v doas >/dev/null && doas -n true 2>/dev/null; then exec doas -n "${shell[@]}"; fi
    exit "$needs_sudo"
}

# Not by pkill, which a host may lack before its first deploy.
kill_sudo() {
    local file line
    for file in /proc/[0-9]*/stat; do
        # `PID (NAME) STATE PARENT ...`; a process that has just ended has none
        if { read -r line <"$file"; } 2>/dev/null && [[ $line == *" (sudo"*") "?" $$ "* ]]; then kill -KILL "${line%% *}"; fi
    done
}

# Passes sudo's standard error on. sudo would ask three times, and an end of its input counts as an attempt as well:
# it is killed as soon as it asks again.
one_attempt() {
    local line asked=
    while IFS= read -r line; do
        case $line in
            *"$question")
                if [ -n "$asked" ]; then kill_sudo; fi # before anybody can answer
                printf '%s\n' "$question"
                asked=yes
                ;;
            *"$marker") printf '%s\n' "$marker" && exec cat ;;
            *) printf '%s\n' "$line" ;;
        esac
    done
} >&2

if [ "$(id -u)" = 0 ]; then
    as_actor
elif [ "$(id -un)" = "$account" ]; then
    if [ "$actor" = root ]; then exit "$needs_root"; fi
    become "$account" "$receive"
else
    with_sudo "actor=$actor account=$(printf %q "$account") receive=$(printf %q "$receive")
$(declare -f let_through let_in become as_actor)
cd / && as_actor"
fi
