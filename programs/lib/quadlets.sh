# shellcheck shell=bash
# Quadlets: checked by the host's own generator before they replace anything. `root` is their directory.
. lib/files.sh

quadlet_generator() {
    local path
    for path in /usr/libexec/podman/quadlet /usr/lib/podman/quadlet /usr/lib/systemd/user-generators/podman-user-generator; do
        if [ -x "$path" ]; then printf '%s\n' "$path" && return 0; fi
    done
    fail "Podman's Quadlet generator was not found on this host. Quadlet comes with podman 4.4 and later."
}

# One bad line in any Quadlet makes every unit of the account vanish at the next reload, which reports success.
# $1: directory of new files, $2: list of names that go
check_quadlets() {
    local candidate=$root.candidate generator output
    generator=$(quadlet_generator)
    rm -rf -- "$candidate"
    mkdir -- "$candidate"
    if [ -d "$root" ]; then cp -RL -- "$root/." "$candidate/"; fi
    (cd "$candidate" && xargs -0r rm -f -- <"$2")
    if [ -d "$1" ]; then cp -R -- "$1/." "$candidate/"; fi
    if ! output=$(QUADLET_UNIT_DIRS=$candidate "$generator" -dryrun -user 2>&1 >/dev/null); then
        rm -rf -- "$candidate"
        say "${output//$candidate/$root}"
        fail "Podman's Quadlet generator refuses these units; nothing was changed. Mend what it names above."
    fi
    rm -rf -- "$candidate"
}
