#!/bin/bash
# SPDX-License-Identifier: MIT
# Measures a CPS beside what a user would otherwise deploy, and prints a table: tests/bench/run.sh [--quick] [--out DIR]
#
# Peers: nginx with Lua and Redis (tests/bench/peer), webdis, cjose, and raw OpenSSL. All run side by side on this
# machine, one after the other in every round and every other round backwards, so that a busy machine is busy for all of
# them; medians count. Load is 32 kept-alive connections over TLS 1.3 with one request under way on each, then requests
# by chance at 60% of what nginx did at most. Each server has a Redis of its own with the same settings.
#   --quick    three rounds of a second and smaller numbers: less than three minutes beside building
#   --out DIR  where the results go, all raw output included: DIR/bench.json, DIR/bench.svg (build/bench)
# Without --quick it takes about twelve minutes, and also measures how cost grows with a box, a body, connections and
# workers. Starts what it needs on free ports of 127.0.0.1 and below DIR, and stops exactly that.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
    sed -n '3,/^set /s/^# \{0,1\}//p' "$0" | head -n -1 >&2
    exit 2
}

quick=false out=build/bench
rounds=5 seconds=2 boxes=20000 crypto_s=15 cjose_s=6 memory_boxes=1000000 busy_before=12000 busy_count=2000 slow_count=15
tokens=20000
while (($#)); do
    case $1 in
        --quick)
            quick=true rounds=3 seconds=0.8 boxes=5000 crypto_s=6 cjose_s=3 memory_boxes=100000 busy_before=3000
            busy_count=1000 slow_count=8 tokens=8000
            shift
            ;;
        --out) [[ -n ${2:-} ]] || usage; out=$2; shift 2 ;;
        *) usage ;;
    esac
done

deploy/install-deps.sh bench
mkdir -p "$out" build
targets=(cpsd cpsctl bench_load bench_floor bench_crypto bench_cjose bench_busy bench_numtable)
if ! { cmake --preset release && cmake --build --preset release -j "$(nproc)" --target "${targets[@]}"; } \
    >build/bench-build.log 2>&1; then
    tail -n 30 build/bench-build.log >&2
    exit 1
fi
programs=$PWD/build/release
here=$PWD/tests/bench
out=$(cd "$out" && pwd)
dir=$out/run
rm -rf "$dir"
mkdir -p "$dir"

OCTETS=1000 # of an envelope
CONNECTIONS=32
PUBLISH_BASE=12000000000 ONE_BASE=13000000000 FOUR_BASE=14000000000 GROW_BASE=15000000000 MEMORY_BASE=16000000000
AGAIN_BASE=17000000000
STEP=2000000 # numbers of requests that one run has to itself: no two publish the same
WHATS=(publish publish-again retrieve-1 retrieve-4)

# shellcheck source=tests/bench/servers.sh
. "$here/servers.sh"
# shellcheck source=tests/bench/tokens.sh
. "$here/tokens.sh"
end() {
    stop "${!pid[@]}"
}
trap end EXIT
trap 'exit 130' INT TERM

# ---- load ----

first=0

# load SERVER publish|retrieve ARGUMENT...: one line of JSON.
load() {
    local to=(--port "${port[$1]}" --ca "$dir/cert.pem")
    [[ $1 != webdis ]] || to=(--webdis "${port[$1]}")
    "$programs/tests/bench_load" "$2" "${to[@]}" --octets $OCTETS --connections $CONNECTIONS "${@:3}"
}

# arguments_of WHAT: prints the arguments of one run. publish: each to a number with an empty box, like most real messages;
# publish-again: to the same 50,000 numbers in turn, more than one per second to each.
arguments_of() {
    case $1 in
        publish) echo "publish --base $PUBLISH_BASE --boxes 1000000000 --ttl 60" ;;
        publish-again) echo "publish --base $AGAIN_BASE --boxes 50000 --ttl 60" ;;
        retrieve-1) echo "retrieve --base $ONE_BASE --boxes $boxes" ;;
        retrieve-4) echo "retrieve --base $FOUR_BASE --boxes $boxes" ;;
    esac
}

# measure FILE LABELS SERVER WHAT ARGUMENT...: a line in the file. LABELS is an object that goes into it.
measure() {
    local arguments more=()
    read -ra arguments < <(arguments_of "$4")
    first=$((first + STEP))
    [[ $3 == floor* ]] || more=(--pid "$(pids_of "$3")" --pid "${pid[${redis_of[$3]}]}")
    [[ $3 != floor* ]] || more=(--pid "${pid[$3]}" --answer "${answer[$4]}")
    load "$3" "${arguments[@]}" --first $first "${more[@]}" "${@:5}" |
        jq -c --argjson labels "$2" --arg server "$3" --arg what "$4" '$labels + {$server, $what} + .' >>"$dir/$1"
}

