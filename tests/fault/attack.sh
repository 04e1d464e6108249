#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Attacks a cpsd, one way after another, while a legitimate provider publishes at a quarter of what this machine managed
# before. The attacker is a stranger without a credential, or a provider with a valid certificate that turned hostile. It
# sits in a network namespace of its own, with an address of its own, 1 Mbit/s each way and 50 connections per second.
#
#   tests/fault/attack.sh [--seconds N] [--only PATTERN] [--list]    BUILD_DIR says where the programs are (build/dev)
#
# Attacks for N seconds (60) in each way whose name matches the regular expression. Prints a table: the attack, the
# octets that it sent, its own processor time, what was answered to it, and the effect: answers that the legitimate
# client got, its p99 in quiet and under attack, the same for clients that connect anew (p90, with a handshake), and
# cpsd's processor time. A row fails, and the exit status is 1, unless every request of the legitimate clients is
# answered 201 and their latency stays below 5 times its quiet value or 50 ms, whichever is more.
#
# The server, Redis, the load generator, and the attacker share this machine; the figures in attack.md are from one with
# 2 processors. On a busy machine the figures are worse, so let nothing else run. Needs root, ip and tc. Makes the
# namespace and ends what it started, also when it is interrupted. All ways together take about 70 minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILD_DIR=${BUILD_DIR:-$PWD/build/dev}
if [[ " $* " == *" --list "* ]]; then
    exec /usr/bin/python3 tests/fault/attack_run.py "$@"
fi
[[ -x $BUILD_DIR/cps/cpsd && -x $BUILD_DIR/client/cpsctl && -x $BUILD_DIR/tests/bench_load ]] || {
    cmake --preset dev >/dev/null && cmake --build --preset dev --target cpsd cpsctl bench_load
}

name=cps-attack-$$
near=cpsa$$n far=cpsa$$f
net=10.213.$(($$ % 250))
TMPDIR=$(mktemp -d -t cps-attack-XXXXXX)
export TMPDIR
main=

end() {
    [[ -z $main ]] || { kill -TERM "$main" && wait "$main"; } 2>/dev/null || true
    ip netns pids "$name" 2>/dev/null | xargs -r kill -KILL 2>/dev/null || true
    ip link del "$near" 2>/dev/null || true
    ip netns del "$name" 2>/dev/null || true
    rm -rf "$TMPDIR"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

ip netns add "$name"
ip link add "$near" type veth peer name "$far" netns "$name"
ip addr add "$net.1/24" dev "$near"
ip link set "$near" up
ip netns exec "$name" ip addr add "$net.2/24" dev "$far"
ip netns exec "$name" ip link set "$far" up
ip netns exec "$name" ip link set lo up
# each address of 10.214.0.0/16 is one of the attacker's hosts
ip netns exec "$name" ip route add local 10.214.0.0/16 dev lo
ip route add 10.214.0.0/16 via "$net.2"
shape=(root tbf rate 1mbit burst 16kb latency 200ms)
tc qdisc add dev "$near" "${shape[@]}"
ip netns exec "$name" tc qdisc add dev "$far" "${shape[@]}"

/usr/bin/python3 tests/fault/attack_run.py --namespace "$name" --interface "$near" --address "$net.1" "$@" &
main=$!
status=0
wait "$main" || status=$?
main=
exit "$status"
