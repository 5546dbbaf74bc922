# shellcheck shell=bash
# Starts the unit that updates images and shows its journal until it has ended.
. lib/follow_unit.sh
follow_unit "Deploy first." "$job_unit runs already; what follows is about that" "$job_unit" "why stands above and in" true "$job_unit"
