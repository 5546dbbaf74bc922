# shellcheck shell=bash
# Looks whether something can be restored, and changes nothing.
check_place
