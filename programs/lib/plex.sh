# shellcheck shell=bash
: "${plex_url:?}" "${probe?}" # probe: the text of ask_plex.py

# Kometa's own container asks Plex, with Kometa's own configuration and secrets; a token is in no argument list.
ask_plex() { printf '%s' "$probe" | timeout 40 podman exec -i --user 0 kometa python3 - "$plex_url" | head -c 1000000; }
