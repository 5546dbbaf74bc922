# shellcheck shell=bash
# Which Python is new enough. That of RHEL 9 is called python3.11 or python3.12; python3 is an older one there.

# Prints the name of a Python that can make virtual environments; fails if there is none.
new_python() { # $1: the minor version of Python 3 that it needs at least
    local name
    while IFS= read -r name; do
        if "$name" -c "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, $1))" 2>/dev/null; then
            printf '%s\n' "$name"
            return 0
        fi
    done < <(printf 'python3\n' && compgen -c python3. | grep -xE 'python3\.[0-9]+' | sort -u -t . -k 2,2nr)
    return 1
}
