#!/bin/bash
# SPDX-License-Identifier: MIT
# The packages as their users get them: tests/packages.sh
#
# Builds them (dpkg-gensymbols compares libcps1 with its symbols file), looks at them with lintian, installs them in a
# Debian of their own (debootstrap), looks at owners, modes and hardening, checks the configuration, starts cpsd, publishes
# and retrieves, builds a program against libcps with pkg-config and with CMake, removes and installs again, purges and
# installs again, and looks at what is left behind. Needs root. The Debian lies in a new directory and is deleted at the end;
# what it is copied from stays in build/debian/.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/tools/debian-root.sh
source tests/tools/debian-root.sh
work=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf --one-file-system "$work"
}
trap finish EXIT

say() {
    printf '== %s\n' "$*"
}
fail() {
    printf 'packages: %s\n' "$*" >&2
    exit 1
}

say "build"
debian_packages "$work/packages" || fail "there are no packages"

say "lintian"
lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$work"/packages/*.changes

say "a Debian"
root=$work/root
debian_root bookworm "$root" || fail "there is no Debian to install them in"
# it is deleted at the end, so what is installed there does not have to reach the disk
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
in_root() {
    in_debian_root "$root" "$@"
}
# What is there, but for logs, packages' own records, and the copies that adduser makes of what it changes.
listing() {
    (cd "$root" && find . -xdev \( -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./var/log \
        -o -path ./tmp -o -path ./debs -o -path ./run \) -prune -o ! -path './etc/*-' -print | LC_ALL=C sort)
}
# The accounts of the daemons with their numbers.
accounts() {
    grep -E '^(cpsd|cps-smpp):' "$root/etc/passwd" "$root/etc/group"
}
# expect FILE OWNER:GROUP MODE
expect() {
    local is
    is=$(in_root stat -c '%U:%G %a' "$1") || fail "$1 is not there after the installation"
    [[ $is == "$2 $3" ]] || fail "$1 belongs to $is, not to $2 $3"
}
# unit_state NAME: enabled or disabled
unit_state() {
    systemctl --root="$root" is-enabled "$1.service" 2>/dev/null || true
}

