#!/bin/bash
# SPDX-License-Identifier: MIT
# Which file may include which, and what the top level holds: tests/check-arrows.sh [DIRECTORY]
# Prints file:line and the reason for each breach; exit status 1 if there is one.
# tests/check-arrows.sh --circles prints each set of files that call each other in a circle, as the linker sees it in
# BUILD_DIR (build/dev), and the number of circles.
# tests/check-arrows.sh --self-test plants breaches of each kind in a copy and expects each to be found.
set -euo pipefail

home=$(cd "$(dirname "$0")/.." && pwd)

# What git knows and what it does not ignore; everything in a tree without git.
list_files() {
    if [[ -e $1/.git ]]; then
        git -C "$1" ls-files --cached --others --exclude-standard
    else
        (cd "$1" && find . -type f -printf '%P\n')
    fi | sort
}

check_top() {
    awk -F/ '
        $1 !~ /^(CMakeLists\.txt|README\.md|LICENSE|CMakePresets\.json|\..*|common|cps|client|tests|deploy)$/ &&
        !seen[$1]++ { printf "%s:1: the top level does not hold this\n", $1; bad = 1 }
        END { exit bad }'
}

# Each folder, and the folders that it may include besides itself. "common" stands for all folders of common/.
rooms() {
    cat <<'ROOMS'
common/base
common/number	common/base
common/jose	common/base common/number
common/cert	common/base common/number common/jose
common/passport	common/base common/number common/jose common/cert
common/net	common/base
cps/store	common
cps/store/memory	common cps/store
cps/store/redis/wire	common cps/store
cps/store/redis/topology	common cps/store cps/store/redis/wire
cps/store/redis/box	common cps/store cps/store/redis/wire cps/store/redis/topology
cps/base	common cps/store
cps/http	common cps/store cps/base
cps/net	common cps/store cps/base
cps/auth	common cps/store cps/base cps/http cps/net
cps/api	common cps/store cps/base cps/http cps/net cps/auth
cps/server	common cps/store cps/base cps/http cps/net cps/auth cps/api
client/smpp	common client/smpp/text
client/smpp/text	common client/smpp
client/lib/context	common client
client/lib/net	common client client/lib/context
client/lib/sign	common client client/lib/context client/smpp client/smpp/text
client/lib/verify	common client client/lib/context client/lib/net
client/lib/find	common client client/lib/context client/lib/net client/lib/verify client/lib/sign
client/lib/box	common client client/lib/context client/lib/net client/lib/verify client/lib/find
client/lib/spool	common client client/lib/context client/lib/net client/lib/find
client/lib/api	common client client/smpp client/smpp/text client/lib/context client/lib/net client/lib/sign client/lib/verify client/lib/find client/lib/box client/lib/spool
client/sidecar/relay	common client client/smpp client/smpp/text
client/sidecar/policy	common client client/smpp client/smpp/text client/sidecar/relay
client/sidecar/filter	common client client/smpp client/smpp/text client/sidecar/relay client/sidecar/policy
client/sidecar/server	common client client/smpp client/smpp/text client/sidecar/relay client/sidecar/policy client/sidecar/filter
client/ctl	common client client/ctl/inspect client/ctl/stat
client/ctl/stat	common client client/ctl
client/ctl/inspect	common client client/ctl
client/peers	common client client/smpp client/smpp/text
ROOMS
}

# Includes that break the order of the rooms: a file and what it includes. Each has a reason.
exceptions() {
    cat <<'EXCEPTIONS'
client/sidecar/filter/sign.c	client/lib/sign/signer.h	signing shares signers with the tenants' table until libcps offers it
client/sidecar/filter/filter_check.c	client/lib/sign/tenants_check.h	likewise
client/sidecar/filter/filter_check.c	client/lib/api/online_check.h	likewise
client/sidecar/filter/filter_health.c	client/lib/sign/tenants_check.h	likewise
client/sidecar/filter/repeat.c	client/lib/box/arrival.h	likewise
EXCEPTIONS
}

# Prints file:line for each include that the rooms do not allow.
check_rooms() {
    xargs -d '\n' -r awk -F '\t' '
        FILENAME == ARGV[1] { n = split($2, part, " "); for (i = 1; i <= n; i++) may[$1, part[i]] = 1; room[$1] = 1; next }
        FILENAME == ARGV[2] { split($0, part, "\t"); except[part[1], part[2]] = 1; next }
        FNR == 1 { folder = FILENAME; sub(/\/[^\/]*$/, "", folder) }
        /^[ \t]*#[ \t]*include[ \t]*"/ && FILENAME ~ /\// && folder != "client" {
            match($0, /"[^"]*"/)
            header = substr($0, RSTART + 1, RLENGTH - 2)
            from = header
            if (!sub(/\/[^\/]*$/, "", from) || from == folder || except[FILENAME, header]) next
            if (!(folder in room)) { printf "%s:%d: %s is no folder of the layout (%s)\n", FILENAME, FNR, folder, header; bad = 1; next }
            all = from ~ /^common\// ? "common" : from
            if (!may[folder, from] && !may[folder, all]) {
                printf "%s:%d: %s does not include %s (%s)\n", FILENAME, FNR, folder, from, header
                bad = 1
            }
        }
        END { exit bad }' "$1" "$2"
}

