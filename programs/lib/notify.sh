# shellcheck shell=bash
# Tells kometa_notify_url how a job goes. A failed ping never fails the job.
. lib/common.sh
: "${library_dir:?}"

# The URL's path often is its password: it is read from a private file and goes to curl's input, never to an argument.
notify() { # $1: what is appended to the path: /start, /fail or nothing
    local url file=$library_dir/notify-url
    [ -s "$file" ] || return 0
    url=$(<"$file")
    case $url in
        *\?*) url="${url%%\?*}$1?${url#*\?}" ;;
        *) url=$url$1 ;;
    esac
    printf 'url = "%s"\n' "$url" | curl -fsS --max-time 10 -o /dev/null -K - 2>/dev/null 9>&- ||
        say "kometa_notify_url could not be pinged (${1:-success}); that changes nothing about the job."
}

# What a unit runs at its end. SERVICE_RESULT is systemd's, killed or not; see systemd.exec(5).
notify_result() { if [ "${SERVICE_RESULT:-}" = success ]; then notify ''; else notify /fail; fi; }
