# shellcheck shell=bash
# Notes that an archive was restored as it has to be.
: "${how:?}" "${name:?}"
note_proof "$how" "$name"
