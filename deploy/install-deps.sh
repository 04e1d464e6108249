#!/bin/bash
# Installs the Debian packages that are missing: deploy/install-deps.sh [run|build|test|bench]
#   run    what the built programs need
#   build  that, and what compiles them (the default)
#   test   that, and what tests/run.sh uses
#   bench  that, and what tests/bench/run.sh measures beside
# A second run finds nothing missing and ends at once. Nothing that is installed here is started now; Debian enables its
# redis-server, and the kannel of the tests, for the next boot.
set -euo pipefail

run=(libwebsockets17 libwebsockets-evlib-uv libuv1 libssl3 libhiredis0.14 libjansson4 libcurl4 libinih1
     libsqlite3-0 ca-certificates redis-server)
build=(libwebsockets-dev libuv1-dev libssl-dev libhiredis-dev libjansson-dev libcurl4-openssl-dev libinih-dev
       libsqlite3-dev libcunit1-dev cmake ninja-build pkg-config gcc libc6-dev)
test=(curl openssl jq valgrind clang libclang-rt-dev clang-tidy clang-format nghttp2-client python3 python3-jwcrypto
      python3-cryptography tcpdump git kannel kannel-extras tshark libsmpp34-dev
      scdoc lintian debootstrap shellcheck systemd prometheus python3-yaml
      haproxy python3-h2 python3-jsonschema)
bench=(nginx libnginx-mod-http-lua lua-nginx-redis webdis redis-tools libcjose-dev gnuplot-nox)

set=${1:-build}
case $set in
    run) wanted=("${run[@]}") ;;
    build) wanted=("${run[@]}" "${build[@]}") ;;
    test | bench)
        wanted=("${run[@]}" "${build[@]}" "${test[@]}")
        # whoever has a Node of their own keeps it: Debian's would come on top of it
        command -v node >/dev/null && command -v npm >/dev/null || wanted+=(nodejs npm)
        [[ $set = test ]] || wanted+=("${bench[@]}")
        ;;
    *)
        sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
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

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install-deps: this is not Debian; needed are the counterparts of: ${wanted[*]}" >&2
    exit 1
fi
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

apt() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -y -o DPkg::Lock::Timeout=600 "$@" \
        >>"$log" 2>&1 </dev/null 9>&-
}

echo "installing ${packages[*]}"
if ! apt update || ! apt install --no-install-recommends "${packages[@]}"; then
    tail -n 15 "$log" >&2
    echo "install-deps: apt-get failed; all that it said is in $log" >&2
    exit 1
fi
rm -f "$log"
