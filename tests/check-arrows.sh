#!/bin/bash
# The arrows of the house: who may include what, and what the top level holds. tests/check-arrows.sh [DIRECTORY]
# Prints file:line and the reason for each break; exit status 1 if there is one.
# tests/check-arrows.sh --self-test plants breaks of each kind in a copy and expects each to be found.
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

# One line a rule: who (a regular expression of paths), but for whom, may not include what, and why.
rules() {
    cat <<'RULES'
^client/	-	(^|/)cps/	client/ includes nothing of cps/
^cps/	-	(^|/)client/	cps/ includes nothing of client/
^common/	-	(^|/)(cps|client)/	common/ uses neither cps/ nor client/
^(common|cps|client)/	-	(^|/)tests/	only tests include tests
^common/	-	^(libwebsockets\.h|uv\.h|uv/|hiredis|curl/|sqlite3\.h)	common/ has no loop, network or store
^client/(smpp/|gateway/(relay|queue|held|counters))	-	^(uv\.h|uv/|sys/socket\.h|sys/un\.h|netdb\.h|poll\.h|pthread\.h)	the SMPP codec and relay have no loop, sockets or threads
^common/	^common/log_writer\.c$	^(pthread\.h|threads\.h|semaphore\.h)	common/ has no threads
^common/	^common/(log_writer\.c|notify\.c|listen_address\.[ch])$	^(sys/socket\.h|sys/un\.h|netdb\.h|poll\.h|sys/(poll|epoll|select|eventfd)\.h)	common/ has no sockets
^(common|cps|client)/	^cps/store_redis[^/]*\.[ch]$	^hiredis	only the Redis store includes hiredis
^(common|cps|client)/	^cps/(server|conn)[^/]*\.[ch]$	^libwebsockets	only the server includes libwebsockets
^(common|cps|client)/	^(client/lib/transport|cps/fetch|client/ctl/admin)[^/]*\.[ch]$	^curl/	only libcps' transport, the fetcher and cpsctl's way to an admin listener include curl
^(common|cps|client)/	^client/lib/[^/]*sqlite[^/]*\.[ch]$	^sqlite3	only the replay memory and the spool include SQLite
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
    table=$(mktemp)
    rules >"$table"
    files=$(list_files "$1")
    check_top <<<"$files" || status=1
    (cd "$1" && grep -E '\.[ch]$' <<<"$files" | grep -E '^(common|cps|client|tests)/' | check_includes "$table") || status=1
    rm -f "$table"
    return $status
}

# plant FILE LINE FOUND: with the line in that file, the check prints one line that starts with FOUND, or nothing.
plant() {
    local file=$copy/$1 found
    cp -r "$pristine" "$copy"
    mkdir -p "$(dirname "$file")"
    printf '#pragma once\n%s\n' "$2" >"$file"
    found=$(check "$copy") && found=
    if [[ -z $3 && -n $found || -n $3 && $found != "$3"* || $found == *$'\n'* ]]; then
        printf 'self-test: %s: %s: expected "%s", found:\n%s\n' "$1" "$2" "$3" "$found" >&2
        failed=$((failed + 1))
    fi
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
    break_in client/lib/planted.c '#include "cps/store.h"'
    break_in client/ctl/planted.h '#include "../cps/store.h"'
    break_in client/lib/planted.c ' #  include <curl/curl.h>'
    break_in cps/planted.c '#include <curl/curl.h>'
    break_in client/ctl/transport.c '#include <curl/curl.h>'
    break_in client/ctl/planted_sqlite.c '#include <sqlite3.h>'
    break_in cps/planted.c '#include "client/cps.h"'
    break_in cps/planted.c '#include <hiredis/hiredis.h>'
    break_in cps/store_memory_planted.c '#include <hiredis/async.h>'
    break_in cps/planted.h '#include <libwebsockets.h>'
    break_in cps/planted.c '#include "tests/unit/unit.h"'
    break_in common/planted.c '#include "client/cps.h"'
    break_in common/planted.h '#include "cps/store.h"'
    break_in common/planted.c '#include <pthread.h>'
    break_in common/planted.c '#include <sys/socket.h>'
    break_in common/planted.c '#include <uv.h>'
    break_in client/gateway/relay_planted.c '#include <uv.h>'
    break_in client/smpp/planted.c '#include <sys/socket.h>'
    fine_in client/gateway/link_planted.c '#include <uv.h>'
    plant planted.h '' 'planted.h:1: '
    plant planted/x.h '' 'planted:1: '
    fine_in client/lib/transport_planted.c '#include <curl/curl.h>'
    fine_in cps/fetch_planted.c '#include <curl/curl.h>'
    fine_in client/lib/replay_sqlite_planted.c '#include <sqlite3.h>'
    fine_in cps/store_redis_planted.c '#include <hiredis/async.h>'
    fine_in cps/server_planted.c '#include <libwebsockets.h>'
    fine_in common/planted.c '/* #include "cps/store.h" */'
    echo "self-test: $planted plants, $failed misjudged"
    return $((failed > 0))
}

case ${1:-} in
    --self-test) self_test ;;
    *) check "${1:-$home}" ;;
esac
