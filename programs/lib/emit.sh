# shellcheck shell=bash
# What a program that reads a host prints: one line `name base64-of-value` for each thing found, and last `end`.

# $1: name; the value comes on standard input
emit() { printf '%s %s\n' "$1" "$(base64 -w0)"; }
emit_value() { printf '%s' "$2" | emit "$1"; }
