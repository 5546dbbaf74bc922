# shellcheck shell=bash
# Removes the account, all that runs as it or as one of its containers' users, what it has left to be run, and its home.
# Runs as root.
set -eu
. lib/subordinate.sh
: "${user:?}"
PATH=$PATH:/usr/sbin:/sbin
uid=$(id -u "$user")

processes() {
    ps -eo pid=,ruid=,euid= | awk -v uid="$uid" '
        FILENAME == "-" { if (inside($2) || inside($3)) print $1; next }
        $1 == "own" { n++; start[n] = $2; end[n] = $2 + $3 - 1 }
        function inside(id,   i) {
            if (id == uid) return 1
            for (i = 1; i <= n; i++) if (id >= start[i] && id <= end[i]) return 1
            return 0
        }
    ' <(ranges /etc/subuid "$user" "$uid") -
}

# Whoever gets the uid next would run them.
remove_jobs() {
    rm -f -- /var/spool/cron/{,crontabs/,tabs/}"$user" /var/{,spool/}mail/"$user"
    find /var/spool/cron/atjobs /var/spool/at /var/spool/atjobs -maxdepth 1 -type f -uid "$uid" -delete 2>/dev/null || true
}

# Nobody logs in meanwhile, and no job begins: PAM lets in no account that has expired.
usermod --expiredate 1 "$user"
trap 'if getent passwd "$user" >/dev/null; then usermod --expiredate "" "$user"; fi' EXIT
loginctl disable-linger "$user" || true
remove_jobs
systemctl stop "user@$uid.service" || true
loginctl terminate-user "$user" 2>/dev/null || true
for _ in $(seq 50); do
    mapfile -t left < <(processes)
    if [ "${#left[@]}" = 0 ]; then break; fi
    kill -KILL "${left[@]}" 2>/dev/null || true
    sleep 0.2
done
if [ "${#left[@]}" != 0 ]; then
    echo "the account $user was not removed: its processes ${left[*]} do not end" >&2
    exit 1
fi
remove_jobs
userdel --remove "$user" 2>&1 | grep -v 'mail spool' >&2 || true
if getent passwd "$user" >/dev/null; then
    echo "the account $user could not be removed" >&2
    exit 1
fi
