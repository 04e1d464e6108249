#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs the Debian packages that are missing: deploy/install-deps.sh [run|build|test|bench]
#   run    what the built programs need
#   build  that, and what compiles them (the default)
#   test   that, and what tests/run.sh uses
#   bench  that, and what tests/bench/run.sh measures beside
# A second run finds nothing missing and ends at once. Nothing that is installed here is started, now or at the next boot:
# services that Debian enables as it installs them (redis-server, the kannel of the tests) are disabled again. One that
# was enabled before stays so.
set -euo pipefail

# What is linked is named by its -dev package only: the names of the libraries themselves differ from release to release.
libraries=(libwebsockets-dev libuv1-dev libssl-dev libhiredis-dev libjansson-dev libcurl4-openssl-dev
           libsqlite3-dev libutf8proc-dev)
run=(ca-certificates redis-server)
build=(libcunit1-dev cmake ninja-build pkg-config gcc libc6-dev)
test=(curl openssl jq valgrind clang libclang-rt-dev clang-tidy clang-format nghttp2-client python3 python3-jwcrypto
      python3-cryptography tcpdump iproute2 git kannel kannel-extras tshark libsmpp34-dev
      scdoc debhelper build-essential lintian debootstrap shellcheck systemd prometheus python3-yaml zsh
      haproxy python3-h2 python3-jsonschema softhsm2 libengine-pkcs11-openssl lua5.1 universal-ctags)
bench=(nginx libnginx-mod-http-lua lua-nginx-redis webdis redis-tools libcjose-dev gnuplot-nox)

# Prints the libraries that the -dev packages of this release depend on. libwebsockets-evlib-uv is one of them, which
# libwebsockets loads at run time.
shared_libraries() {
    apt-cache depends --important "${libraries[@]}" | awk '$1 == "Depends:" && $2 ~ /^lib/ && $2 !~ /-dev$/ { print $2 }'
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install-deps: this is not Debian; install the counterparts of: ${run[*]} ${libraries[*]} ${build[*]}" >&2
    exit 1
fi
set=${1:-build}
case $set in
    run)
        # a new system knows no packages yet
        apt-cache show "${libraries[@]}" >/dev/null 2>&1 || ((EUID != 0)) || apt-get -q update >/dev/null
        depends=$(shared_libraries) || {
            echo "install-deps: apt does not know ${libraries[*]}: run apt-get update as root, then try again" >&2
            exit 1
        }
        mapfile -t -O "${#run[@]}" run <<<"$depends"
        wanted=("${run[@]}")
        ;;
    build) wanted=("${run[@]}" "${libraries[@]}" "${build[@]}") ;;
    test | bench)
        wanted=("${run[@]}" "${libraries[@]}" "${build[@]}" "${test[@]}")
        # whoever has a Node of their own keeps it: Debian's would come on top of it
        command -v node >/dev/null && command -v npm >/dev/null || wanted+=(nodejs npm)
        [[ $set = test ]] || wanted+=("${bench[@]}")
        ;;
    *)
        sed -n '3,9s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac

missing() {
    dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null |
        awk -v wanted="${wanted[*]}" '
            $2 == "installed" { have[$1] = 1 }
            END { n = split(wanted, names, " "); for (i = 1; i <= n; i++) if (!(names[i] in have)) print names[i] }' ||
        true
}

mapfile -t packages < <(missing)
if ((${#packages[@]} == 0)); then
    exit 0
fi
if ((EUID != 0)); then
    printf 'install-deps: these packages are missing; as root:\n    apt-get install --no-install-recommends %s\n' \
        "${packages[*]}" >&2
    exit 1
fi

# Debian starts a daemon as soon as its package is installed unless policy-rc.d forbids it. Ours is there only for as
# long as this takes; one that the administrator put there stays.
policy=/usr/sbin/policy-rc.d
mark='# stir-cps: no service is started while deploy/install-deps.sh installs'
log=$(mktemp /tmp/stir-cps-install-deps.XXXXXX.log)

remove_policy() {
    if [[ -f $policy ]] && grep -qxF "$mark" "$policy"; then
        rm -f "$policy"
    fi
}

exec 9>/run/stir-cps-install-deps.lock
flock 9
trap remove_policy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
remove_policy # of a run that was killed
if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
fi

# Services that are started at boot.
enabled() {
    find /etc/systemd/system -path '*.wants/*.service' -printf '%f\n' 2>/dev/null | sort -u
}

apt() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -y -o DPkg::Lock::Timeout=600 "$@" \
        >>"$log" 2>&1 </dev/null 9>&-
}

before=$(enabled)
echo "installing ${packages[*]}"
if ! apt update || ! apt install --no-install-recommends "${packages[@]}"; then
    tail -n 15 "$log" >&2
    echo "install-deps: apt-get failed; all that it said is in $log" >&2
    exit 1
fi
rm -f "$log"

# What these packages enabled is disabled again; what came with systemd itself stays.
from_packages() {
    local unit owner
    while read -r unit; do
        owner=$(dpkg-query -S "*/systemd/system/$unit" 2>/dev/null | head -n 1 | cut -d: -f1)
        [[ $owner != systemd && " ${packages[*]} " == *" $owner "* ]] && echo "$unit"
    done
    return 0
}
mapfile -t fresh < <(comm -13 <(printf '%s\n' "$before") <(enabled) | from_packages)
for unit in "${fresh[@]}"; do
    if ! systemctl --no-reload disable "$unit" >/dev/null 2>&1; then # there is no systemd yet
        find /etc/systemd/system -type l -lname "*/$unit" -delete
        update-rc.d "${unit%.service}" disable >/dev/null 2>&1 || true
    fi
    echo "disabled, as it was not enabled before: $unit"
done
