# Which archives of the backup directory may go? The only place where this is decided, on the host and in tests.
#
#     find . -maxdepth 1 -type f -size +0 | LC_ALL=C awk -v daily=7 -v weekly=4 -v monthly=6 \
#         -v now="$(date -u +%Y-%m-%dT%H%M%SZ)" -f retention.awk
#
# Input: file names, one a line, as they are or with ./ in front as find prints them. With ./ a name that contains a
# newline cannot pass for another one. Output: the names to delete, oldest first, spelt as they came in.
#
# Kept are the newest archive of each of the last `daily` days that have archives, likewise of weeks (from Monday) and
# months, all by UTC; one archive may stand for a day, a week and a month at once (as restic counts, and unlike borg).
# Periods without archives do not count, so nothing goes because of a pause. Whatever the numbers, the newest archive
# stays. Archives later than `now` stay and take no one's place: the clock was wrong then, or is wrong now.
# An archive and its unencrypted twin (NAME.age and NAME) are one: the former stack left the twin behind when it could
# not encrypt, so the .age may be the bad one of the two, and they stay or go together.
# Names that are none of ours or of the former stack's (see kometa_host/archive/names.py) are never printed.
#
# POSIX awk, for mawk, gawk and busybox: no intervals in patterns, no strftime, no sort.

function refuse(message) {
    print "retention.awk: " message > "/dev/stderr"
    failed = 1
    exit 2
}

function days_in(year, month) {
    if (month == 2)
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
}

# Days since Monday, the first of January of the year 1.
function day_number(year, month, day,    days, earlier, m) {
    earlier = year - 1
    days = 365 * earlier + int(earlier / 4) - int(earlier / 100) + int(earlier / 400)
    for (m = 1; m < month; m++)
        days += days_in(year, m)
    return days + day - 1
}

# The moment in a name, as 2025-01-31T080000Z; empty if the name is foreign.
function moment(name,    text, year, month, day) {
    if (name ~ OURS)
        text = substr(name, 8, 18)
    else if (name ~ FORMER)
        text = substr(name, 8, 10) "T000000Z"
    else
        return ""
    year = substr(text, 1, 4) + 0
    month = substr(text, 6, 2) + 0
    day = substr(text, 9, 2) + 0
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return ""
    if (substr(text, 12, 2) + 0 > 23 || substr(text, 14, 2) + 0 > 59 || substr(text, 16, 2) + 0 > 59)
        return ""
    return text
}

function period(rule, text) {
    if (rule == "monthly")
        return substr(text, 1, 7)
    if (rule == "daily")
        return substr(text, 1, 10)
    return "week " int(day_number(substr(text, 1, 4) + 0, substr(text, 6, 2) + 0, substr(text, 9, 2) + 0) / 7)
}

# Mark the newest archive of each of the last `wanted` periods; moments[1] is the newest.
function keep(rule, wanted,    i, last, current) {
    last = ""
    for (i = 1; i <= count && wanted > 0; i++) {
        current = period(rule, moments[i])
        if (current != last) {
            kept[moments[i]] = 1
            wanted--
        }
        last = current
    }
}

BEGIN {
    date = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
    clock = "T[0-9][0-9][0-9][0-9][0-9][0-9]Z"
    OURS = "^kometa-" date clock "[.]tar[.]zst[.]age$"
    FORMER = "^kometa-" date "[.]tar[.]zst([.]age)?$"
    if (now !~ "^" date clock "$")
        refuse("now must be a UTC time as 2025-01-31T080000Z")
    if (daily !~ /^[0-9]+$/ || weekly !~ /^[0-9]+$/ || monthly !~ /^[0-9]+$/)
        refuse("daily, weekly and monthly must be whole numbers")
}

NR == 1 && /^[.]\// { from_find = 1 }

from_find && !/^[.]\// { next }  # the rest of a name with a newline in it

{
    name = from_find ? substr($0, 3) : $0
    text = moment(name)
    if (text == "" || text > now "")
        next
    # A moment has one slot however many files share it: twins.
    if (!(text in files))
        moments[++count] = text
    files[text] = files[text] $0 "\n"
}

END {
    if (failed)
        exit 2
    for (i = 2; i <= count; i++) {  # insertion sort, newest first; nearly sorted input is cheap
        text = moments[i]
        for (j = i - 1; j >= 1 && moments[j] < text; j--)
            moments[j + 1] = moments[j]
        moments[j + 1] = text
    }
    keep("daily", daily + 0)
    keep("weekly", weekly + 0)
    keep("monthly", monthly + 0)
    if (count)
        kept[moments[1]] = 1
    for (i = count; i >= 1; i--)
        if (!(moments[i] in kept))
            printf "%s", files[moments[i]]
}
