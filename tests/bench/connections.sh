#!/bin/bash
# SPDX-License-Identifier: MIT
# What idle connections cost: tests/bench/connections.sh [COUNT]
#
# One cpsd holds COUNT (10,000) idle TLS connections. Prints its memory per connection, that of the kernel, and the latency
# of publishes over 32 other connections: without the idle ones, with them, and without them again. Fails above 30 KB per
# connection.
set -euo pipefail
cd "$(dirname "$0")/../.."

count=${1:-10000} LIMIT=30 RATE=5000
deploy/install-deps.sh bench
mkdir -p build
if ! { cmake --preset release && cmake --build --preset release -j "$(nproc)" --target cpsd bench_load bench_idle; } \
    >build/bench-build.log 2>&1; then
    tail -n 30 build/bench-build.log >&2
    exit 1
fi
programs=$PWD/build/release
here=$PWD/tests/bench
dir=$(mktemp -d)
# shellcheck source=tests/bench/servers.sh
. "$here/servers.sh"
end() {
    stop "${!pid[@]}"
    rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT TERM
ulimit -n $((2 * count + 1000)) 2>/dev/null || ulimit -n "$(ulimit -H -n)"

make_certificate
start_redis redis
start_cpsd cpsd 1 redis -o server.max_connections=$((count + 1000))

slab_kb() {
    awk '$1 == "Slab:" { print $2 }' /proc/meminfo
}

latency() { # LABEL
    "$programs/tests/bench_load" publish --port "${port[cpsd]}" --ca "$dir/cert.pem" --rate $RATE --seconds 3 \
        --first $((first += 1000000)) --pid "${pid[cpsd]}" |
        jq -r --arg what "$1" '"\($what): p50 \(.p50_us) us, p99 \(.p99_us) us, \(.cpu_us[0]) us of cpsd a publish"'
}

hold() {
    mkfifo "$dir/hold"
    "$programs/tests/bench_idle" --port "${port[cpsd]}" --ca "$dir/cert.pem" --count "$count" \
        <"$dir/hold" >"$dir/idle.log" 2>&1 &
    pid[idle]=$!
    exec 8>"$dir/hold"
    local i
    for ((i = 0; i < 1200; i++)); do
        ! grep -q connections "$dir/idle.log" || return 0
        [[ -e /proc/${pid[idle]} ]] || break
        sleep 0.1
    done
    cat "$dir/idle.log" >&2
    fail "the connections were not opened"
}

release() {
    exec 8>&-
    wait "${pid[idle]}" || true
    unset "pid[idle]"
    rm "$dir/hold"
    sleep 1
}

first=0
latency "without"
before=$(rss_kb cpsd) slab=$(slab_kb)
hold
after=$(rss_kb cpsd) slab=$(($(slab_kb) - slab))
each=$(awk -v kb=$((after - before)) -v n="$count" 'BEGIN { printf "%.1f", kb / n }')
echo "$count idle TLS connections: $before -> $after kB resident, $each KB each (at most $LIMIT)"
echo "the kernel's slab grew by $slab kB meanwhile, both ends of each connection included"
latency "with $count idle"
release
latency "without"
awk -v each="$each" -v limit=$LIMIT 'BEGIN { exit each > limit }'
