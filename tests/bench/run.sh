#!/bin/bash
# Measures speed and memory and prints a table: tests/bench/run.sh [--quick] [--json FILE]
#
# cpsd is measured over TLS with 32 kept-alive connections, one request under way on each; load generator and Redis run
# beside it on the same cores. Rounds of all that is compared alternate, so that a busy machine is busy for all of them,
# and medians count. Takes about three minutes beside building; --quick takes one round and less than a minute.
#   --json FILE   also writes the results there, all rounds
# Starts what it needs on free ports of 127.0.0.1 and below a temporary directory, and stops exactly that.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | head -n -1 >&2
    exit 2
}

rounds=3 seconds=1.5 boxes=10000 crypto_s=12 h2load_s=2s
json=
while (($#)); do
    case $1 in
        --quick) rounds=1 seconds=0.8 boxes=2000 crypto_s=6 h2load_s=1s; shift ;;
        --json) [[ -n ${2:-} ]] || usage; json=$2; shift 2 ;;
        *) usage ;;
    esac
done

deploy/install-deps.sh test
mkdir -p build
if ! { cmake --preset release && cmake --build --preset release -j "$(nproc)" --target cpsd bench_load bench_floor \
    bench_numtable bench_crypto; } >build/bench-build.log 2>&1; then
    tail -n 30 build/bench-build.log >&2
    exit 1
fi
programs=$PWD/build/release

OCTETS=1000            # of an envelope
CONNECTIONS=32
MEMORY_BOXES=100000    # one envelope each, for Redis' memory
PUBLISH_BASE=12000000000 ONE_BASE=13000000000 FOUR_BASE=14000000000
STEP=10000000          # numbers of requests that one run has to itself: no two publish the same

dir=$(mktemp -d)
declare -A port pid
stop() { # NAME...
    local one
    for one; do
        kill "${pid[$one]}" 2>/dev/null || true
        wait "${pid[$one]}" || true
        unset "pid[$one]"
    done
}
end() {
    stop "${!pid[@]}"
    rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT TERM

# ---- servers ----

fail() {
    echo "bench: $*" >&2
    exit 1
}

# until_said FILE PATTERN: what the pattern's group matched, once it is there.
until_said() {
    local found i
    for ((i = 0; i < 500; i++)); do
        found=$(sed -n "s|.*$2.*|\1|p" "$1" 2>/dev/null | head -n 1)
        if [[ -n $found ]]; then
            echo "$found"
            return
        fi
        sleep 0.02
    done
    cat "$1" >&2
    return 1
}

start_redis() { # NAME
    local i
    redis-server --port 0 --unixsocket "$dir/$1.sock" --save '' --appendonly no --dir "$dir" --loglevel warning \
        >"$dir/$1.log" 2>&1 &
    pid[$1]=$!
    for ((i = 0; i < 500; i++)); do
        ! redis-cli -s "$dir/$1.sock" ping >/dev/null 2>&1 || return 0
        sleep 0.02
    done
    fail "redis-server does not start"
}

start_cpsd() { # NAME WORKERS STORE DUMMIES
    "$programs/cps/cpsd" -o server.listen=127.0.0.1:0 -o server.admin= -o server.certificate="$dir/cert.pem" \
        -o server.private_key="$dir/key.pem" -o policy.publish=open -o server.workers="$2" -o store.url="$3" \
        -o dummies.mode="$4" 2>"$dir/$1.log" &
    pid[$1]=$!
    port[$1]=$(until_said "$dir/$1.log" 'listening on https://127.0.0.1:\([0-9]*\)') || fail "cpsd does not start"
    if [[ $3 == redis* ]]; then
        until_said "$dir/$1.log" '\(connected\)' >/dev/null || fail "cpsd does not reach Redis"
    fi
}

start_floor() { # NAME THREADS
    "$programs/tests/bench_floor" --certificate "$dir/cert.pem" --key "$dir/key.pem" --threads "$2" >"$dir/$1.log" &
    pid[$1]=$!
    port[$1]=$(until_said "$dir/$1.log" 'listening on https://127.0.0.1:\([0-9]*\)') || fail "no bench_floor"
}

rss_kb() {
    awk '$1 == "VmRSS:" { print $2 }' "/proc/${pid[$1]}/status"
}

used_memory() {
    redis-cli -s "$dir/$1.sock" info memory | tr -d '\r' | sed -n "s/^$2://p"
}

# ---- load ----

first=0

# load SERVER publish|retrieve ARGUMENT...: one line of JSON.
load() {
    "$programs/tests/bench_load" "$2" --port "${port[$1]}" --ca "$dir/cert.pem" --octets $OCTETS \
        --connections $CONNECTIONS "${@:3}"
}

fill() { # SERVER
    load "$1" publish --base $ONE_BASE --boxes "$boxes" --count "$boxes" --ttl 3600
    load "$1" publish --base $FOUR_BASE --boxes "$boxes" --count $((4 * boxes)) --ttl 3600
}

# arguments_of WHAT: what one run is asked to do.
arguments_of() {
    case $1 in
        publish) echo "publish --base $PUBLISH_BASE --boxes 50000 --first $first" ;;
        *-polled) echo "retrieve --base $ONE_BASE --boxes 100 --first $first" ;;
        retrieve-1*) echo "retrieve --base $ONE_BASE --boxes $boxes --first $first" ;;
        retrieve-4*) echo "retrieve --base $FOUR_BASE --boxes $boxes --first $first" ;;
    esac
}

