# Which archives and snapshots may go? The only place where this is decided, on the host and in tests.
#
#     { marks; find . -maxdepth 1 -type f -size +0; } | LC_ALL=C awk -v last=0 -v hourly=0 -v daily=7 -v weekly=4 \
#         -v monthly=6 -v yearly=0 -v now="$(date -u +%Y-%m-%dT%H%M%SZ)" -f retention.awk
#
# Input: first the marks, if there are any, one a line: `pinned NAME`, `by-hand NAME`, `proved NAME`. Then names, one a
# line, as they are or with ./ in front as find prints them. With ./ a name that contains a newline cannot pass for
# another one, nor for a mark. Output: the names to delete, oldest first, spelt as they came in.
# With -v explain=yes the output is instead, for each name that counts, `CLASS,...,pinned,proved,newest TAB NAME`, with what
# it is kept for; nothing stands before the TAB of what may go, and `of the future` before that of what is later than now.
#
# Kept are the newest archive of each of the last `daily` days that have archives, likewise of hours, weeks (from
# Monday), months and years, all by UTC, and the `last` newest; one archive may stand for a day, a week and a month at
# once (as restic counts, and unlike borg). Periods without archives do not count, so nothing goes because of a pause.
# Whatever the numbers, the newest archive stays. Archives later than `now` stay and take no one's place: the clock was
# wrong then, or is wrong now.
# Those made by hand are counted by themselves, so they push out none of the timer's: neither the good one of last night
# nor any other. Nor do they push out each other: of the finest class that is kept, all of a period stay.
# A pinned one stays and takes no one's place. The newest that was proved, by a drill or a restore, stays.
# An archive and its unencrypted twin (NAME.age and NAME) are one: the previous stack left the twin behind when it could
# not encrypt, so the .age may be the bad one of the two, and they stay or go together.
# Names that are none of ours or of the previous stack's (see kometa_host/archive/names.py) are never printed. A snapshot
# of a repository has the name kometa-MOMENT.restic.ID.
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
    if (name ~ OURS || name ~ SNAPSHOT)
        text = substr(name, 8, 18)
    else if (name ~ PREVIOUS)
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
    if (rule == "last")
        return text
    if (rule == "yearly")
        return substr(text, 1, 4)
    if (rule == "monthly")
        return substr(text, 1, 7)
    if (rule == "daily")
        return substr(text, 1, 10)
    if (rule == "hourly")
        return substr(text, 1, 13)
    return "week " int(day_number(substr(text, 1, 4) + 0, substr(text, 6, 2) + 0, substr(text, 9, 2) + 0) / 7)
}

function keep_for(text, reason) {
    if (text in kept)
        kept[text] = kept[text] "," reason
    else
        kept[text] = reason
}

# Mark the newest of each of the last `wanted` periods, of those made by hand or of the others; `all` marks every one of
# such a period. moments[1] is the newest.
function keep(rule, wanted, hand, all,    i, latest, current) {
    latest = ""
    for (i = 1; i <= count; i++) {
        if ((moments[i] in pinned) || hand != (moments[i] in by_hand))
            continue
        current = period(rule, moments[i])
        if (current != latest && wanted-- <= 0)
            return
        if (current != latest || all)
            keep_for(moments[i], rule)
        latest = current
    }
}

function keep_newest_proved(    i) {
    for (i = 1; i <= count; i++)
        if (moments[i] in proved) {
            keep_for(moments[i], "proved")
            return
        }
}

function explain_all(    i, j, names, last) {
    for (i = 1; i <= known; i++) {
        last = split(files[every[i]], names, "\n")
        for (j = 1; j < last; j++)
            print kept[every[i]] "\t" names[j]
    }
}

BEGIN {
    date = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
    clock = "T[0-9][0-9][0-9][0-9][0-9][0-9]Z"
    OURS = "^kometa-" date clock "[.]tar[.]zst[.]age$"
    SNAPSHOT = "^kometa-" date clock "[.]restic[.][0-9a-f]+$"
    PREVIOUS = "^kometa-" date "[.]tar[.]zst([.]age)?$"
    if (now !~ "^" date clock "$")
        refuse("now must be a UTC time as 2025-01-31T080000Z")
    split("last hourly daily weekly monthly yearly", classes, " ")
    amount["last"] = last; amount["hourly"] = hourly; amount["daily"] = daily
    amount["weekly"] = weekly; amount["monthly"] = monthly; amount["yearly"] = yearly
    for (i = 1; i <= 6; i++)
        if (amount[classes[i]] !~ /^[0-9]+$/)
            refuse(classes[i] " must be a whole number")
}

# Marks come before all names.
!names_follow && /^(pinned|by-hand|proved) / {
    text = moment(substr($0, index($0, " ") + 1))
    if (text != "" && $1 == "pinned")
        pinned[text] = 1
    if (text != "" && $1 == "by-hand")
        by_hand[text] = 1
    if (text != "" && $1 == "proved")
        proved[text] = 1
    next
}

!names_follow {
    names_follow = 1
    from_find = /^[.]\//
}

from_find && !/^[.]\// { next }  # the rest of a name with a newline in it

{
    name = from_find ? substr($0, 3) : $0
    text = moment(name)
    if (text == "")
        next
    # A moment has one slot however many files share it: twins.
    if (!(text in files)) {
        every[++known] = text
        if (text > now "")
            keep_for(text, "of the future")
        else
            moments[++count] = text
    }
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
    finest = ""
    for (i = 1; i <= 6; i++) {
        wanted = amount[classes[i]] + 0
        if (wanted && finest == "")
            finest = classes[i]
        keep(classes[i], wanted, 0, 0)
        keep(classes[i], wanted, 1, classes[i] == finest)
    }
    for (i = 1; i <= known; i++)
        if (every[i] in pinned)
            keep_for(every[i], "pinned")
    keep_newest_proved()
    if (count)
        keep_for(moments[1], "newest")
    if (explain != "") {
        explain_all()
        exit
    }
    for (i = count; i >= 1; i--)
        if (!(moments[i] in kept))
            printf "%s", files[moments[i]]
}
