# shellcheck shell=bash
# Prints how much CPU time a program of ours has taken: all processes of its session, and those that they have waited for.
set -u
: "${marker:?}" # stands in its command line

# The rest of a line of /proc/PID/stat behind the name, which may hold anything, in words.
stat_of() { # $1: PID
    local line=''
    { IFS= read -r -d '' line <"/proc/$1/stat"; } 2>/dev/null || true
    read -r -a words <<<"${line##*) }"
    [ "${#words[@]}" -gt 14 ]
}

sessions=' '
while IFS= read -r file; do
    if stat_of "${file//[^0-9]/}"; then sessions+="${words[3]} "; fi
done < <(grep -laF -f <(printf '%s' "$marker") /proc/[0-9]*/cmdline 2>/dev/null)
taken=0
for file in /proc/[0-9]*/stat; do
    if stat_of "${file//[^0-9]/}" && [[ $sessions == *" ${words[3]} "* ]]; then
        taken=$((taken + words[11] + words[12] + words[13] + words[14]))
    fi
done
echo "$taken"
