# shellcheck shell=bash
# Asks Plex in Kometa's container, as Kometa will with the config.yml that lies there. Changes nothing.
. begin.sh
. lib/plex.sh
: "${probe:?}"

if [ "$(podman container inspect kometa --format '{{.State.Status}}' 2>/dev/null)" = running ]; then
    ask_plex
fi