say "install"
mkdir "$root/debs"
cp "$work"/packages/*.deb "$root/debs"
in_root apt-get -q update >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; fail "apt-get update failed"; }
# what they depend on comes first, so that what is left afterwards is theirs
depends=$(for deb in "$work"/packages/*.deb; do dpkg-deb -f "$deb" Depends; done |
    tr ',' '\n' | sed 's/([^)]*)//; s/ //g; /^libcps1$/d' | sort -u)
# shellcheck disable=SC2086 # names, one a word
in_root apt-get -q -y install --no-install-recommends $depends >>"$work/apt.log" 2>&1 ||
    { tail -n 30 "$work/apt.log" >&2; fail "apt-get could not install what the packages depend on"; }
listing >"$work/before"
in_root sh -c 'apt-get -q -y install --no-install-recommends /debs/*.deb' >>"$work/apt.log" 2>&1 ||
    { tail -n 30 "$work/apt.log" >&2; fail "apt-get could not install the packages"; }
for file in /usr/sbin/cpsd /usr/sbin/cps-smpp /usr/bin/{cpsctl,cps-esme,cps-smsc} /etc/stir-cps/{cpsd,cps-smpp}.conf \
    /etc/logrotate.d/{cpsd,cps-smpp} /usr/share/doc/stir-cps/{,cps/,client/,deploy/}README.md /usr/share/man/man1/cps-{esme,smsc}.1.gz \
    /usr/lib/systemd/system/{cpsd,cps-smpp,cps-smpp@}.service /usr/share/bash-completion/completions/cpsctl; do
    [[ -e $root$file ]] || fail "$file is not there after the installation"
done
[[ $(accounts | wc -l) == 4 ]] || { accounts; fail "the accounts are not there after the installation"; }
accounts >"$work/accounts"
expect /etc/stir-cps root:root 755
for daemon in cpsd cps-smpp; do
    expect /etc/stir-cps/$daemon.conf root:$daemon 640
    expect /etc/stir-cps/$daemon.conf.d root:$daemon 750
    expect /var/lib/$daemon $daemon:$daemon 700
    expect /var/log/$daemon $daemon:$daemon 750
    [[ $(unit_state $daemon) == disabled ]] || fail "$daemon.service is $(unit_state $daemon) after the installation"
done
for dir in keys recipients tenants; do
    expect /etc/stir-cps/$dir root:cps-smpp 2750
done

say "hardening"
for file in usr/sbin/cpsd usr/sbin/cps-smpp usr/bin/{cpsctl,cps-esme,cps-smsc} "usr/lib/$(gcc -print-multiarch)/libcps.so.1"; do
    readelf -W -h -l -d --dyn-syms "$root/$file" >"$work/elf"
    for what in 'Type: *DYN' GNU_RELRO BIND_NOW; do
        grep -q "$what" "$work/elf" || fail "/$file was linked without $what"
    done
    ! grep -E 'GNU_STACK.*E' "$work/elf" || fail "/$file has a stack that can be executed"
    for what in __stack_chk_fail '__[a-z]*printf_chk'; do
        grep -q "UND $what" "$work/elf" || fail "/$file was compiled without what calls $what"
    done
done

say "configuration check"
in_root sh -c 'cd /etc/stir-cps && cpsctl pki --out pki --name alice --tn 12155551212 --server-name localhost >/dev/null &&
    cpsctl keygen --out /tmp/bob.jwk --public /tmp/bob.pub >/dev/null && chown cpsd pki/tls.key'
if in_root cpsd -t -c /etc/stir-cps/cpsd.conf 2>"$work/said"; then
    fail "cpsd -t took a configuration without a certificate"
fi
grep -q 'certificate' "$work/said" || fail "cpsd -t did not say that a certificate is missing"
cat >>"$root/etc/stir-cps/cpsd.conf" <<'END'
[admin]
listen =
[server]
listen = 127.0.0.1:18443
certificate = /etc/stir-cps/pki/tls.pem
private_key = /etc/stir-cps/pki/tls.key
[policy]
publish = open
END
in_root setpriv --reuid cpsd --regid cpsd --clear-groups cpsd -t -c /etc/stir-cps/cpsd.conf
in_root cps-smpp -t -c /etc/stir-cps/cps-smpp.conf || [[ $? == 2 ]] || fail "cps-smpp -t neither took nor refused its configuration"

say "start, publish, retrieve"
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" setpriv --reuid cpsd --regid cpsd --clear-groups \
    cpsd -c /etc/stir-cps/cpsd.conf 2>"$work/cpsd.log" &
server=$!
pids+=("$server")
for ((i = 0; i < 600; i++)); do
    grep -q 'ready:' "$work/cpsd.log" && break
    kill -0 "$server" 2>/dev/null || { cat "$work/cpsd.log" >&2; fail "cpsd did not start"; }
    sleep 0.1
done
pki=/etc/stir-cps/pki
at_cps=(--cps https://localhost:18443 --ca "$pki/tls-root.pem")
in_root cpsctl send "${at_cps[@]}" --key $pki/alice.key --cert $pki/alice.pem --x5u https://certs.example.com/alice.pem \
    --to /tmp/bob.pub --orig 12155551212 --dest 12025550100 --text "From a package"
in_root cpsctl receive "${at_cps[@]}" --key /tmp/bob.jwk --trust $pki/root.pem --x5u-dir $pki/certs \
    --orig 12155551212 --dest 12025550100 --text "From a package"

say "autopkgtest"
mkdir "$root/tmp/autopkgtest"
cp deploy/packaging/debian/tests/publish-and-retrieve "$root/tmp/autopkgtest/"
in_root env AUTOPKGTEST_TMP=/tmp/autopkgtest /tmp/autopkgtest/publish-and-retrieve >"$work/autopkgtest.log" 2>&1 ||
    { cat "$work/autopkgtest.log" >&2; fail "publish-and-retrieve fails"; }
grep -q '^passed' "$work/autopkgtest.log" || { cat "$work/autopkgtest.log" >&2; fail "publish-and-retrieve has no verdict"; }

say "a program against libcps"
program=deploy/packaging/debian/tests/program
# This machine's compiler, the installed package's headers and library. The rest of what libcps needs comes to lie beside
# it when the program runs.
triplet=$(gcc -print-multiarch)
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/$triplet/pkgconfig PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
    PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
read -ra flags < <(pkg-config --cflags --libs stir-cps)
gcc -Wall -Werror -o "$root/tmp/with-pkg-config" $program/main.c "${flags[@]}" -Wl,--allow-shlib-undefined
cmake -S $program -B "$work/program" -DCMAKE_PREFIX_PATH="$root/usr" \
    -DCMAKE_EXE_LINKER_FLAGS=-Wl,--allow-shlib-undefined -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON >/dev/null
cmake --build "$work/program" >/dev/null
cp "$work/program/program" "$root/tmp/with-cmake"
in_root /tmp/with-pkg-config
in_root /tmp/with-cmake

say "stop"
kill -TERM "$server"
wait "$server" || fail "cpsd ended with $?"
pids=()
rm -rf "$root/etc/stir-cps/pki"
dpkg_quiet() {
    in_root "$@" >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "$* failed"; }
}
packages=(cpsd cps-smpp libcps1 libcps-dev cps-tools stir-cps-doc)

say "N16: removed and installed again"
systemctl --root="$root" enable cpsd.service 2>/dev/null
echo "# edited" >>"$root/etc/stir-cps/cpsd.conf"
dpkg_quiet dpkg --remove "${packages[@]}"
[[ ! -e $root/usr/sbin/cpsd && -e $root/etc/stir-cps/cpsd.conf ]] || fail "remove left cpsd, or took its configuration away"
dpkg_quiet sh -c 'dpkg --install /debs/*.deb'
[[ $(unit_state cpsd) == enabled ]] || fail "cpsd.service was enabled, and is $(unit_state cpsd) after remove and install"
[[ $(unit_state cps-smpp) == disabled ]] || fail "cps-smpp.service was disabled, and is $(unit_state cps-smpp) now"
grep -q '^# edited' "$root/etc/stir-cps/cpsd.conf" || fail "the edited cpsd.conf is gone"
expect /etc/stir-cps/cpsd.conf root:cpsd 640

say "N16: purged and installed again"
key=/etc/stir-cps/keys/default.jwk
(umask 027 && echo '{}' >"$root$key")
expect $key root:cps-smpp 640
dpkg_quiet dpkg --purge "${packages[@]}"
accounts | diff "$work/accounts" - || fail "the accounts are not the same after the purge (above)"
expect $key root:cps-smpp 640
dpkg_quiet sh -c 'dpkg --install /debs/*.deb'
accounts | diff "$work/accounts" - || fail "the accounts are not the same after the second installation (above)"
expect $key root:cps-smpp 640
[[ $(unit_state cpsd) == disabled ]] || fail "cpsd.service is $(unit_state cpsd) after purge and install"

say "purge"
rm "$root$key"
dpkg_quiet dpkg --purge "${packages[@]}"
listing >"$work/after"
diff "$work/before" "$work/after" || fail "the purge left something behind, or took something away (above)"
echo "nothing is left behind but the accounts"
