#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes the Debian packages: deploy/packaging/build.sh [DIRECTORY]
#
# Copies the sources to build/package/stir-cps-VERSION with deploy/packaging/debian as debian/ at the top, runs
# dpkg-buildpackage there, and puts the .deb files and the source package into DIRECTORY (build/packages). Needs what
# deploy/install-deps.sh build installs, debhelper, dpkg-dev and scdoc; dpkg-buildpackage says what is missing.
# DEB_BUILD_OPTIONS is dpkg-buildpackage's own. Without it the unit tests are left out (nocheck).
set -euo pipefail
cd "$(dirname "$0")/../.."
home=$PWD
out=$(realpath -m "${1:-build/packages}")
export DEB_BUILD_OPTIONS=${DEB_BUILD_OPTIONS-nocheck}
if [[ " $DEB_BUILD_OPTIONS " == *" nocheck "* ]]; then # what only the tests need does not have to be installed, either
    export DEB_BUILD_PROFILES=${DEB_BUILD_PROFILES-nocheck}
fi

version=$(sed -n 's/^project(stir-cps VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
packaged=$(dpkg-parsechangelog -l deploy/packaging/debian/changelog -S Version)
if [[ ${packaged%-*} != "$version" ]]; then
    echo "build.sh: debian/changelog has version $packaged, CMakeLists.txt $version: make them the same" >&2
    exit 1
fi

# What git knows and what it does not ignore; everything but builds in a tree without git.
list_files() {
    if [[ -e .git ]] && command -v git >/dev/null; then
        git ls-files -z --cached --others --exclude-standard --deduplicate
    else
        find . \( -path './build*' -o -path ./.git -o -name node_modules -o -name __pycache__ \) -prune -o \
            \( -type f -o -type l \) -printf '%P\0'
    fi | while IFS= read -rd '' file; do
        [[ ! -e $file ]] || printf '%s\0' "$file"
    done
}

tree=build/package/stir-cps-$version
rm -rf build/package
mkdir -p "$tree" "$out"
list_files | xargs -0 cp -d --parents -t "$tree" --
tar --sort=name --owner=0 --group=0 --numeric-owner -C build/package -c "stir-cps-$version" |
    xz -T0 -2 >"build/package/stir-cps_$version.orig.tar.xz"
cp -R deploy/packaging/debian "$tree/debian"
cd "$tree"
# debhelper gives the build a home directory of its own, in which a compiler cache is empty
! command -v ccache >/dev/null || export CCACHE_DIR="${CCACHE_DIR:-$(ccache --get-config cache_dir)}"
dpkg-buildpackage -us -uc
cd "$home"
find build/package -maxdepth 1 -type f -exec mv -t "$out" {} +
ls -l "$out"/*.deb
