#!/bin/bash
# SPDX-License-Identifier: MIT
# The first day of an operator: deploy/README.md and client/sidecar/README.md, from the packages to a verdict at an SMSC, in
# a Debian of its own in which systemd is the first process: tests/interop/run-systemd.sh [--demo] [bookworm|trixie]
#
# Builds the packages, makes the Debian (debootstrap, kept in build/debian/), gives it a Kannel, boots it in namespaces of
# its own without a network, and follows the documents there: first_day.py. Prints what a new user types and how long each
# step takes. The Debian is 12 (bookworm) unless 13 (trixie) is asked for, which builds its own packages in minutes. With
# --demo it also measures deploy/demo.sh in a fresh Debian, which takes some minutes. Needs root.
# all: makes packages and a Debian
# alone: takes both processors
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/debian-root.sh
source tests/tools/debian-root.sh
work=$(mktemp -d)
debian_boot_process=
debian_process=
finish() {
    [[ -z $debian_process ]] || { kill -KILL "$debian_process"; wait "$debian_process"; } 2>/dev/null || true
    [[ -z $debian_boot_process ]] || debian_halt
    rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() {
    printf '== %s\n' "$*"
}
fail() {
    printf 'run-systemd: %s\n' "$*" >&2
    exit 1
}
quietly() {
    "$@" >>"$work/log" 2>&1 </dev/null || { tail -n 30 "$work/log" >&2; fail "failed: $*"; }
}

# make_packages DIRECTORY: makes the packages for $suite; another Debian than this machine's builds them itself.
make_packages() {
    if [[ $suite == "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" ]]; then
        debian_packages "$1"
        return
    fi
    debian_root "$suite" "$work/build" || return 1
    mkdir "$work/build/src"
    git archive HEAD | tar -C "$work/build/src" -xf -
    quietly in_running_debian "$work/build" env -C /src sh -c 'apt-get -q update &&
        apt-get -q -y --no-install-recommends build-dep ./deploy/packaging &&
        DEB_BUILD_OPTIONS="nocheck noautodbgsym" deploy/packaging/build.sh /packages'
    mv "$work/build/packages" "$1"
    rm -rf --one-file-system "$work/build"
}

((EUID == 0)) || fail "needs root"
demo='' suite=bookworm
for word in "$@"; do
    case $word in
        --demo) demo=yes ;;
        bookworm | trixie) suite=$word ;;
        *) fail "unexpected argument \"$word\"" ;;
    esac
done
case $suite in
    bookworm) export FIRST_DAY_DEBIAN=12 ;;
    trixie) export FIRST_DAY_DEBIAN=13 ;;
esac
if [[ -n $demo ]]; then
    say "deploy/demo.sh in a fresh Debian $FIRST_DAY_DEBIAN"
    debian_root "$suite" "$work/fresh" || fail "there is no Debian"
    mkdir "$work/fresh/root/stir-cps"
    git archive HEAD | tar -C "$work/fresh/root/stir-cps" -xf -
    start=$EPOCHREALTIME
    in_running_debian "$work/fresh" env -C /root/stir-cps deploy/demo.sh >"$work/demo.log" 2>&1 ||
        { tail -n 30 "$work/demo.log" >&2; fail "the demo failed"; }
    tail -n 6 "$work/demo.log"
    FIRST_DAY_DEMO_S=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.0f", b - a }')
    export FIRST_DAY_DEMO_S
    rm -rf --one-file-system "$work/fresh"
fi

say "packages"
make_packages "$work/packages" || fail "there are no packages"

say "a Debian with systemd and Kannel"
root=$work/root
debian_root "$suite" "$root" || fail "there is no Debian"
cp "$work"/packages/*.deb "$root/root"
# it goes at the end, so what is installed there does not have to reach the disk
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
quietly in_debian_root "$root" apt-get -q update
quietly in_debian_root "$root" apt-get -q -y install --no-install-recommends systemd systemd-sysv dbus iproute2 kannel
# there is no network once it is booted: what the document installs is downloaded before
install=$(sed -n '/^## Install$/,/^## /s/^apt-get install //p' deploy/README.md)
[[ -n $install ]] || fail "deploy/README.md installs nothing"
quietly in_debian_root "$root" sh -c "cd /root && apt-get -q -y install --download-only $install"
rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/rc"?.d/S??kannel
echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/99yes"

say "boot"
debian_boot "$root" "$work/boot.log" || fail "the Debian does not boot"
timeout -k 5 300 /usr/bin/python3 tests/interop/first_day.py "$debian_boot_pid" "$root"