declare -A answer

# measure ROUND SERVER WHAT: a line in the results.
measure() {
    local arguments one more=() watched=("${pid[$2]}")
    first=$((first + STEP))
    read -ra arguments < <(arguments_of "$3")
    [[ $2 != floor-* ]] || more+=(--answer "${answer[$3]}")
    [[ $2 != *redis-* ]] || watched+=("${pid[redis]}")
    for one in "${watched[@]}"; do
        more+=(--pid "$one")
    done
    load "$2" "${arguments[@]}" --seconds "$seconds" "${more[@]}" |
        jq -c --argjson round "$1" --arg server "$2" --arg what "$3" '{$round, $server, $what} + .' >>"$dir/results"
}

# How long answers are, which is what the floor is to answer with.
learn_answer() { # SERVER WHAT
    local arguments
    first=$((first + STEP))
    read -ra arguments < <(arguments_of "$2")
    answer[$2]=$(load "$1" "${arguments[@]}" --seconds 0.2 | jq '.answer_octets | round')
}

# ---- another's opinion ----

# h2load sends one body to the same destinations from every connection: where 32 publish, one of 32 envelopes is new.
h2load_of() { # publish|retrieve-1 ARGUMENT...
    local what=$1 base=$ONE_BASE
    [[ $what != publish ]] || base=15000000000
    seq -f "https://localhost:${port[redis-1]}/cps/%.0f/ppts" "$base" $((base + boxes - 1)) >"$dir/uris"
    h2load --h1 -c $CONNECTIONS -t 1 -D "$h2load_s" -i "$dir/uris" "${@:2}" >"$dir/h2load.log" 2>&1 ||
        { cat "$dir/h2load.log" >&2; fail "h2load failed"; }
    awk -v what="$what" '
        /^finished in/ { rate = $4 }
        /^status codes:/ { good = $3 }
        /^requests:/ { done = $6 }
        END { printf "{\"what\":\"%s\",\"per_s\":%s,\"done\":%d,\"good\":%d}\n", what, rate, done, good }' \
        "$dir/h2load.log" >>"$dir/h2load"
}

h2load_both() {
    curl -sS --cacert "$dir/cert.pem" -H 'Accept: application/json' \
        "https://localhost:${port[redis-1]}/cps/$ONE_BASE/ppts" |
        jq -rj '.ppts[0].ppt' >"$dir/envelope"
    h2load_of publish -d "$dir/envelope" -H 'content-type: application/passport'
    h2load_of retrieve-1 -H 'accept: application/json'
}

# ---- memory ----

