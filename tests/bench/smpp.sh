#!/bin/bash
# SPDX-License-Identifier: MIT
# Measures the sidecar: tests/bench/smpp.sh [--quick] [--million]
#
# Three rows, each beside the same traffic without it: ESME -> SMSC straight; through one cps-smpp that passes all on, as
# fast as it goes (where the latency is that of a full window) and at fixed rates; and ESME -> cps-smpp, which signs and
# publishes -> cps-smpp, which fetches and verifies -> SMSC, with cpsd and Redis on the same cores: without credentials
# and with either mode of dummies, and as a carrier does it, without dummies, by tokens or client certificates. Messages
# of 100 octets, one connection, window 100 (400 for the last), each to another number; medians of three rounds that
# alternate.
#   --quick    one short round
#   --million  a million messages through the last row, and the resident memory of both sidecars before, between and after
# Starts what it needs on free ports of 127.0.0.1 and below a temporary directory, and stops exactly that.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=3 seconds=4 messages=
while (($#)); do
    case $1 in
        --quick) rounds=1 seconds=2; shift ;;
        --million) messages=1000000; shift ;;
        *) sed -n '3,/^set /s/^# \{0,1\}//p' "$0" | head -n -1 >&2; exit 2 ;;
    esac
done

deploy/install-deps.sh test
mkdir -p build
if ! { cmake --preset release && cmake --build --preset release --target cpsd cpsctl cps-smpp cps-esme cps-smsc; } \
    >build/bench-build.log 2>&1; then
    tail -n 20 build/bench-build.log >&2
    exit 1
