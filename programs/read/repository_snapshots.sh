# shellcheck shell=bash
# Prints restic's list of the repository's snapshots, as JSON. Changes nothing there.
. lib/restic.sh
load_repository
restic snapshots --json --no-lock
