# shellcheck shell=bash
# Starts the unit that updates images and shows its journal until it has ended.
# shellcheck disable=SC2154  # unit is set in front of this text
follow_unit "Deploy first." "$unit runs already; what follows is about that" "$unit" "why stands above and in" true "$unit"
