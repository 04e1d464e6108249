# SPDX-License-Identifier: MIT
# Publishing with bearer tokens, for run.sh: every request has a token of its own, whose certificate is known. Beside it
# how many signatures `openssl speed` verifies: by the clock, with all cores to itself, and in a second of processor time.
# shellcheck shell=bash disable=SC2154

start_token_cpsd() { # NAME REDIS
    "$programs/client/cpsctl" pki --out "$dir/token-pki" --spc 1234 --name sp >"$dir/token-pki.log"
    start_cpsd "$1" "$(nproc)" "$2" -o policy.publish=token -o trust.roots="$dir/token-pki/root.pem" \
        -o auth.x5u_dir="$dir/token-pki/certs" -o auth.x5u_fetch=no -o auth.audience=cps.example.com
}

verify_per_s() { # OPTION...
    openssl speed "$@" -seconds 1 ecdsap256 2>/dev/null | awk 'END { print $NF }'
}

measure_tokens() { # COUNT
    local round verify verify_cpu
    start_token_cpsd tokens redis
    : >"$dir/tokens"
    for ((round = 1; round <= rounds; round++)); do
        verify=$(verify_per_s -elapsed -multi "$(nproc)")
        verify_cpu=$(verify_per_s)
        first=$((first + STEP))
        load tokens publish --base $PUBLISH_BASE --boxes 50000 --first $first --count "$1" \
            --token-key "$dir/token-pki/sp.key" --token-x5u https://certs.example.com/sp.pem --token-iss 1234 \
            --token-aud cps.example.com --pid "${pid[tokens]}" --pid "${pid[redis]}" |
            jq -c --argjson round $round --argjson verify "$verify" --argjson verify_cpu "$verify_cpu" \
                '{$round, $verify, $verify_cpu} + .' >>"$dir/tokens"
    done
    stop tokens
}
