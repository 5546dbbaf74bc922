# shellcheck shell=bash
# Installs packages with the host's own package manager. Runs as root.
set -eu
: "${manager:?}"
declare -a packages
export DEBIAN_FRONTEND=noninteractive
# A package manager says much: shown only if it fails.
quietly() { output=$("$@" 2>&1) || { printf '%s\n' "$output" | tail -n 20 >&2 && exit 1; }; }
case $manager in
    apt-get)
        quietly apt-get -q -o DPkg::Lock::Timeout=300 update
        quietly apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "${packages[@]}"
        ;;
    dnf) quietly dnf --assumeyes install "${packages[@]}" ;;
    zypper) quietly zypper --non-interactive install --no-recommends "${packages[@]}" ;;
    pacman)
        # What is there stays as it is: to renew some packages alone would be half an upgrade.
        mapfile -t packages < <(pacman --deptest "${packages[@]}" || true)
        (quietly pacman --sync --noconfirm "${packages[@]}") || {
            printf 'Where the package lists are older than the mirror: pacman -Syu, then deploy again.\n' >&2
            exit 1
        }
        ;;
esac