# No folder holds more than 45 .c and .h files.
check_sizes() {
    grep -E '^(common|cps|client)/.*\.[ch]$' | sed 's,/[^/]*$,,' | uniq -c |
        awk '$1 > 45 { printf "%s:1: %d .c and .h files; a folder holds 45 at most\n", $2, $1; bad = 1 } END { exit bad }'
}

# One line a rule: who (a regular expression of paths), but for whom, may not include what, and why.
rules() {
    cat <<'RULES'
^(common|cps|client)/	-	(^|/)tests/	only tests include tests
^common/	^common/net/	^(libwebsockets\.h|uv\.h|uv/|hiredis|curl/|sqlite3\.h)	common/ has no loop, network or store
^client/(smpp|sidecar/relay)/	-	^(uv\.h|uv/|sys/socket\.h|sys/un\.h|netdb\.h|poll\.h|pthread\.h)	the SMPP codec and relay have no loop, sockets or threads
^common/	^common/(base/log_writer\.c|net/)	^(pthread\.h|threads\.h|semaphore\.h)	common/ has no threads
^common/	^common/(base/log_writer\.c|net/)	^(sys/socket\.h|sys/un\.h|netdb\.h|poll\.h|sys/(poll|epoll|select|eventfd)\.h)	common/ has no sockets outside net/
^(common|cps|client)/	^cps/store/redis/	^hiredis	only the Redis store includes hiredis
^(common|cps|client)/	^cps/server/	^libwebsockets	only the server includes libwebsockets
^(common|cps|client)/	^(common/net/https|client/lib/net/transport_curl|client/lib/net/transport|cps/net/fetch|client/ctl/admin)[^/]*\.[ch]$	^curl/	only common/net/https, libcps' transport, the fetcher and cpsctl's way to an admin listener include curl
^(common|cps|client)/	^client/lib/[^/]*/[^/]*sqlite[^/]*\.[ch]$	^sqlite3	only the replay memory and the spool include SQLite
RULES
}

check_includes() {
    xargs -d '\n' -r awk '
        FILENAME == "-" || FILENAME == "/dev/stdin" { next }
        FILENAME == ARGV[1] {
            split($0, part, "\t")
            who[++n] = part[1]; but[n] = part[2]; what[n] = part[3]; why[n] = part[4]
            next
        }
        /^[ \t]*#[ \t]*include/ && match($0, /[<"][^>"]*[>"]/) {
            header = substr($0, RSTART + 1, RLENGTH - 2)
            for (i = 1; i <= n; i++) {
                if (FILENAME ~ who[i] && (but[i] == "-" || FILENAME !~ but[i]) && header ~ what[i]) {
                    printf "%s:%d: %s (%s)\n", FILENAME, FNR, why[i], header
                    bad = 1
                }
            }
        }
        END { exit bad }' "$1"
}

check() {
    local files status=0 table
    table=$(mktemp -d)
    rules >"$table/rules"
    rooms >"$table/rooms"
    exceptions >"$table/exceptions"
    files=$(list_files "$1")
    check_top <<<"$files" || status=1
    check_sizes <<<"$files" || status=1
    (cd "$1" && grep -E '\.[ch]$' <<<"$files" | grep -E '^(common|cps|client|tests)/' | check_includes "$table/rules") || status=1
    (cd "$1" && grep -E '^(common|cps|client)/.*\.[ch]$' <<<"$files" | check_rooms "$table/rooms" "$table/exceptions") || status=1
    rm -r "$table"
    return $status
}

# plant FILE LINE FOUND: with the line in that file, the check prints one line that starts with FOUND, or nothing.
plant() {
    local file=$copy/$1 found
    cp -r "$pristine" "$copy"
    mkdir -p "$(dirname "$file")"
    printf '#pragma once\n%s\n' "$2" >"$file"
    # a planted file may be one too many for its folder, which plant_many looks at
    found=$(check "$copy" | grep -v ' a folder holds 45 at most$') || true
    if [[ -z $3 && -n $found || -n $3 && $found != "$3"* || $found == *$'\n'* ]]; then
        printf 'self-test: %s: %s: expected "%s", found:\n%s\n' "$1" "$2" "$3" "$found" >&2
        failed=$((failed + 1))
    fi
    rm -rf "$copy"
    planted=$((planted + 1))
}

