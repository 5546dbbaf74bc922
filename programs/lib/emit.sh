# shellcheck shell=bash
# What a program that reads a host prints: one line for each thing found, `name base64-of-value` or, where the value is
# plain, `name =value`, and last `end`.

# $1: name; the value comes on standard input
emit() { printf '%s %s\n' "$1" "$(base64 -w0)"; }

# The same for a value at hand. As a rule it is plain, and takes no process: a look tells some fifty.
emit_value() { # $1: name, $2: value
    case $2 in
        *[!a-zA-Z0-9._:/@,+\ -]* | ' '* | *' ') printf '%s' "$2" | emit "$1" ;;
        *) printf '%s =%s\n' "$1" "$2" ;;
    esac
}