# What Redis takes for one envelope in a box of its own, all that belongs to the box included.
measure_redis_memory() {
    local before after keys
    start_redis redis-fresh
    start_cpsd memory-test 1 "redis+unix://$dir/redis-fresh.sock" empty
    # one first: Redis' scripts and connections are not what is asked for
    load memory-test publish --base 16000000000 --count 1 --boxes 1 --ttl 3600 >"$dir/filled"
    before=$(used_memory redis-fresh used_memory)
    load memory-test publish --base $PUBLISH_BASE --boxes $MEMORY_BOXES --count $MEMORY_BOXES --ttl 3600 >>"$dir/filled"
    after=$(used_memory redis-fresh used_memory)
    keys=$(redis-cli -s "$dir/redis-fresh.sock" dbsize)
    ((keys == MEMORY_BOXES + 1)) || fail "Redis holds $keys boxes"
    jq -ne --argjson before "$before" --argjson after "$after" --argjson boxes $MEMORY_BOXES --argjson octets $OCTETS \
        --argjson rss "$(used_memory redis-fresh used_memory_rss)" \
        '{$boxes, $octets, octets_each: (($after - $before) / $boxes | round),
          all_octets: ($after - $before), resident_octets: $rss}' >"$dir/redis-memory"
    stop memory-test redis-fresh
}

# ---- the run ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" \
    -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null

started=$SECONDS
load_before=$(cut -d' ' -f1 /proc/loadavg)
start_redis redis
start_cpsd redis-1 1 "redis+unix://$dir/redis.sock?db=0" empty
start_cpsd redis-2 2 "redis+unix://$dir/redis.sock?db=1" empty
start_cpsd memory-1 1 memory: empty
start_cpsd memory-2 2 memory: empty
start_cpsd steady-redis-1 1 "redis+unix://$dir/redis.sock?db=0" steady
start_floor floor-1 1
start_floor floor-2 2
servers=(redis-1 redis-2 memory-1 memory-2 steady-redis-1)
for server in "${servers[@]}"; do
    echo "{\"server\":\"$server\",\"start_kb\":$(rss_kb "$server")}"
done >"$dir/rss"

"$programs/tests/bench_crypto" --seconds $crypto_s --json >"$dir/crypto"
"$programs/tests/bench_numtable" --json >"$dir/numbers"
measure_redis_memory
for server in redis-1 redis-2 memory-1 memory-2; do
    fill "$server" >>"$dir/filled"
done

runs=()
for what in publish retrieve-1 retrieve-4; do
    learn_answer redis-1 $what
    for workers in 1 2; do
        runs+=("redis-$workers $what" "floor-$workers $what" "memory-$workers $what")
    done
done
for what in retrieve-1-steady retrieve-1-steady-polled; do
    learn_answer steady-redis-1 $what
    runs+=("steady-redis-1 $what" "floor-1 $what")
done
for ((round = 1; round <= rounds; round++)); do
    for ((i = 0; i < ${#runs[@]}; i++)); do
        # every other round backwards: what comes later is not always later
        at=$((round % 2 ? i : ${#runs[@]} - 1 - i))
        # shellcheck disable=SC2086 # a server and what it is to do
        measure "$round" ${runs[at]}
    done
    h2load_both
done
for server in "${servers[@]}"; do
    echo "{\"server\":\"$server\",\"end_kb\":$(rss_kb "$server")}"
done >>"$dir/rss"

# ---- the report ----

jq -n --arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" --argjson cores "$(nproc)" \
    --arg system "$(uname -sr)" --arg openssl "$(openssl version | cut -d' ' -f2)" \
    --arg redis "$(redis-server --version | sed 's/.*v=\([^ ]*\).*/\1/')" \
    --arg commit "$(git rev-parse --short HEAD 2>/dev/null || echo none)" \
    --argjson memory_mb "$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)" \
    --arg load_before "$load_before" --arg load_after "$(cut -d' ' -f1 /proc/loadavg)" \
    --argjson took_s $((SECONDS - started)) \
    '$ARGS.named' >"$dir/machine"
jq -n --slurpfile machine "$dir/machine" --slurpfile results "$dir/results" --slurpfile crypto "$dir/crypto" \
    --slurpfile numbers "$dir/numbers" \
    --slurpfile memory "$dir/redis-memory" --slurpfile h2load "$dir/h2load" --slurpfile rss "$dir/rss" \
    --slurpfile filled "$dir/filled" --argjson rounds $rounds --argjson seconds $seconds \
    --argjson connections $CONNECTIONS --argjson octets $OCTETS \
    -f tests/bench/report.jq >"$dir/report"
[[ -z $json ]] || cp "$dir/report" "$json"
jq -r -f tests/bench/table.jq "$dir/report"
jq -e '.unexpected == 0' "$dir/report" >/dev/null || fail "some answers were not what they are measured as"
