# shellcheck shell=bash
# What backups leave out, for find.

# Given regular expressions of names as find prints them, sets `matching` to the condition for them, and `left_out` to what
# keeps find from going there.
leave_out() {
    local expression
    matching=(-regextype posix-extended '(' -false)
    for expression in "$@"; do matching+=(-o -regex "$expression"); done
    matching+=(')')
    # shellcheck disable=SC2034
    left_out=("${matching[@]}" -prune -o)
}
