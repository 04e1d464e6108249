#!/bin/bash
# The packages as their users get them: tests/packages.sh
#
# Builds them, looks at them with lintian, installs them in a Debian of their own (debootstrap), checks the
# configuration, starts cpsd, publishes and retrieves, builds a program against libcps with pkg-config and with CMake,
# purges, and looks at what is left behind. Needs root. The Debian lies in a new directory and is deleted at the end;
# with KEEP_ROOT=DIR it is made in DIR if it is not there, and used again.
set -euo pipefail
cd "$(dirname "$0")/.."
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
deploy/packaging/build.sh "$work/packages"

say "lintian"
lintian --fail-on error --tag-display-limit 0 "$work"/packages/*.deb

say "a Debian"
root=$work/root
if [[ -n ${KEEP_ROOT:-} && -d $KEEP_ROOT ]]; then
    cp -a "$KEEP_ROOT" "$root"
else
    # where this machine gets its packages, and by which way
    # shellcheck disable=SC2016 # apt-get's own variables
    mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
        awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
    [[ -n $mirror ]] || fail "apt-get indextargets knows no mirror of Debian 12: run apt-get update"
    debootstrap --variant=minbase bookworm "$root" "$mirror" >"$work/debootstrap.log" 2>&1 ||
        { tail -n 20 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
    apt-config dump Acquire | grep -v -e '::$' -e '"";$' >"$root/etc/apt/apt.conf.d/99host" || true
    [[ -z ${KEEP_ROOT:-} ]] || cp -a "$root" "$KEEP_ROOT"
fi
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
# nothing that is installed in there is to be started
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}
# What is there, but for logs, packages' own records, and the copies that adduser makes of what it changes.
listing() {
    (cd "$root" && find . -xdev \( -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./var/log \
        -o -path ./tmp -o -path ./debs -o -path ./run \) -prune -o ! -path './etc/*-' -print | LC_ALL=C sort)
    cut -d: -f1 "$root/etc/passwd" "$root/etc/group"
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
for file in /usr/sbin/cpsd /usr/sbin/cps-smpp /usr/bin/cpsctl /etc/stir-cps/cpsd.conf /etc/stir-cps/cps-smpp.conf \
    /usr/lib/systemd/system/cpsd.service /usr/share/bash-completion/completions/cpsctl; do
    [[ -e $root$file ]] || fail "$file is not there after the installation"
done
for account in cpsd cps-smpp; do
    grep -q "^$account:" "$root/etc/passwd" || fail "the account $account is not there after the installation"
done

say "configuration check"
in_root sh -c 'cd /etc/stir-cps && cpsctl pki --out pki --name alice --tn 12155551212 --server-name localhost >/dev/null &&
    cpsctl keygen --out /tmp/bob.jwk --public /tmp/bob.pub >/dev/null && chown cpsd pki/tls.key'
if in_root cpsd -t -c /etc/stir-cps/cpsd.conf 2>"$work/said"; then
    fail "cpsd -t took a configuration without a certificate"
fi
grep -q 'certificate' "$work/said" || fail "cpsd -t did not say that a certificate is missing"
cat >>"$root/etc/stir-cps/cpsd.conf" <<'END'
[server]
listen = 127.0.0.1:18443
admin =
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
for ((i = 0; i < 100; i++)); do
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

say "a program against libcps"
mkdir "$work/program"
cat >"$work/program/main.c" <<'END'
#include <stdio.h>
#include <stir-cps/cps.h>
#include <stir-cps/cps_smpp.h>

int main(void)
{
    struct cps_options options = {.size = sizeof(options), .cps_url = "https://localhost:18443"};
    struct cps_error err = {0};
    struct cps *cps = NULL;
    if (cps_new(&cps, &options, &err) != CPS_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    cps_free(cps);
    return printf("libcps %s\n", cps_version()) < 0;
}
END
cat >"$work/program/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(program LANGUAGES C)
find_package(stir-cps 1 REQUIRED)
add_executable(program main.c)
target_link_libraries(program stir-cps::cps)
END
# This machine's compiler, the installed package's headers and library. The rest of what libcps needs comes to lie beside
# it when the program runs.
triplet=$(gcc -print-multiarch)
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/$triplet/pkgconfig PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
    PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
read -ra flags < <(pkg-config --cflags --libs stir-cps)
gcc -Wall -Werror -o "$root/tmp/with-pkg-config" "$work/program/main.c" "${flags[@]}" -Wl,--allow-shlib-undefined
cmake -S "$work/program" -B "$work/program/build" -DCMAKE_PREFIX_PATH="$root/usr" \
    -DCMAKE_EXE_LINKER_FLAGS=-Wl,--allow-shlib-undefined -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON >/dev/null
cmake --build "$work/program/build" >/dev/null
cp "$work/program/build/program" "$root/tmp/with-cmake"
in_root /tmp/with-pkg-config
in_root /tmp/with-cmake

say "stop and purge"
kill -TERM "$server"
wait "$server" || fail "cpsd ended with $?"
pids=()
rm -rf "$root/etc/stir-cps/pki"
in_root apt-get -q -y purge cpsd cps-smpp libcps1 libcps-dev cps-tools >>"$work/apt.log" 2>&1 ||
    { tail -n 30 "$work/apt.log" >&2; fail "apt-get could not purge the packages"; }
listing >"$work/after"
diff "$work/before" "$work/after" || fail "the purge left something behind, or took something away (above)"
echo "nothing is left behind"
