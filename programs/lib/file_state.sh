# shellcheck shell=bash
# Looks whether a set of files is as it was written. Runs inside the namespace.
. begin.sh
. lib/emit.sh
. lib/entries.sh
. lib/plain_file.sh
most_of_text=1048577 # bytes of config.yml: one more than it may have

# $1: name of the set, $2: its directory, $3: the digest that is wanted, $4: a file whose text is told when it deviates,
# then what find is to do besides on its way through the directory
files_part() {
    local set=$1 root=$2 wanted=$3 text=$4 manifest=$state_dir/files/$1/manifest facts digest='' deviations=''
    if [ -e "$root.pending" ]; then emit_value "files.$set.pending" yes; fi
    mapfile -t facts < <(stat -c '%d %a %u %g' -- "$root" "$root/.." 2>/dev/null) # %d: the device
    if [ -d "$root" ] && [ "${#facts[@]}" -gt 0 ]; then
        if [ ! -L "$root" ]; then emit_value "files.$set.root" "${facts[0]#* }"; fi
        # Of one that cannot be searched, what lies above is not told.
        if [ "${#facts[@]}" = 2 ] && [ "${facts[0]%% *}" != "${facts[1]%% *}" ]; then emit_value "files.$set.mountpoint" yes; fi
    fi
    if [ -r "$manifest" ]; then
        read -r digest <"$manifest" || true
        deviations=$(file_deviations "$root" "$manifest" "${@:5}")
        emit_value "files.$set.digest" "$digest"
        emit_value "files.$set.deviations" "$deviations"
    fi
    if [ "$digest" = "$wanted" ] && ! grep -qxF "changed $text" <<<"$deviations"; then return 0; fi
    if [ -r "$manifest" ]; then gzip -c "$manifest" | emit "files.$set.manifest"; fi
    if [ -n "$text" ] && [ -f "$root/$text" ] && [ ! -L "$root/$text" ]; then
        read_plain "$root/$text" "$most_of_text" | emit "files.$set.text"
    fi
    if [ -r "$state_dir/files/$set/declared" ]; then emit "files.$set.declared" <"$state_dir/files/$set/declared"; fi
}

# Compares a directory with its manifest; prints a line for each entry that is not as it was written:
# `missing NAME`, `kind NAME`, `owner MODE UID GID NAME`, `changed NAME`.
# A file whose size and times are as recorded is taken as unchanged: every write moves the change time.
file_deviations() { # $1: directory, $2: manifest, then what find does besides
    local root=$1 manifest=$2 suspects
    mapfile -d '' -t suspects < <(suspect_entries "$@")
    if [ "${#suspects[@]}" = 0 ]; then return 0; fi
    suspects=("${suspects[@]#*$'\t'}") # their names
    printf '%s\0' "${suspects[@]}" | stat_entries "$root" | awk -F '\t' '
        FILENAME == ARGV[1] { suspect[$1]; next }
        FILENAME == ARGV[2] { if (FNR > 1 && $2 in suspect) recorded[$2] = $1; next }
        {
            name = $4; seen[name] = 1
            split(recorded[name], was, " ")
            kind = (was[1] == "-") ? "directory" : "regular"
            if (index($1, kind) != 1) { print "kind " name; next }
            if ($3 != was[5] " " was[6] " " was[7]) print "owner " $3 " " name
            if (kind != "regular" || $2 == was[2] " " was[3] " " was[4]) next
            split($2, is, " ")
            print (is[1] == was[2] ? "check " was[1] " " was[2] " " name : "changed " name)
        }
        END { for (name in recorded) if (!(name in seen)) print "missing " name }
    ' <(printf '%s\n' "${suspects[@]}") "$manifest" - | checked_by_content "$root"
}

# Prints what the manifest records of entries that are not exactly so: as a rule nothing, and told without a look at each,
# of 50,000 posters in a tenth of a second.
suspect_entries() { # $1: directory, $2: manifest, then what find does besides
    local end kept=${2%/*}/entries
    end=$(end_of_entries "$2")
    if [ ! -e "$kept" ] || [ "$(tail -z -n 1 -- "$kept")" != "$end" ]; then
        exec {kept}< <(entries_of "$2")
        kept=/dev/fd/$kept
    fi
    LC_ALL=C comm -z -23 -- "$kept" <(
        found_entries "$1" "${@:3}" | LC_ALL=C sort -z || true
        printf '%s\0' "$end"
    )
}

found_entries() { # $1: directory, then what find does besides
    local besides=()
    if [ $# -gt 1 ]; then besides=(',' "${@:2}"); fi
    if cd "$1" 2>/dev/null; then
        exec find . \( -type d \( -path . -printf 'd %m %U %G\t.\0' -o -printf 'd %m %U %G\t%P\0' \) \
            -o -printf '%y %s %T@ %C@ %m %U %G\t%P\0' \) "${besides[@]}" 2>/dev/null
    fi
}

stat_entries() {
    if cd "$1" 2>/dev/null; then
        xargs -0r stat --printf '%F\t%s %.9Y %.9Z\t%a %u %g\t%n\n' -- 2>/dev/null || true
    fi
}

# Of lines `check SHA256 SIZE NAME` leaves `changed NAME` for the files that do not hold that, and all other lines as they
# are. Times that are others than recorded are those of all files where a disk has been copied to another: so one process
# reads them all. Where there is no Python that does, one reads each. $1: directory
checked_by_content() {
    local lines checked
    lines=$(cat)
    checked=$(checked_at_once "$1" 2>/dev/null <<<"$lines") || checked=$(checked_one_by_one "$1" <<<"$lines")
    if [ -n "$checked" ]; then printf '%s\n' "$checked"; fi
}

checked_at_once() { # $1: directory
    # As read_plain opens files. A name is what bytes it is.
    python3 -I -S -c 'import hashlib, os, stat, sys

def holds(name, size, wanted):
    found = hashlib.sha256()
    try:
        number = os.open(root + name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            is_plain = stat.S_ISREG(os.fstat(number).st_mode)
            while is_plain and size > 0:
                piece = os.read(number, min(size, 1 << 20))
                if not piece:
                    break
                found.update(piece)
                size -= len(piece)
        finally:
            os.close(number)
    except OSError:
        return False
    return is_plain and found.hexdigest().encode() == wanted

root = os.fsencode(sys.argv[1]) + b"/"
for line in sys.stdin.buffer:
    if line.startswith(b"check "):
        _, wanted, size, name = line.rstrip(b"\n").split(b" ", 3)
        if holds(name, int(size), wanted):
            continue
        line = b"changed " + name + b"\n"
    sys.stdout.buffer.write(line)' "$1"
}

checked_one_by_one() { # $1: directory
    local root=$1 line rest sum size
    while IFS= read -r line; do # whole: a name may begin or end with a space
        if [ "${line%% *}" = check ]; then
            rest=${line#* } sum=${rest%% *} rest=${rest#* } size=${rest%% *} rest=${rest#* }
            if [ "$(read_plain "$root/$rest" "$size" | sha256sum | cut -d' ' -f1)" = "$sum" ]; then continue; fi
            line="changed $rest"
        fi
        printf '%s\n' "$line"
    done
}
