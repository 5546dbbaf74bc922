# shellcheck shell=bash
# Sends a trial message to all that kometa_notify and kometa_notify_url name.
. begin.sh
. lib/common.sh
: "${library_dir:?}" "${is_strict?}" # is_strict: who does not take it is a failure

if [ ! -e "$library_dir/kometa-watch" ]; then
    fail "what sends messages is not on this host. Deploy first: pyinfra inventory.py deploy.py"
fi
bash "$library_dir/kometa-watch" trial >&2 || {
    if [ -n "$is_strict" ]; then exit 1; fi
    say "not all of them took it; what is told later is tried again and again. Try it: operations.kometa.notify"
}
