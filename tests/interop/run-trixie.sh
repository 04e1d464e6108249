#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian 13 (trixie): a clean checkout of HEAD in a Debian 13 of its own, as somebody who begins there would use it:
# tests/interop/run-trixie.sh
#
# Runs deploy/demo.sh, looks at what starts at boot after it, builds everything with warnings as errors, runs the unit
# tests, builds the packages with what their debian/control names, and installs them. With FULL=1 also tests/run.sh to its
# end, and a build with clang. Needs root.
# The Debian lies in a new directory and is deleted at the end; what it is copied from stays in build/debian/.
# all: makes a Debian and builds everything in it
# alone: takes both processors
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/debian-root.sh
source tests/tools/debian-root.sh
work=$(mktemp -d /tmp/stir-cps-trixie.XXXXXX)
root=$work/root
debian_process=
finish() {
    [[ -z $debian_process ]] || { kill -KILL "$debian_process"; wait "$debian_process"; } 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# step TITLE COMMAND...: runs the command in the checkout there, with a new title and the time that it takes.
step() {
    local title=$1 start=$EPOCHREALTIME status=0
    shift
    printf '== %s\n' "$title"
    in_running_debian "$root" env -C /src "$@" || status=$?
    awk -v title="$title" -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "== %s: %.0f s\n", title, b - a }'
    ((status == 0)) || { echo "trixie: $title: exit status $status" >&2; exit 1; }
}

echo "== Debian 13"
debian_root trixie "$root"
# the directory goes at the end, so what is installed there does not have to reach the disk
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
mkdir "$root/src"
git archive HEAD | tar -x -C "$root/src"

# What starts at boot there, but for what comes with packages that every installation of Debian has and this small one has
# not: cmake needs procps, for example, which sets the kernel's parameters at boot.
services() {
    local file name
    { find "$root/etc/systemd/system" "$root"/etc/rc?.d \( -path '*.wants/*' -o -name 'S*' \) -printf '%f\n' 2>/dev/null ||
        true; } | sort -u | while read -r file; do
        name=$([[ $file = S[0-9][0-9]* ]] && echo "/etc/init.d/${file:3}" || echo "*/systemd/system/$file")
        # shellcheck disable=SC2016 # the inner shell's
        in_debian_root "$root" sh -c 'owner=$(dpkg-query -S "$1" 2>/dev/null | head -n 1 | cut -d: -f1)
            dpkg-query -W -f "\${Priority}\n" "${owner:-none}" 2>/dev/null' - "$name" </dev/null |
            grep -qxE 'required|important|standard' || echo "$file"
    done
}

before=$(services)
step "N7: deploy/demo.sh" deploy/demo.sh
echo "== N20: no service is enabled that was not enabled before"
[[ -x $root/usr/bin/redis-server ]] || { echo "trixie: the demo has not installed Redis" >&2; exit 1; }
diff <(cat <<<"$before") <(cat <<<"$(services)") || { echo "trixie: the demo changed what starts at boot (above)" >&2; exit 1; }
step "build, warnings are errors" cmake --build --preset release
step "unit tests" ctest --test-dir build/release --output-on-failure -j "$((2 * $(nproc)))"
step "what the packages need to build" \
    apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 build-dep ./deploy/packaging
step "packages" deploy/packaging/build.sh /tmp/packages
step "installation of the packages" sh -c 'apt-get -q -y --no-install-recommends install /tmp/packages/*.deb &&
    /usr/sbin/cpsd --version && /usr/sbin/cps-smpp --version && /usr/bin/cpsctl --version'
if [[ -n ${FULL:-} ]]; then
    step "tests/run.sh" tests/run.sh
    step "build with clang" sh -c 'cmake --preset clang && cmake --build --preset clang'
fi
