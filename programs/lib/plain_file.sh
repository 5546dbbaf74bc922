# shellcheck shell=bash
# Reading what a container can change at any time. In the place of a file there may be a FIFO, which never ends, or a link
# to something else: so only a regular file is read, opened without following a link and without waiting for anybody, and
# so much of it and no more.
. begin.sh
most_of_log=50331648 # bytes

# Prints a file, or its beginning; fails if it is none. $1: path, $2: bytes at most
read_plain() {
    [ -f "$1" ] && dd if="$1" iflag=nofollow,nonblock,fullblock,count_bytes bs=64K count="$2" status=none 2>/dev/null
}

# Prints a file's end; fails if it is none. $1: path, $2: bytes at most
read_plain_end() {
    local size
    size=$(stat -c %s -- "$1" 2>/dev/null) && [ -f "$1" ] || return 1
    dd if="$1" iflag=nofollow,nonblock,fullblock,count_bytes,skip_bytes bs=64K count="$2" \
        skip="$((size > $2 ? size - $2 : 0))" status=none 2>/dev/null
}

# Prints a log, of one that is very long its beginning and its end. $1: path
read_log() {
    local size
    size=$(stat -c %s -- "$1" 2>/dev/null) || return 1
    if [ "$size" -le "$most_of_log" ]; then
        read_plain "$1" "$most_of_log"
    else
        read_plain "$1" $((most_of_log / 2)) && echo && read_plain_end "$1" $((most_of_log / 2))
    fi
}
