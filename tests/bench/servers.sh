# SPDX-License-Identifier: MIT
# Starts and stops what is measured. Sourced by run.sh and connections.sh, which set programs, here and dir.
# shellcheck shell=bash disable=SC2154
declare -A port pid

fail() {
    echo "bench: $*" >&2
    exit 1
}

stop() { # NAME...
    local one
    for one; do
        kill "${pid[$one]}" 2>/dev/null || true
        wait "${pid[$one]}" 2>/dev/null || true
        unset "pid[$one]"
    done
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

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" \
        -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
}

# All servers of the table get the same Redis: with the settings of deploy/redis/memory.conf.
start_redis() { # NAME [SETTING...]
    local i settings=("${@:2}")
    ((${#settings[@]})) || settings=("$here/../../deploy/redis/memory.conf")
    redis-server "${settings[@]}" --port 0 --unixsocket "$dir/$1.sock" --save '' --appendonly no --dir "$dir" \
        --loglevel warning >"$dir/$1.log" 2>&1 &
    pid[$1]=$!
    for ((i = 0; i < 500; i++)); do
        ! redis-cli -s "$dir/$1.sock" ping >/dev/null 2>&1 || return 0
        sleep 0.02
    done
    fail "redis-server does not start"
}

# All load comes from one address, much of it without a credential: with cpsd's own limits they would be what is measured.
no_limits=(-o limits.publish_by_address=0 -o limits.publish_by_destination=0 -o limits.read_by_address=0
    -o limits.connections_by_address=0 -o limits.handshakes_by_address=0 -o limits.chains_by_address=0)

start_cpsd() { # NAME WORKERS REDIS [OPTION...]
    rm -f "$dir/$1.log" # what one before it said
    "$programs/cps/cpsd" -o server.listen=127.0.0.1:0 -o admin.listen= -o server.certificate="$dir/cert.pem" \
        -o server.private_key="$dir/key.pem" -o server.workers="$2" -o store.url="redis+unix://$dir/$3.sock" \
        -o policy.publish=open -o policy.list=open -o policy.fetch=open -o dummies.mode=empty -o dummies.strict=no "${no_limits[@]}" "${@:4}" \
        2>"$dir/$1.log" &
    pid[$1]=$!
    port[$1]=$(until_said "$dir/$1.log" 'listening on https://127.0.0.1:\([0-9]*\)') || fail "cpsd does not start"
    until_said "$dir/$1.log" '\(connected\)' >/dev/null || fail "cpsd does not reach Redis"
}

start_nginx() { # NAME
    local i
    port[$1]=$(free_port)
    sed "s|@DIR@|$dir|;s|@PORT@|${port[$1]}|;s|@HERE@|$here/peer|" "$here/peer/nginx.conf" >"$dir/nginx.conf"
    nginx -p "$dir" -c "$dir/nginx.conf" >"$dir/$1.log" 2>&1 &
    pid[$1]=$!
    for ((i = 0; i < 500; i++)); do
        ! curl -s -o /dev/null --cacert "$dir/cert.pem" "https://localhost:${port[$1]}/" || return 0
        sleep 0.02
    done
    cat "$dir/$1.log" "$dir/nginx.error" >&2
    fail "nginx does not start"
}

start_webdis() { # NAME REDIS
    local i
    port[$1]=$(free_port)
    # webdis has no unix sockets for Redis: a port of Redis is opened for it
    port[$2]=$(free_port)
    redis-cli -s "$dir/$2.sock" config set port "${port[$2]}" >/dev/null
    jq -n --argjson http "${port[$1]}" --argjson redis "${port[$2]}" --arg log "$dir/$1.log" \
        '{redis_host: "127.0.0.1", redis_port: $redis, redis_auth: null, http_host: "127.0.0.1", http_port: $http,
          threads: 2, pool_size: 20, daemonize: false, websockets: false, database: 0,
          acl: [{disabled: ["DEBUG"]}], verbosity: 0, logfile: $log}' >"$dir/webdis.json"
    webdis "$dir/webdis.json" >"$dir/$1.out" 2>&1 &
    pid[$1]=$!
    for ((i = 0; i < 500; i++)); do
        ! curl -s -o /dev/null "http://127.0.0.1:${port[$1]}/PING" || return 0
        sleep 0.02
    done
    fail "webdis does not start"
}

start_floor() { # NAME THREADS
    rm -f "$dir/$1.log"
    "$programs/tests/bench_floor" --certificate "$dir/cert.pem" --key "$dir/key.pem" --threads "$2" >"$dir/$1.log" &
    pid[$1]=$!
    port[$1]=$(until_said "$dir/$1.log" 'listening on https://127.0.0.1:\([0-9]*\)') || fail "no bench_floor"
}

# The processes of a server, with commas: nginx serves in its workers.
pids_of() {
    if [[ $1 == nginx ]]; then
        pgrep -P "${pid[$1]}" | paste -sd,
    else
        echo "${pid[$1]}"
    fi
}

rss_kb() {
    awk '$1 == "VmRSS:" { print $2 }' "/proc/${pid[$1]}/status"
}

used_memory() {
    redis-cli -s "$dir/$1.sock" info memory | tr -d '\r' | sed -n "s/^used_memory://p"
}