fill() { # SERVER
    load "$1" publish --base $ONE_BASE --boxes "$boxes" --count "$boxes" --ttl 3600
    load "$1" publish --base $FOUR_BASE --boxes "$boxes" --count $((4 * boxes)) --ttl 3600
}

# in_order ROUND COMMAND...: runs the command with each line of standard input, in every other round backwards. Do not put it
# after a pipe: it would count the numbers of requests in a subshell, and the next round would repeat them.
in_order() {
    local lines i at
    mapfile -t lines
    for ((i = 0; i < ${#lines[@]}; i++)); do
        at=$(($1 % 2 ? i : ${#lines[@]} - 1 - i))
        # shellcheck disable=SC2086 # words are what a line is made of
        "${@:2}" ${lines[at]}
    done
}

# ---- the table ----

top() { # ROUND SERVER WHAT
    measure top "{\"round\":$1}" "$2" "$3" --seconds "$seconds"
}

at_rate() { # ROUND SERVER WHAT RATE
    measure paced "{\"round\":$1,\"rate\":$4}" "$2" "$3" --rate "$4" --seconds "$seconds"
}

rate_of() { # WHAT: 60% of nginx's median
    jq -s --arg what "$1" 'map(select(.server == "nginx" and .what == $what).per_s) | sort
        | .[length / 2 | floor] * 0.6 | floor' "$dir/top"
}

# The boxes that are retrieved from. What was published before is gone: else the faster a server was, the more its Redis
# would have to expire while latency is measured.
fill_all() {
    local name
    for name in nginx webdis cpsd-1 cpsd-2; do
        redis-cli -s "$dir/${redis_of[$name]}.sock" flushall >/dev/null
        fill $name >>"$dir/filled"
    done
}

measure_http() {
    local round what server
    fill_all
    for ((round = 1; round <= rounds; round++)); do
        for what in "${WHATS[@]}"; do
            for server in nginx cpsd-1 cpsd-2 floor; do
                echo "$server $what"
            done
            [[ $what == retrieve-4 ]] || echo "webdis $what"
        done >"$dir/plan"
        in_order $round top $round <"$dir/plan"
    done
    fill_all
    for ((round = 1; round <= rounds; round++)); do
        for what in "${WHATS[@]}"; do
            for server in nginx cpsd-1 cpsd-2; do
                echo "$server $what $(rate_of "$what")"
            done
        done >"$dir/plan"
        in_order $round at_rate $round <"$dir/plan"
    done
}

# A second opinion of the load generator: h2load asks for one box of one again and again.
measure_h2load() {
    local round server
    for ((round = 1; round <= rounds; round++)); do
        printf '%s\n' nginx cpsd-1 cpsd-2 >"$dir/plan"
        in_order $round h2load_one $round <"$dir/plan"
    done
}

h2load_one() { # ROUND SERVER
    h2load --h1 -t 1 -c $CONNECTIONS -D 1 "https://127.0.0.1:${port[$2]}/cps/$ONE_BASE/ppts" >"$dir/h2load.$2.$1" 2>&1
    sed -n 's/^finished in .*, \([0-9.]*\) req\/s.*/\1/p' "$dir/h2load.$2.$1" |
        jq -c --argjson round "$1" --arg server "$2" '{$round, $server, per_s: .}' >>"$dir/h2load"
}

# ---- memory: Redis' for each envelope in a box of its own, and cpsd's before and after ----

measure_memory() { # BOXES SETTING...
    local before after start
    start_redis redis-memory "${@:2}"
    start_cpsd memory 1 redis-memory
    # some first: scripts, connections and buffers are not what is asked for
    load memory publish --base $MEMORY_BASE --count 1000 --boxes 1 --ttl 7200 >>"$dir/filled"
    before=$(used_memory redis-memory)
    start=$(rss_kb memory)
    load memory publish --base $PUBLISH_BASE --boxes "$1" --count "$1" --ttl 7200 >>"$dir/filled"
    after=$(used_memory redis-memory)
    jq -nc --argjson boxes "$1" --argjson octets $OCTETS --argjson each $(((after - before) / $1)) \
        --argjson start_kb "$start" --argjson end_kb "$(rss_kb memory)" --arg settings "${*:2}" \
        '{$boxes, $octets, octets_each: $each, of_envelope: ($each / $octets * 1000 | round / 1000),
          cpsd_start_kb: $start_kb, cpsd_end_kb: $end_kb, $settings}' >>"$dir/memory"
    stop memory redis-memory
}

# ---- a destination that gets many messages ----

busy() { # ROUND DEST ARGUMENT...
    "$programs/tests/bench_busy" --url "https://localhost:${port[cpsd-1]}" --ca "$dir/cert.pem" --pki "$dir/pki" \
        --key "$dir/own.jwk" --public "$dir/own.pub" --pid "${pid[cpsd-1]}" --pid "${pid[redis]}" --dest "$2" "${@:3}" |
        jq -c --argjson round "$1" '{$round} + .' >>"$dir/busy"
}

measure_busy() {
    local round
    "$programs/client/cpsctl" pki --out "$dir/pki" --name carrier --spc 1234 >"$dir/pki.log"
    "$programs/client/cpsctl" keygen --out "$dir/own.jwk" --public "$dir/own.pub" >"$dir/keygen.log"
    for round in 1 2; do
        busy $round "1215556000$round" --rate 200 --before $busy_before --count $busy_count
        busy $round "1215557000$round" --rate 1 --count $slow_count
    done
}

# ---- how cost grows ----

grow() { # KIND VALUE SERVER WHAT ARGUMENT...
    measure growth "{\"kind\":\"$1\",\"value\":$2,\"round\":$round}" "${@:3}" --seconds "$seconds"
}

measure_growth() {
    local round n
    for n in 1 2 4 8 16 32 64; do
        load cpsd-1 publish --base $((GROW_BASE + n * 100000)) --boxes 200 --count $((200 * n)) --ttl 3600 >>"$dir/filled"
    done
    for round in 1 2 3; do
        for n in 1 2 4 8 16 32 64; do
            grow box $n cpsd-1 retrieve-1 --base $((GROW_BASE + n * 100000)) --boxes 200
        done
        for n in 500 1000 2000 4000 8000; do
            grow body $n cpsd-1 publish --octets $n
        done
        for n in 1 8 32 128 512; do
            grow connections $n cpsd-1 publish --connections $n
        done
        for n in 1 2 4; do
            start_cpsd cpsd-grow $n redis
            redis_of[cpsd-grow]=redis
            grow workers $n cpsd-grow publish
            stop cpsd-grow
        done
    done
}

# ---- the run ----

started=$SECONDS
load_before=$(cut -d' ' -f1 /proc/loadavg)
make_certificate
for name in redis redis-2 redis-nginx redis-webdis; do
    start_redis $name
done
start_nginx nginx
start_webdis webdis redis-webdis
start_cpsd cpsd-1 1 redis
start_cpsd cpsd-2 2 redis-2
start_floor floor 2
declare -A redis_of=([nginx]=redis-nginx [webdis]=redis-webdis [cpsd-1]=redis [cpsd-2]=redis-2) answer

"$programs/tests/bench_crypto" --seconds $crypto_s --json >"$dir/crypto"
"$programs/tests/bench_cjose" --seconds $cjose_s >"$dir/cjose"
"$programs/tests/bench_numtable" --json >"$dir/numbers"
fill cpsd-1 >>"$dir/filled"
for what in "${WHATS[@]}"; do
    read -ra arguments < <(arguments_of "$what")
    first=$((first + STEP))
    answer[$what]=$(load cpsd-1 "${arguments[@]}" --first $first --seconds 0.2 | jq '.answer_octets | round')
done
measure_http
measure_h2load
measure_tokens $tokens
measure_busy
: >"$dir/growth"
$quick || measure_growth
measure_memory 100000 --hash-max-listpack-value 64
measure_memory $memory_boxes

# ---- the report ----

jq -n --arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" --argjson cores "$(nproc)" \
    --arg system "$(uname -sr)" --arg openssl "$(openssl version | cut -d' ' -f2)" \
    --arg redis "$(redis-server --version | sed 's/.*v=\([^ ]*\).*/\1/')" \
    --arg nginx "$(nginx -v 2>&1 | sed 's|.*/||')" --arg webdis "$(dpkg-query -W -f '${Version}' webdis)" \
    --arg cjose "$(dpkg-query -W -f '${Version}' libcjose-dev)" \
    --arg commit "$(git rev-parse --short HEAD 2>/dev/null || echo none)" --argjson quick $quick \
    --argjson memory_mb "$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)" \
    --arg load_before "$load_before" --arg load_after "$(cut -d' ' -f1 /proc/loadavg)" \
    --argjson took_s $((SECONDS - started)) --argjson rounds $rounds --argjson seconds $seconds \
    --argjson connections $CONNECTIONS --argjson octets $OCTETS \
    '$ARGS.named' >"$dir/machine"
inputs=()
for name in machine top paced h2load tokens growth crypto cjose numbers busy memory filled; do
    inputs+=(--slurpfile "$name" "$dir/$name")
done
jq -n "${inputs[@]}" -f "$here/report.jq" >"$out/bench.json"
jq -r -f "$here/table.jq" "$out/bench.json" | tee "$out/bench.txt"
jq -r -f "$here/plot.jq" "$out/bench.json" >"$dir/plot.dat"
gnuplot -e "data='$dir/plot.dat'; out='$out/bench.svg'" "$here/plot.gp"
echo "cpsd ran with all of [limits] 0: its load comes from one address."
echo "All of it: ${out#"$PWD/"}/bench.json, bench.svg, and what each run printed in run/"
jq -e '.unexpected == 0' "$out/bench.json" >/dev/null || fail "some answers were not what they are measured as"