# One file more than a folder may hold is found.
plant_many() {
    local i found
    cp -r "$pristine" "$copy"
    mkdir "$copy/cps/net/crowded"
    for ((i = 0; i <= 45; i++)); do
        echo "#pragma once" >"$copy/cps/net/crowded/planted_$i.h"
    done
    found=$(check "$copy") && found=
    [[ $found == "cps/net/crowded:1: 46 "* ]] || { echo "self-test: 46 files: found: $found" >&2; failed=$((failed + 1)); }
    rm -rf "$copy"
    planted=$((planted + 1))
}

break_in() {
    plant "$1" "$2" "$1:2: "
}

fine_in() {
    plant "$1" "$2" ''
}

self_test() {
    local dir pristine copy failed=0 planted=0
    dir=$(mktemp -d)
    # shellcheck disable=SC2064 # the directory as it is named now
    trap "rm -rf '$dir'" EXIT
    pristine=$dir/pristine
    copy=$dir/copy
    mkdir "$pristine"
    (cd "$home" && list_files . | grep -E '\.[ch]$|^[^/]*$' | tar -cf - -T - | tar -xf - -C "$pristine")
    if ! check "$pristine"; then
        echo "self-test: the tree itself breaks the rules" >&2
        return 1
    fi
    break_in client/lib/box/planted.c '#include "cps/store/store.h"'
    break_in client/ctl/planted.h '#include "cps/store/store.h"'
    break_in client/lib/box/planted.c ' #  include <curl/curl.h>'
    break_in cps/api/planted.c '#include <curl/curl.h>'
    break_in client/ctl/transport.c '#include <curl/curl.h>'
    break_in common/net/planted.c '#include <curl/curl.h>'
    break_in client/ctl/planted_sqlite.c '#include <sqlite3.h>'
    break_in cps/api/planted.c '#include "client/cps.h"'
    break_in cps/api/planted.c '#include <hiredis/hiredis.h>'
    break_in cps/store/memory/planted.c '#include <hiredis/async.h>'
    break_in cps/api/planted.h '#include <libwebsockets.h>'
    break_in cps/http/planted.c '#include "cps/api/routes.h"'
    break_in cps/auth/planted.c '#include "cps/api/ppts.h"'
    break_in cps/net/planted.c '#include "cps/auth/trusted.h"'
    break_in cps/api/planted.c '#include "cps/store/redis/wire/conn.h"'
    break_in cps/store/redis/wire/planted.c '#include "cps/store/redis/topology/slot.h"'
    break_in cps/store/redis/topology/planted.c '#include "cps/store/redis/box/row.h"'
    break_in common/base/planted.c '#include "common/number/tn.h"'
    break_in common/jose/planted.c '#include "common/cert/chain.h"'
    break_in common/cert/planted.c '#include "common/passport/passport.h"'
    break_in common/passport/planted.c '#include "common/net/tls_policy.h"'
    break_in common/base/planted.c '#include "client/cps.h"'
    break_in common/base/planted.h '#include "cps/store/store.h"'
    break_in common/base/planted.c '#include <pthread.h>'
    break_in common/base/planted.c '#include <sys/socket.h>'
    break_in common/base/planted.c '#include <uv.h>'
    break_in client/smpp/planted.c '#include "client/lib/context/handle.h"'
    break_in client/smpp/planted.c '#include <sys/socket.h>'
    break_in client/sidecar/relay/planted.c '#include <uv.h>'
    break_in client/sidecar/relay/planted.c '#include "client/sidecar/filter/filter.h"'
    break_in client/sidecar/filter/planted.c '#include "client/lib/sign/signer.h"'
    break_in client/ctl/planted.c '#include "client/lib/sign/signer.h"'
    break_in cps/planted.c '#include "cps/store/store.h"'
    fine_in client/sidecar/server/planted.c '#include <uv.h>'
    plant planted.h '' 'planted.h:1: '
    plant planted/x.h '' 'planted:1: '
    fine_in client/lib/net/transport_planted.c '#include <curl/curl.h>'
    fine_in cps/net/fetch_planted.c '#include <curl/curl.h>'
    fine_in client/lib/verify/replay_sqlite_planted.c '#include <sqlite3.h>'
    fine_in cps/store/redis/wire/planted.c '#include <hiredis/async.h>'
    fine_in cps/server/planted.c '#include <libwebsockets.h>'
    fine_in common/base/planted.c '/* #include "cps/store/store.h" */'
    plant_many
    echo "self-test: $planted plants, $failed misjudged"
    return $((failed > 0))
}

# Prints the circles of calls between the object files of a build, and their number.
circles() {
    local build=${BUILD_DIR:-$home/build/dev}
    python3 "$home/tests/tools/circles.py" "$build"
}

case ${1:-} in
    --circles) circles ;;
    --self-test) self_test ;;
    *) check "${1:-$home}" ;;
esac