fi
bin=$PWD/build/release
work=$(mktemp -d /tmp/stir-cps-bench.XXXXXX)
pids=()
clean_up() {
    ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
cd "$work"

# start NAME PATTERN COMMAND...: in the background, until its log says so
start() {
    local name=$1 pattern=$2
    shift 2
    "$@" >"$name.log" 2>&1 &
    pids+=($!)
    last=$!
    for ((i = 0; i < 200; i++)); do
        ! grep -qs "$pattern" "$name.log" || return 0
        kill -0 "$last" 2>/dev/null || break
        sleep 0.05
    done
    cat "$name.log" >&2
    echo "bench: $name did not start" >&2
    exit 1
}

port() {
    sed -n "s/.*$2.*:\([0-9]*\)\$/\1/p" "$1.log" | head -n 1
}

rss() {
    awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}

# Clock ticks of processor time that a process has had, user and system
ticks() {
    awk '{ sub(/^.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

sidecar() {
    local name=$1 peer=$2
    shift 2
    start "$name" 'ready:' "$bin/client/cps-smpp" -o listen.address=127.0.0.1:0 -o admin.listen= \
        -o "peer.address=127.0.0.1:$peer" "$@"
}

start smsc 'listening on' "$bin/client/cps-smsc"
smsc=$(port smsc 'listening on')
sidecar passing "$smsc"
passing=$(port passing 'listening on')
passing_pid=$last

"$bin/client/cpsctl" pki --out pki --name alice --tn 12155551212 --server-name localhost >/dev/null
"$bin/client/cpsctl" pki --out pki --name carrier --spc 1234 >/dev/null
mkdir tenants recipients keys
"$bin/client/cpsctl" keygen --out keys/default.jwk --public recipients/default.jwk >/dev/null
printf '[tenant]\nkey = pki/alice.key\ncertificate = pki/alice.pem\nx5u = https://certs.example.com/alice.pem\nnumbers = 12155551212\n' \
    >tenants/bench.conf
start redis 'ready to accept' redis-server --port 0 --unixsocket "$work/redis.sock" --save '' --dir "$work"
echo '44,1234' >numbers.csv
# One CPS and two sidecars; steady: dummies beside all that is read, the default; empty: none beside real ones; holder:
# as a carrier has it, with a token in each request, and boxes that their holder reads without dummies; tls: the same with
# a client certificate instead of tokens
modes=(steady empty holder tls)
declare -A signing signing_pid verifying_pid cpsd_pid
# All load comes from one address and goes to few numbers: with cpsd's own limits they would be what is measured.
no_limits=(-o limits.publish_by_address=0 -o limits.publish_by_destination=0 -o limits.read_by_address=0
    -o limits.connections_by_address=0 -o limits.handshakes_by_address=0 -o limits.chains_by_address=0)
for mode in "${modes[@]}"; do
    with=(-o policy.publish=open -o "dummies.mode=$mode")
    auth=()
    if [[ $mode == holder || $mode == tls ]]; then
        with=(-o trust.roots=pki/root.pem -o auth.audience=localhost -o auth.x5u_dir=pki/certs -o numbers.table=numbers.csv
            -o server.client_certificates=optional)
        auth=(-o cps.auth_certificate=pki/carrier.pem -o cps.auth_private_key=pki/carrier.key
            -o cps.auth_x5u=https://certs.example.com/carrier.pem -o cps.holder=yes)
    fi
    if [[ $mode == tls ]]; then
        auth=(-o cps.certificate=pki/carrier.pem -o cps.private_key=pki/carrier.key -o cps.holder=yes)
    fi
    start "cpsd-$mode" 'ready:' "$bin/cps/cpsd" -o server.listen=127.0.0.1:0 -o admin.listen= -o server.workers=1 \
        -o server.certificate=pki/tls.pem -o server.private_key=pki/tls.key "${no_limits[@]}" "${with[@]}" \
        -o "store.url=redis+unix://$work/redis.sock"
    cpsd_pid[$mode]=$last
    cps=("${auth[@]}" -o "cps.url=https://localhost:$(port "cpsd-$mode" 'listening on')" -o cps.ca=pki/tls-root.pem)
    sidecar "verifying-$mode" "$smsc" -o submit.action=verify -o trust.roots=pki/root.pem -o trust.x5u_dir=pki/certs \
        -o trust.replay_max=3000000 -o keys.dir=keys -o verify.wait_ms=5000 -o "log.judged=judged-$mode" "${cps[@]}"
    verifying_pid[$mode]=$last
    sidecar "signing-$mode" "$(port "verifying-$mode" 'listening on')" -o submit.action=sign -o tenants.dir=tenants \
        -o keys.recipients_dir=recipients "${cps[@]}"
    signing_pid[$mode]=$last
    signing[$mode]=$(port "signing-$mode" 'listening on')
done

run() {
    "$bin/client/cps-esme" --system-id bench "$@"
}

median() {
    sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'
}

field() {
    grep -o "\"$2\":[0-9.]*" "$1" | cut -d: -f2
}

for ((r = 0; r < rounds; r++)); do
    run --port "$smsc" --seconds "$seconds" >>straight
    run --port "$passing" --seconds "$seconds" --pid "$passing_pid" >>pass
    for rate in 2000 30000; do
        run --port "$smsc" --seconds "$seconds" --rate $rate >>straight-$rate
        run --port "$passing" --seconds "$seconds" --rate $rate --pid "$passing_pid" >>pass-$rate
    done
    for mode in "${modes[@]}"; do
        run --port "${signing[$mode]}" --seconds "$((2 * seconds))" --window 400 --pairs 200000 >>"signed-$mode"
    done
done
cpu() { # NAME PID MODE
    awk -v ticks="$(ticks "$2")" -v hz="$(getconf CLK_TCK)" -v name="$1" \
        -v n="$(field "signed-$3" answered | awk '{ n += $1 } END { print n }')" \
        'BEGIN { printf "%s %.0f  ", name, ticks / hz / n * 1e6 }'
}
printf '%s, %s cores; cpsd with all of [limits] 0\n' "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)"
printf '%-44s %12s %10s %10s\n' '' messages/s 'p50 us' 'p99 us'
row() {
    printf '%-44s %12s %10s %10s\n' "$1" "$(field "$2" per_s | median)" "$(field "$2" p50_us | median)" \
        "$(field "$2" p99_us | median)"
}
row 'straight' straight
row 'through one sidecar, pass' pass
awk -v straight="$(field straight per_s | median)" -v pass="$(field pass per_s | median)" \
    -v cpu="$(field pass cpu_us | median)" 'BEGIN {
        printf "    %.2f of straight; processor us a message with its answer %.2f: %.0f a second of one core\n",
            pass / straight, cpu, 1e6 / cpu }'
for rate in 2000 30000; do
    row "straight, $rate/s" straight-$rate
    row "through one sidecar, pass, $rate/s" pass-$rate
    awk -v straight="$(field straight-$rate p50_us | median)" -v pass="$(field pass-$rate p50_us | median)" \
        'BEGIN { printf "    added at the median: %.1f us there and back\n", pass - straight }'
done
declare -A called=([steady]='dummies steady' [empty]='dummies empty' [holder]='tokens, no dummies' [tls]='client cert, no dummies')
for mode in "${modes[@]}"; do
    row "signed and verified, ${called[$mode]}" "signed-$mode"
    echo "    processor us a message: $(cpu 'signing sidecar' "${signing_pid[$mode]}" $mode)$(cpu 'verifying sidecar' \
        "${verifying_pid[$mode]}" $mode)$(cpu cpsd "${cpsd_pid[$mode]}" $mode)"
    echo "    refused: $(field "signed-$mode" refused | awk '{ n += $1 } END { print n + 0 }'); verdicts:" \
        "$(grep -o '"verdict":"[a-z-]*"' "judged-$mode" | sort | uniq -c |
            awk '{ gsub(/"|verdict:/, "", $2); printf "%s %s ", $1, $2 }')"
done
if [[ -n $messages ]]; then
    # what is remembered while it is fresh (PASSporTs used, what was in boxes) fills up first, and is then as large as ever
    echo "resident kB, signing and verifying sidecar, before: $(rss "${signing_pid[empty]}") $(rss "${verifying_pid[empty]}")"
    for ((sent = 0; sent < messages; sent += messages / 5)); do
        run --port "${signing[empty]}" --count "$((messages / 5))" --window 400 --pairs 200000
        echo "resident kB after $((sent + messages / 5)): $(rss "${signing_pid[empty]}") $(rss "${verifying_pid[empty]}")"
    done
fi
