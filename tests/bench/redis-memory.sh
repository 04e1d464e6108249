#!/bin/bash
# SPDX-License-Identifier: MIT
# What a stored envelope costs Redis: octets of memory, and time of its one thread. tests/bench/redis-memory.sh [BOXES]
#
# For one envelope of 1,000 octets in each of 100,000 boxes, and for boxes of 30: with Redis' settings as they come and
# with those that deploy/redis sets. Starts a redis-server of its own on a unix socket, and stops exactly that.
set -euo pipefail
cd "$(dirname "$0")/../.."

boxes=${1:-100000}
octets=1000
build=${BUILD_DIR:-build/release}
if ! { cmake --preset release && cmake --build --preset release --target bench_store; } >build/bench-build.log 2>&1; then
    tail -n 30 build/bench-build.log >&2
    exit 1
fi
dir=$(mktemp -d)
pid=
end() {
    [[ -z $pid ]] || { kill "$pid" && wait "$pid"; } || true
    rm -rf "$dir"
}
trap end EXIT

ask() {
    redis-cli -s "$dir/s" "$@"
}

used() {
    ask info memory | sed -n 's/^used_memory:\([0-9]*\).*/\1/p'
}

# measure TEXT BOXES EACH SETTING...
measure() {
    local text=$1 count=$2 each=$3 before after said
    shift 3
    redis-server --port 0 --unixsocket "$dir/s" --save '' --appendonly no --dir "$dir" "$@" >"$dir/log" 2>&1 &
    pid=$!
    until ask ping >"$dir/ping" 2>&1; do sleep 0.05; done
    before=$(used)
    said=$("$build/tests/bench_store" "redis+unix://$dir/s" "$count" "$each" "$octets")
    after=$(used)
    printf '%-26s %6d %5d %9d %9.2f %9.2f\n' "$text" "$count" "$each" $(((after - before) / (count * each))) \
        "$(ask info commandstats | sed -n 's/^cmdstat_evalsha:.*usec=\([0-9]*\),.*/\1/p' |
            awk -v n=$((count * each + count)) '{ printf "%f", $1 / n }')" \
        "$(sed -n 's/^put .* \([0-9.]*\) us each.*/\1/p' <<<"$said")"
    kill "$pid"
    wait "$pid" || true
    pid=
}

printf '%-26s %6s %5s %9s %9s %9s\n' 'Redis, octets=1000' boxes each octets/1 'us/script' 'us/put'
few=$((boxes / 30))
for round in one thirty; do
    [[ $round = one ]] && n=$boxes each=1 || n=$few each=30
    measure 'as it comes' "$n" "$each"
    measure 'listpack 4096' "$n" "$each" --hash-max-listpack-value 4096
    measure 'listpack 4096, 32 entries' "$n" "$each" --hash-max-listpack-value 4096 --hash-max-listpack-entries 32
done
echo 'octets/1: used_memory for each envelope; us/script: in Redis, puts and lists; us/put: seen by one worker'
