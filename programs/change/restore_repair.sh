# shellcheck shell=bash
# Puts right what a restore that was cut off has left.
repair
