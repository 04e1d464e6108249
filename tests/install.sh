#!/bin/bash
# SPDX-License-Identifier: MIT
# An installation by hand, as deploy/README.md has it: tests/install.sh
#
# Configures without presets and without CUnit, installs a build below a prefix of its own, and looks at what is there:
# nothing elsewhere, no files of Debian's, paths of the prefix in pkg-config and units, an edited configuration that
# stays, unit tests for ctest, and uninstall. Installs the build of BUILD_DIR (build/dev): whether it compiles is shown
# elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD_DIR:-build/dev}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

say() {
    printf '== %s\n' "$*"
}
fail() {
    printf 'install: %s\n' "$*" >&2
    exit 1
}

say "N9: -Werror is for presets, CUnit for tests"
mkdir "$work/pc"
pkg-config --variable pc_path pkg-config | tr ':' '\n' | while read -r dir; do
    [[ ! -d $dir ]] || find "$dir" -name '*.pc' ! -name 'cunit*.pc' -exec ln -sf -t "$work/pc" {} +
done
PKG_CONFIG_LIBDIR=$work/pc cmake -S . -B "$work/plain" >"$work/plain.log" || { cat "$work/plain.log"; fail "cmake -B fails"; }
grep -q 'unit tests are left out: no CUnit' "$work/plain.log" || fail "it does not say that the unit tests are left out"
! grep -q -e -Werror "$work/plain/compile_commands.json" || fail "a warning is an error without a preset"
grep -q -e -Werror "$build/compile_commands.json" || fail "a warning is not an error with a preset"

say "N9: everything is below the prefix"
cmake --install "$build" --prefix "$prefix" >"$work/install.log"
! grep -v "^$prefix/" "$build/install_manifest.txt" || fail "these files are elsewhere"
for file in sbin/cpsd sbin/cps-smpp bin/cpsctl etc/stir-cps/cpsd.conf etc/stir-cps/cps-smpp.conf include/stir-cps/cps.h \
    lib/systemd/system/cpsd.service lib/systemd/system/cpsd.socket share/bash-completion/completions/cpsctl; do
    [[ -f $prefix/$file ]] || fail "$file is not there"
done
! find "$prefix" -name 'copyright' -o -name 'changelog.*' | grep . || fail "these files are Debian's"
for program in cpsd cps-smpp; do
    unit=$prefix/lib/systemd/system/$program.service
    grep -qxF "ExecStart=$prefix/sbin/$program -c $prefix/etc/stir-cps/$program.conf -o log.format=journal" "$unit" ||
        { grep Exec "$unit"; fail "$program.service does not name the prefix"; }
    ! grep -E '[= ]/(usr|etc)/' "$unit" || fail "$program.service names other directories"
    "$prefix/sbin/$program" --version
done

say "N9: pkg-config and CMake find libcps"
cat >"$work/main.c" <<'END'
#include <stdio.h>
#include <stir-cps/cps.h>

int main(void)
{
    return printf("libcps %s\n", cps_version()) < 0;
}
END
cat >"$work/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(program LANGUAGES C)
find_package(stir-cps 1 REQUIRED)
add_executable(program main.c)
target_link_libraries(program stir-cps::cps)
END
pkgconfig=$(find "$prefix" -name stir-cps.pc -printf '%h')
read -ra flags < <(PKG_CONFIG_PATH=$pkgconfig pkg-config --cflags --libs stir-cps)
gcc -o "$work/with-pkg-config" "$work/main.c" "${flags[@]}"
LD_LIBRARY_PATH=$(dirname "$pkgconfig") "$work/with-pkg-config"
cmake -S "$work" -B "$work/program" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$work/program" >/dev/null
"$work/program/program"

say "N9: an edited configuration stays"
echo "# edited" >>"$prefix/etc/stir-cps/cpsd.conf"
cmake --install "$build" --prefix "$prefix" >"$work/again.log"
grep -q '^# edited' "$prefix/etc/stir-cps/cpsd.conf" || fail "the second installation overwrote cpsd.conf"
grep -q "Kept.*/cpsd.conf" "$work/again.log" || fail "it does not say that cpsd.conf was kept"

say "N9: DESTDIR, and /usr with its configuration in /etc"
DESTDIR=$work/staged cmake --install "$build" --prefix /usr >/dev/null
grep -q '^ExecStart=/usr/sbin/cpsd -c /etc/stir-cps/cpsd.conf' "$work/staged/usr/lib/systemd/system/cpsd.service" ||
    fail "the unit below /usr has other paths"
[[ -f $work/staged/etc/stir-cps/cpsd.conf && ! -e $work/staged/usr/etc ]] || fail "the configuration is not in /etc"

say "N9: ctest runs the unit tests"
count=$(ctest --test-dir "$build" -N | sed -n 's/^Total Tests: //p')
((count > 50)) || fail "ctest has $count tests"
ctest --test-dir "$build" -R '^test_(b64|buf|tn)$' --no-tests=error | tail -n 4

say "N9: uninstall"
cmake --install "$build" --prefix "$prefix" >/dev/null
echo "# edited later" >>"$prefix/etc/stir-cps/cps-smpp.conf"
cmake --build "$build" --target uninstall >"$work/uninstall.log" || { cat "$work/uninstall.log"; fail "uninstall fails"; }
left=$(cd "$prefix" && find . -type f | LC_ALL=C sort | tr '\n' ' ')
[[ $left == "./etc/stir-cps/cps-smpp.conf ./etc/stir-cps/cpsd.conf " ]] || fail "left behind: $left"
[[ ! -e $prefix/include/stir-cps ]] || fail "an empty directory of ours is left behind"
echo "all below the prefix: $count unit tests, ${#flags[@]} flags"
